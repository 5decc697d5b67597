"""Long recordings: in pieces they come out as the whole does."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
import torch

from tests.cases import GEOMETRIES, KINDS, POINTWISE
from tests.conftest import hann
from tests.long_cases import RUN, read, save, wave_of
from torch_specinv import invert, invert_long
from torch_specinv.comparing.signals import music_like, speech_like
from torch_specinv.io import write_audio
from torch_specinv.long import piece_solver
from torch_specinv.long.pieces import cut
from torch_specinv.solve import ALGORITHMS
from torch_specinv.transform.stft import STFT

#: Ends that are joined can't be pieces, and with very many frames over each other a piece takes in
#: nearly the whole.
FITTING = {
    name: geometry
    for name, geometry in GEOMETRIES.items()
    if geometry.get("pad_mode") != "circular" and geometry.get("hop_length", 32) > 2
}


@pytest.mark.parametrize("geometry", FITTING)
@pytest.mark.parametrize("kind", KINDS)
def test_equal_to_the_whole(kind, geometry, tmp_path):
    compare_with_whole(
        KINDS[kind], {"n_fft": 128, "window": hann(128), **FITTING[geometry]}, tmp_path
    )


@pytest.mark.parametrize("name", POINTWISE)
def test_every_algorithm_is_equal_to_the_whole(name, tmp_path):
    compare_with_whole(ALGORITHMS[name](), {}, tmp_path)


def compare_with_whole(algorithm, geometry, tmp_path):
    source, magnitude, keywords = save(tmp_path, **geometry)
    result = invert_long(
        source, tmp_path / "out.wav", algorithm, init="random", seed=5, sr=8000, piece=37,
        **keywords, **RUN,
    )  # fmt: skip
    generator = torch.Generator().manual_seed(5)
    whole = invert(
        magnitude,
        algorithm,
        init="random",
        generator=generator,
        tol=0,
        eva_iter=4,
        **keywords,
        **RUN,
    )
    assert (read(tmp_path / "out.wav") - whole.wave).abs().max() < 1e-9
    assert torch.allclose(torch.tensor(result.sc).double(), whole.history["sc"][-1], atol=1e-6)
    assert (result.sr, result.samples) == (8000, 4001)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["magnitude.npy", "out.wav"]


def test_the_halo_is_needed(tmp_path, monkeypatch):
    """A test that the test above can fail: with half the halo the result is another."""
    source, magnitude, keywords = save(tmp_path)
    monkeypatch.setattr(piece_solver, "halo_of", lambda geometry, trips: 2 * trips)
    invert_long(
        source, tmp_path / "out.wav", "griffin_lim", init="zero", sr=8000, piece=37, **keywords,
        **RUN,
    )  # fmt: skip
    whole = invert(magnitude, "griffin_lim", init="zero", tol=0, eva_iter=4, **keywords, **RUN)
    assert (read(tmp_path / "out.wav") - whole.wave).abs().max() > 1e-6


@pytest.mark.parametrize("samples", [None, 51 * 16])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("name", ["amdr", "griffin_lim"])
def test_small_pieces(name, size, samples, tmp_path):
    """Also where the last frame is of no sample."""
    source, magnitude, keywords = save(tmp_path, 51 * 16)
    keywords["length"] = samples
    run = {"init": "zero", **keywords, **RUN}
    invert_long(source, tmp_path / "out.wav", name, sr=8000, piece=size, **run)
    whole = invert(magnitude, name, tol=0, eva_iter=4, **run)
    assert (read(tmp_path / "out.wav") - whole.wave).abs().max() < 1e-9
    write_audio(tmp_path / "in.wav", 0.1 * wave_of(750).float(), 8000)
    audio = {"n_fft": 64, "window": torch.hann_window(64), "piece": size, "force": True, **RUN}
    assert invert_long(tmp_path / "in.wav", tmp_path / "out.wav", name, **audio).samples == 750


@pytest.mark.parametrize("samples", [900 + n for n in (0, 1, 27, 28, 29, 30, 31)] + [1436])
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("size", [2, 7, 37])
def test_samples_that_are_hardly_seen(samples, center, size, tmp_path):
    """Those at the ends of a window that fades are calmed by a level that a piece knows as well."""
    source, magnitude, keywords = save(tmp_path, samples, center=center, hop_length=32)
    keywords["length"] = None if not center else samples
    noise = torch.rand(magnitude.shape, dtype=torch.float64, generator=torch.manual_seed(samples))
    np.save(source, (magnitude * (1 + noise)).numpy())
    run = {"init": "zero", **keywords, **RUN}
    invert_long(source, tmp_path / "out.wav", "griffin_lim", sr=8000, piece=size, **run)
    whole = invert(magnitude * (1 + noise), "griffin_lim", tol=0, eva_iter=4, **run)
    assert (read(tmp_path / "out.wav") - whole.wave).abs().max() < 1e-9


@pytest.mark.parametrize("size", [1, 2, 7, 250, 10**6])
def test_pieces_of_any_size_and_a_complex_start(size, tmp_path):
    source, magnitude, keywords = save(tmp_path, 1500)
    start = torch.polar(magnitude, 6 * torch.rand(magnitude.shape, dtype=torch.float64))
    np.save(source, start.numpy())
    invert_long(source, tmp_path / "out.wav", sr=8000, piece=size, **keywords, **RUN)
    whole = invert(start, "amdr", eva_iter=4, **keywords, **RUN)
    assert (read(tmp_path / "out.wav") - whole.wave).abs().max() < 1e-9


@pytest.mark.parametrize("frames", [1, 2, 5, 100])
def test_pieces_cover_all_frames_once(frames):
    for size in (1, 2, 3, 7, 200):
        for groups in (1, 2):
            pieces = cut(frames, max(size, groups), 5, groups)
            covered = [m for piece in pieces for m in range(piece.begin, piece.end)]
            assert covered == list(range(frames))
            assert all(piece.begin < piece.end for piece in pieces)
            assert all(piece.end - piece.begin <= size + groups + 1 for piece in pieces)
            assert all(piece.low % groups == piece.begin % groups == 0 for piece in pieces)


@pytest.mark.parametrize("init", ["pghi", "spsi"])
def test_guessed_phases_are_joined(init, tmp_path):
    """Guessed for each piece alone, they are still worth it."""
    t = torch.arange(16000, dtype=torch.float64) / 8000
    wave = torch.sin(2 * torch.pi * (300 + 200 * t) * t) * torch.exp(-4 * (t % 0.5))
    keywords = {"n_fft": 256, "window": hann(256), "length": 16000}
    stft = STFT.of_wave(wave, n_fft=256, window=hann(256))
    np.save(tmp_path / "magnitude.npy", stft(wave).numpy())
    run = {"max_iter": 30, "verbose": False, "init": init, **keywords}
    source = tmp_path / "magnitude.npy"
    pieces = invert_long(source, tmp_path / "out.wav", sr=8000, piece=60, **run)
    invert_long(source, tmp_path / "one.wav", sr=8000, **run)
    chance = {**run, "init": "random"}
    chance = invert_long(source, tmp_path / "random.wav", sr=8000, piece=60, **chance)
    whole = invert(stft(wave), "amdr", eva_iter=30, **run)
    assert (read(tmp_path / "one.wav")[0] - whole.wave).abs().max() < 1e-9
    assert pieces.sc[0] < chance.sc[0] - 3


@pytest.mark.parametrize("init", ["pghi", "spsi", "learned"])
@pytest.mark.parametrize("sound", [speech_like, music_like])
def test_guessed_phases_of_pieces_cost_little(init, sound, tmp_path):
    """The bound that the docstring of invert_long gives."""
    wave, window = sound(16000, 3.0), torch.hann_window(512)
    spec = STFT.of_wave(wave, n_fft=512, hop_length=128, window=window)(wave)
    np.save(tmp_path / "magnitude.npy", spec.numpy())
    run = {"hop_length": 128, "window": window, "length": len(wave), "max_iter": 20, "init": init}
    run["verbose"] = False
    source = tmp_path / "magnitude.npy"
    pieces = invert_long(source, tmp_path / "out.wav", sr=16000, piece=125, **run)
    whole = invert(spec, "amdr", tol=0, eva_iter=20, **run).history["sc"][-1]
    assert abs(pieces.sc[0] - float(whole)) < 1


def test_audio_is_read_in_pieces(tmp_path):
    wave = 0.1 * wave_of(5000).float()
    write_audio(tmp_path / "in.wav", wave, 8000)
    run = {"n_fft": 64, "window": torch.hann_window(64), "init": "zero", **RUN}
    invert_long(tmp_path / "in.wav", tmp_path / "out.wav", "griffin_lim", piece=50, **run)
    spec = STFT.of_wave(wave, n_fft=64, window=torch.hann_window(64))(wave)
    whole = invert(spec, "griffin_lim", length=5000, tol=0, eva_iter=4, **run)
    assert (read(tmp_path / "out.wav") - whole.wave).abs().max() < 1e-4
    assert soundfile.info(tmp_path / "out.wav").samplerate == 8000


def test_loud_waves(tmp_path):
    source, magnitude, keywords = save(tmp_path)
    np.save(source, 10 * magnitude.numpy())
    run = {"sr": 8000, "piece": 40, "init": "zero", **keywords, **RUN}
    invert_long(source, tmp_path / "out.wav", **run)
    with pytest.warns(RuntimeWarning, match="would clip: it is scaled to 1"):
        invert_long(source, tmp_path / "out.flac", **run)
    wave, scaled = read(tmp_path / "out.wav"), read(tmp_path / "out.flac")
    assert (wave / wave.abs().max() - scaled).abs().max() < 1e-6
