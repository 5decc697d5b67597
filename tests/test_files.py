"""Reading refuses what it should, writing is atomic."""

from __future__ import annotations

import contextlib
import os
import warnings

import numpy as np
import pytest
import scipy.io
import soundfile
import torch

from torch_specinv import SpecInvError
from torch_specinv.io import (
    AudioReader,
    atomic,
    read_audio,
    read_spectrogram,
    write_audio,
    write_blocks,
)


@pytest.mark.parametrize(("suffix", "error"), [(".wav", 1e-7), (".flac", 1e-6), (".ogg", 0.2)])
@pytest.mark.parametrize("channels", [1, 2])
def test_audio_round_trip(tmp_path, suffix, error, channels):
    time = torch.arange(8000) / 8000
    wave = 0.5 * torch.stack([torch.sin(2 * torch.pi * f * time) for f in (440, 300)])[:channels]
    write_audio(tmp_path / f"a{suffix}", wave, 8000)
    again, sr = read_audio(tmp_path / f"a{suffix}")
    assert sr == 8000
    assert again.shape == wave.shape
    assert (again - wave).abs().max() < error


def test_float_wav_keeps_what_is_loud(tmp_path):
    write_audio(tmp_path / "a.wav", torch.tensor([3.0, -2.5]), 8000)
    assert torch.equal(read_audio(tmp_path / "a.wav")[0], torch.tensor([[3.0, -2.5]]))
    with pytest.raises(SpecInvError, match=r"reaches 3, which \.flac would clip"):
        write_audio(tmp_path / "a.flac", torch.tensor([3.0, -2.5]), 8000)


def test_numbers_as_keys_and_no_arrays(tmp_path):
    torch.save({3: torch.ones(2, 2), 4: torch.zeros(1)}, tmp_path / "a.pt")
    assert read_spectrogram(tmp_path / "a.pt", "3").sum() == 4
    np.savez(tmp_path / "empty.npz")
    with pytest.raises(SpecInvError, match="holds no arrays"):
        read_spectrogram(tmp_path / "empty.npz")


def test_several_arrays_need_a_key(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((2, 2)), y=np.ones((2, 2)))
    assert read_spectrogram(tmp_path / "a.npz", "y").sum() == 4
    with pytest.raises(SpecInvError, match=r"several.*--key one of x \(2 x 2\), y \(2 x 2\)"):
        read_spectrogram(tmp_path / "a.npz")
    with pytest.raises(SpecInvError, match="does not hold 'z'"):
        read_spectrogram(tmp_path / "a.npz", "z")
    np.save(tmp_path / "b.npy", np.zeros((2, 2)))
    with pytest.raises(SpecInvError, match="leave out --key"):
        read_spectrogram(tmp_path / "b.npy", "x")
    torch.save({"mag": torch.ones(2, 2)}, tmp_path / "c.pt")
    assert read_spectrogram(tmp_path / "c.pt").sum() == 4
    torch.save([1, 2], tmp_path / "d.pt")
    with pytest.raises(SpecInvError, match="holds no arrays: 2 entries"):
        read_spectrogram(tmp_path / "d.pt")


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3"])
@pytest.mark.parametrize("kept", [0, 20, 0.5])
def test_truncated_audio(tmp_path, suffix, kept):
    path = tmp_path / f"a{suffix}"
    if suffix == ".mp3":
        path.write_bytes(b"not music at all" * 100)
    else:
        write_audio(path, torch.rand(64), 8000)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if kept < 1 else kept])
    if suffix != ".mp3" and kept == 0.5:
        # the decoder salvages what is there, or says so: both are in order, other errors not
        with contextlib.suppress(SpecInvError), warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            wave, _ = read_audio(path)
            assert wave.shape[-1] <= 64
            assert bool(said) == (wave.shape[-1] < 64)
        return
    with pytest.raises(SpecInvError, match=str(path.name)):
        read_audio(path)


def test_missing_and_unknown(tmp_path):
    with pytest.raises(SpecInvError, match="does not exist"):
        read_audio(tmp_path / "a.wav")
    (tmp_path / "a.xyz").write_text("x")
    for read in (read_spectrogram, read_audio):
        with pytest.raises(SpecInvError, match=r"\.xyz files .* Arrays .*\.npy,.* audio .*\.wav"):
            read(tmp_path / "a.xyz")
    with pytest.raises(SpecInvError, match=r"can write \.wav"):
        write_audio(tmp_path / "a.txt", torch.zeros(5), 8000)
    with pytest.raises(SpecInvError, match=r"folder .* does not exist"):
        write_audio(tmp_path / "no" / "a.wav", torch.zeros(5), 8000)


def test_writing_is_all_or_nothing(tmp_path):
    path = tmp_path / "a.wav"
    write_audio(path, torch.zeros(5), 8000)
    before = path.read_bytes()
    with pytest.raises(SpecInvError, match="exists already"):
        write_audio(path, torch.ones(9), 8000)

    def break_off():
        with atomic(path, force=True) as temporary:
            temporary.write_bytes(b"half a f")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.wav"]  # noqa: PTH208
    write_audio(path, torch.ones(9), 8000, force=True)
    assert read_audio(path)[0].shape == (1, 9)
    assert os.listdir(tmp_path) == ["a.wav"]  # noqa: PTH208


def test_a_file_made_meanwhile_is_not_overwritten(tmp_path):
    path = tmp_path / "a.wav"
    with (
        pytest.raises(SpecInvError, match="another process"),
        atomic(path, force=False) as temporary,
    ):
        temporary.write_bytes(b"mine")
        path.write_bytes(b"theirs")
    assert path.read_bytes() == b"theirs"
    assert os.listdir(tmp_path) == ["a.wav"]  # noqa: PTH208


def test_long_ogg_files(tmp_path):
    """The encoder crashes on more than two million samples at once."""
    wave = 0.1 * torch.randn(2_500_000, generator=torch.Generator().manual_seed(0))
    write_audio(tmp_path / "long.ogg", wave, 48000)
    assert read_audio(tmp_path / "long.ogg")[0].shape == (1, 2_500_000)


def test_pieces_of_an_mp3_are_those_of_the_whole(tmp_path):
    wave = 0.1 * torch.randn(60000, generator=torch.Generator().manual_seed(0))
    soundfile.write(tmp_path / "a.mp3", wave.numpy(), 22050)
    whole = read_audio(tmp_path / "a.mp3")[0]
    reader = AudioReader(tmp_path / "a.mp3")
    for begin in (0, 1, 1000, 9999, 17000, 30011, 50000):
        piece = reader.read(begin, begin + 2000)
        assert (piece - whole[:, begin : begin + 2000]).abs().max() < 1e-4, begin


@pytest.mark.parametrize(("expected", "name"), [(8000, "WAV"), (2**32, "RF64")])
def test_files_larger_than_a_plain_wav(tmp_path, expected, name):
    """Their sizes do not fit in 32 bits, so they have another header."""
    wave = torch.randn(1000, 2, generator=torch.Generator().manual_seed(0)) / 10
    path = tmp_path / "wave.wav"
    write_blocks(path, [wave.numpy()], 8000, 2, force=False, bytes_expected=expected)
    assert soundfile.info(path).format == name
    assert torch.equal(read_audio(path)[0], wave.T)


def test_what_libsndfile_takes_for_audio(tmp_path):
    """MATLAB's arrays and files without a header are loud noise, if they are played."""
    scipy.io.savemat(tmp_path / "a.mat", {"mag": np.ones((5, 4))}, format="4")
    assert read_spectrogram(tmp_path / "a.mat").shape == (5, 4)
    soundfile.write(tmp_path / "a.mat", np.zeros(100), 8000, format="MAT5")
    for read in (read_audio, AudioReader):
        with pytest.raises(SpecInvError, match=r"\.mat files are not read as audio"):
            read(tmp_path / "a.mat")
    (tmp_path / "a.mat").rename(tmp_path / "a.wav")
    (tmp_path / "a.au").write_bytes(b"text and no sound" * 9)
    for name in ("a.wav", "a.au"):
        for read in (read_audio, AudioReader):
            with pytest.raises(SpecInvError, match="is not audio, whatever its name says"):
                read(tmp_path / name)
