"""What the command line reads and writes: containers, batches, exit codes, nothing half done."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
import soundfile
import torch

from tests.conftest import magnitude
from torch_specinv import SpecInvError
from torch_specinv.cli import main
from torch_specinv.cli.outputs import arrange
from torch_specinv.comparing.signals import speech_like
from torch_specinv.io import read_audio, write_audio_files
from torch_specinv.long.piece_solver import PieceSolver

RUN = ["--max-iter", "3", "--quiet", "--algorithm", "griffin_lim"]


@pytest.fixture
def batch(tmp_path, monkeypatch):
    """Magnitudes of eight clips, (8, 129, frames); the working directory is an empty folder."""
    monkeypatch.chdir(tmp_path)
    clips = torch.stack([speech_like(sr=8000, seconds=0.3, seed=seed) for seed in range(8)])
    return magnitude(clips, 256)


def waves(pattern):
    return {path.name: read_audio(path)[0] for path in sorted(Path().glob(pattern))}


def test_a_batch_makes_a_file_for_each_item(batch, capsys):
    torch.save({"mag": batch, "sr": 8000}, "batch.pt")
    assert main(["invert", "batch.pt", "-o", "out.wav", *RUN, "--init", "zero"]) == 0
    out = capsys.readouterr().out.splitlines()
    made = waves("out*")
    assert list(made) == [f"out_{i}.wav" for i in range(8)]
    assert out[0].startswith("8 files in ")
    assert len(out) == 9
    for i, (name, wave) in enumerate(made.items()):
        np.save("one.npy", batch[i].numpy())
        command = [
            "invert",
            "one.npy",
            "-o",
            "one.wav",
            "--sr",
            "8000",
            "--force",
            "--init",
            "zero",
        ]
        assert main([*command, *RUN]) == 0
        alone = read_audio("one.wav")[0]
        assert wave.shape == alone.shape == (1, 64 * (batch.shape[-1] - 1))
        assert torch.allclose(wave, alone, atol=1e-5)
        # and each line is that of its file
        line = capsys.readouterr().out.splitlines()[0]
        assert out[i + 1].startswith(f"{name}: ")
        assert out[i + 1].split(", sc ")[1] == line.split(", sc ")[1]


@pytest.mark.parametrize(
    ("shape", "flags", "expected"),
    [
        ((1, 1), [], {"out.wav": 1}),
        ((1,), [], {"out.wav": 1}),
        ((2, 1), [], {"out_0.wav": 1, "out_1.wav": 1}),
        ((1, 2), [], {"out_0.wav": 1, "out_1.wav": 1}),
        ((2,), ["--channels"], {"out.wav": 2}),
        ((1, 2), ["--channels"], {"out.wav": 2}),
        ((2, 1), ["--channels"], {"out_0.wav": 1, "out_1.wav": 1}),
        ((3, 2), ["--channels"], {f"out_{i}.wav": 2 for i in range(3)}),
        ((12,), [], {f"out_{i:02d}.wav": 1 for i in range(12)}),
    ],
)
def test_files_and_channels(batch, shape, flags, expected):
    spec = torch.cat([batch, batch])[: int(np.prod(shape))].reshape(*shape, *batch.shape[-2:])
    np.save("batch.npy", spec.numpy())
    run = ["invert", "batch.npy", "-o", "out.wav", "--sr", "8000", *RUN, *flags]
    assert main(run) == 0
    assert {name: len(wave) for name, wave in waves("out*").items()} == expected


def test_dimensions_that_mean_nothing(batch, capsys):
    np.save("batch.npy", batch[:6].reshape(3, 2, *batch.shape[1:]).numpy())
    assert main(["invert", "batch.npy", "-o", "out.wav", "--sr", "8000", *RUN]) == 2
    assert "Pass --channels" in capsys.readouterr().err
    with pytest.raises(SpecInvError, match=r"a\.npy holds shape \(3, 2, 2, 5, 4\): at most one"):
        arrange(torch.ones(3, 2, 2, 5, 4), Path("a.npy"), channels=True)


def test_all_outputs_are_looked_at_before_any_work(batch, capsys, monkeypatch):
    np.savez("batch.npz", mag=batch.numpy(), sr=8000)
    soundfile.write("out_5.wav", np.zeros(10), 8000)

    def never(*_args, **_keywords):
        raise AssertionError

    monkeypatch.setattr("torch_specinv.cli.invert.invert", never)
    assert main(["invert", "batch.npz", "-o", "out.wav", *RUN]) == 2
    assert "out_5.wav exists already" in capsys.readouterr().err
    assert main(["invert", "batch.npz", "-o", "none/out.wav", *RUN]) == 2
    os.mkdir("folder.wav")  # noqa: PTH102
    np.savez("one.npz", mag=batch[0].numpy(), sr=8000)
    assert main(["invert", "one.npz", "-o", "folder.wav", "--force", *RUN]) == 2
    assert "folder.wav is a folder" in capsys.readouterr().err

    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("torch_specinv.io.outputs.open_locked", refuse)
    assert main(["invert", "one.npz", "-o", "new.wav", *RUN]) == 2
    assert "You lack the permission to write" in capsys.readouterr().err


def test_all_files_or_none(tmp_path, monkeypatch):
    """The third does not fit on the disk: the first two do not appear either."""
    from torch_specinv.io import audio_writing as audio

    encode = audio._encode

    def full(temporary, path, *arguments, **keywords):
        if path.name == "c.wav":
            raise OSError(errno.ENOSPC, "No space left on device")
        encode(temporary, path, *arguments, **keywords)

    monkeypatch.setattr(audio, "_encode", full)
    paths = [tmp_path / f"{name}.wav" for name in "abcd"]
    with pytest.raises(SpecInvError, match=r"c\.wav cannot be written: No space left"):
        write_audio_files(paths, [torch.zeros(10)] * 4, 8000)
    assert not list(tmp_path.iterdir())
    with pytest.raises(SpecInvError, match="4 paths for 1 waves"):
        write_audio_files(paths, [torch.zeros(10)], 8000)
    with pytest.raises(SpecInvError, match=r"the wave reaches 2, which \.flac would clip"):
        write_audio_files([paths[0], tmp_path / "e.flac"], [torch.full((9,), 2.0)] * 2, 8000)
    assert not list(tmp_path.iterdir())
    write_audio_files(paths[:2], [torch.zeros(10)] * 2, 8000)
    assert len(list(tmp_path.iterdir())) == 2


def test_audio_stays_one_file(batch, capsys):
    soundfile.write("in.wav", np.random.default_rng(0).standard_normal((2000, 3)) / 9, 8000)
    assert main(["invert", "in.wav", "-o", "out.wav", "--n-fft", "256", *RUN]) == 0
    assert len(read_audio("out.wav")[0]) == 3
    assert main(["invert", "in.wav", "-o", "b.wav", "--key", "a", *RUN]) == 2
    assert "--key is for files of arrays" in capsys.readouterr().err


def test_presets_make_files_too(batch):
    mel = torch.log(0.1 * torch.rand(3, 1, 80, 20) + 1e-3)
    torch.save([mel, {"rate": 1.0}], "mel.pt")
    command = ["invert", "mel.pt", "-o", "out.wav", "--max-iter", "2", "--quiet"]
    assert main([*command, "--preset", "hifigan"]) == 0
    assert list(waves("out*")) == ["out_0.wav", "out_1.wav", "out_2.wav"]


@pytest.mark.filterwarnings("always")
def test_two_sample_rates(batch, capsys):
    np.savez("one.npz", mag=batch[0].numpy(), sr=8000)
    assert main(["invert", "one.npz", "-o", "a.wav", "--sr", "16000", *RUN]) == 0
    assert read_audio("a.wav")[1] == 16000
    warning = "specinv: warning: one.npz names a sample rate of 8000 Hz, but 16000 Hz is used."
    assert warning in capsys.readouterr().err


def test_matlab_is_an_array(batch, capsys):
    array = batch[0].double().numpy()
    scipy.io.savemat("a.mat", {"S": array, "fs": 8000.0})
    assert main(["invert", "a.mat", "-o", "out.wav", *RUN]) == 0
    wave, sr = read_audio("out.wav")
    assert sr == 8000
    assert wave.shape == (1, 64 * (array.shape[-1] - 1))
    capsys.readouterr()
    assert main(["doctor", "a.mat"]) == 0
    assert "magnitude" in capsys.readouterr().out


BAD = {
    "folder.npy": lambda path: path.mkdir(),
    "pipe.npy": lambda path: os.mkfifo(path),
    "pipe.wav": lambda path: os.mkfifo(path),
    "empty.h5": lambda path: path.touch(),
    "broken.pt": lambda path: path.write_bytes(b"PK\3\4 and so on"),
    "words.csv": lambda path: path.write_text("a,b\nc,d\n"),
    "sound.m4a": lambda path: path.write_bytes(b"....ftypM4A "),
    "objects.npy": lambda path: np.save(path, np.array([None]), allow_pickle=True),
    "a b.safetensors": lambda path: path.write_bytes(b"\xff" * 20),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("command", ["invert", "invert-long", "doctor"])
def test_bad_input_is_exit_code_2(tmp_path, monkeypatch, capsys, name, command):
    monkeypatch.chdir(tmp_path)
    BAD[name](tmp_path / name)
    before = sorted(tmp_path.iterdir())
    output = [] if command == "doctor" else ["-o", "out.wav", "--quiet"]
    assert main([command, name, *output, "--sr", "8000"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("specinv: error: ")
    assert name in captured.err
    assert captured.err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_a_full_disk_is_exit_code_1(batch, capsys, monkeypatch):
    np.savez("one.npz", mag=batch[0].numpy(), sr=8000)

    def full(*_arguments, **_keywords):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("torch_specinv.io.audio_writing._encode", full)
    before = sorted(os.listdir())  # noqa: PTH208
    assert main(["invert", "one.npz", "-o", "out.wav", *RUN]) == 1
    assert "out.wav cannot be written: No space left" in capsys.readouterr().err
    assert sorted(os.listdir()) == before  # noqa: PTH208


def test_names_with_dashes_and_blanks(batch):
    np.save("-a b.npy", batch[0].numpy())
    assert main(["invert", "--output=-o.wav", "--sr", "8000", *RUN, "--", "-a b.npy"]) == 0
    assert main(["invert", "./-a b.npy", "-o", "./- .wav", "--sr", "8000", *RUN]) == 0
    assert set(waves("*.wav")) == {"-o.wav", "- .wav"}


def test_long_recordings_from_archives(batch, capsys, monkeypatch):
    other = 2 * batch[1]
    np.savez("a.npz", one=batch[0].numpy(), other=np.asfortranarray(other.numpy()), sr=8000)
    np.save("b.npy", np.ascontiguousarray(other.numpy()))
    run = ["--max-iter", "3", "--quiet", "--piece", "20"]
    assert main(["invert-long", "a.npz", "-o", "a.wav", *run, "--key", "other"]) == 0
    assert main(["invert-long", "b.npy", "-o", "b.wav", *run, "--sr", "8000"]) == 0
    (wave, sr), (expected, _) = read_audio("a.wav"), read_audio("b.wav")
    assert sr == 8000
    assert torch.equal(wave, expected)
    assert main(["invert-long", "a.npz", "-o", "c.wav", *run]) == 2
    assert "Choose with --key one of one" in capsys.readouterr().err
    with h5py.File("c.h5", "w") as file:
        file["mag"] = other.numpy()
    assert main(["invert-long", "c.h5", "-o", "c.wav", *run, "--sr", "8000"]) == 2
    assert "can be read in pieces" in capsys.readouterr().err

    # what was begun with one array is not continued with another
    solve = PieceSolver.solve

    def interrupt(self, piece):
        if piece.begin:
            raise KeyboardInterrupt
        return solve(self, piece)

    with monkeypatch.context() as patch:
        patch.setattr(PieceSolver, "solve", interrupt)
        assert main(["invert-long", "a.npz", "-o", "d.wav", *run, "--key", "one"]) == 1
    capsys.readouterr()
    assert main(["invert-long", "a.npz", "-o", "d.wav", *run, "--key", "other"]) == 2
    assert "a run with other settings (key differ)" in capsys.readouterr().err
