"""The learned start: PGHI with corrected steps, better, deterministic, alone as in a batch."""

from __future__ import annotations

import importlib
import inspect

import numpy as np
import pytest
import torch

from tests.conftest import hann, magnitude
from torch_specinv import STFT, ConventionWarning, invert, metrics, phase_init
from torch_specinv.comparing.signals import CLIPS
from torch_specinv.phase import PHASES, step_network
from torch_specinv.solve import ALGORITHMS
from torch_specinv.transform.ragged import ragged_stft

module = importlib.import_module("torch_specinv.phase.learned")


def start_error(wave, name, **keywords):
    """SC of the start's waveform to the exact magnitude."""
    spec = torch.stft(wave, return_complex=True, **keywords).abs()
    stft = STFT.of(spec, length=len(wave), **keywords)
    guess = phase_init(spec, method=name, length=len(wave), **keywords)
    return float(metrics.sc(stft(stft.synthesise(guess)), spec))


def test_it_is_registered_and_nobodys_default():
    assert PHASES["learned"] is inspect.unwrap(module.learned)
    assert all(algorithm.default_start != "learned" for algorithm in ALGORITHMS.values())


def test_the_weights_are_small_and_plain_arrays():
    assert module.WEIGHTS.stat().st_size < 500_000
    with np.load(module.WEIGHTS, allow_pickle=False) as arrays:
        assert len(arrays.files) == 2 * len(step_network.LAYERS)
        for name in arrays.files:
            assert np.isfinite(arrays[name]).all()


@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.parametrize(
    ("geometry", "gain"),
    [
        ({}, 1.5), ({"hop_length": 256}, 2.5), ({"hop_length": 64}, 0.7),
        ({"window": torch.blackman_window(512)}, 3.0), ({"window": torch.hamming_window(512)}, 1.4),
        ({"n_fft": 1024, "window": torch.hann_window(1024)}, 2.0),
        ({"window": torch.hann_window(400), "win_length": 400, "hop_length": 100}, 2.0),
    ],
)  # fmt: skip
def test_it_starts_nearer_than_pghi(clip, geometry, gain):
    """On sound that no training has seen."""
    wave = CLIPS[clip](sr=16000, seconds=2.0, seed=5)
    keywords = {"n_fft": 512, "hop_length": None, "window": torch.hann_window(512), **geometry}
    pghi, ours = (start_error(wave, name, **keywords) for name in ("pghi", "learned"))
    assert ours < pghi - gain


def test_it_is_the_start_of_invert(speech):
    spec = magnitude(speech[:1984])
    run = {"max_iter": 1, "window": hann(256), "length": 1984, "verbose": False}
    result = invert(spec, "griffin_lim", init="learned", **run)
    expected = start_error(speech[:1984], "learned", n_fft=256, window=hann(256))
    assert float(result.history["sc"][0]) == pytest.approx(expected, abs=1e-6)


def test_without_corrections_it_is_pghi(clips, monkeypatch):
    def none(_strength, *_rest):
        return torch.zeros(2, *_strength.shape, dtype=torch.int32)

    monkeypatch.setattr(module, "corrections", none)
    spec = magnitude(clips)
    ours, pghi = (phase_init(spec, method=m, window=hann(256)) for m in ("learned", "pghi"))
    assert torch.equal(ours, pghi)


def test_untrained_weights_correct_nothing():
    """Angles of (1, 0) are 0."""
    layers = [
        (torch.zeros(outputs, inputs, *kernel), torch.zeros(outputs))
        for inputs, outputs, kernel, _ in step_network.LAYERS
    ]
    layers[-1][1][::2] = 1
    by_time, by_frequency = step_network.run(torch.randn(2, 16, 7, 5), layers)
    assert by_time.shape == by_frequency.shape == (2, 7, 20)
    assert (by_time == 0).all() and (by_frequency == 0).all()


@pytest.mark.without_native
def test_batch_is_single_and_nothing_is_random(clips):
    spec = magnitude(clips)
    together = phase_init(spec, method="learned", window=hann(256))
    assert torch.equal(together, phase_init(spec, method="learned", window=hann(256)))
    for i, own in enumerate(spec):
        alone = phase_init(own, method="learned", window=hann(256))
        assert torch.equal(together[i], alone)


@pytest.mark.parametrize("geometry", [{}, {"center": False}, {"pad_mode": "constant"}])
def test_ragged_items_are_as_if_alone(clips, geometry):
    lengths = [1792, 1024, 300]
    keywords = {"n_fft": 256, "window": hann(256), **geometry}
    alone = [
        torch.stft(clip[:n], return_complex=True, **keywords).abs()
        for clip, n in zip(clips[[0, 1, 3]], lengths, strict=True)
    ]
    frames = max(spec.shape[-1] for spec in alone)
    batch = torch.full((3, 129, frames), 7.0, dtype=torch.float64)
    for row, spec in zip(batch, alone, strict=True):
        row[:, : spec.shape[-1]] = spec
    stft, masked = ragged_stft(batch, lengths, **keywords)
    together = module.learned(masked, stft)
    for i, (spec, n) in enumerate(zip(alone, lengths, strict=True)):
        single = STFT.of(spec, length=n, **keywords)
        phase = module.learned(spec[None], single)[0]
        assert torch.equal(together[i, :, : spec.shape[-1]], phase)


def test_level_does_not_matter(clips):
    spec = magnitude(clips[:2])
    one = phase_init(spec, method="learned", window=hann(256))
    other = phase_init(spec * 2.0**-20, method="learned", window=hann(256))
    assert torch.equal(one * 2.0**-20, other)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_dtypes(clips, dtype):
    spec = magnitude(clips[0]).to(dtype)
    guess = phase_init(spec, method="learned", window=torch.hann_window(256))
    assert guess.dtype == (torch.complex128 if dtype == torch.float64 else torch.complex64)
    assert torch.isfinite(torch.view_as_real(guess)).all()
    exact = phase_init(magnitude(clips[0]), method="learned", window=hann(256))
    difference = metrics.sc(guess.to(torch.complex128).abs(), exact.abs())
    assert float(difference) < -35


def test_autocast_changes_nothing(clips):
    spec = magnitude(clips[0]).float()
    guess = phase_init(spec, method="learned", window=torch.hann_window(256))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(phase_init(spec, method="learned", window=torch.hann_window(256)), guess)


def test_silence_and_single_frames():
    keywords = {"method": "learned", "window": hann(64), "n_fft": 64}
    assert (phase_init(torch.zeros(2, 33, 9, dtype=torch.float64), **keywords) == 0).all()
    one = phase_init(torch.rand(33, 1, dtype=torch.float64), center=False, **keywords)
    assert torch.isfinite(torch.view_as_real(one)).all()
    empty = torch.zeros(33, 9, dtype=torch.float64)
    empty[5, 4] = 1
    assert torch.isfinite(torch.view_as_real(phase_init(empty, **keywords))).all()


@pytest.mark.without_native
@pytest.mark.parametrize(
    "geometry",
    [
        {"center": False}, {"pad_mode": "circular"}, {"n_fft": 255, "window": hann(255)},
        {"win_length": 200, "window": hann(200)}, {"hop_length": 100}, {"onesided": False},
        {"normalized": True}, {"window": torch.kaiser_window(256, True, 9.0).double()},
    ],
)  # fmt: skip
def test_any_geometry_beats_random(clips, geometry):
    keywords = {"n_fft": 256, "window": hann(256), **geometry}
    spec = torch.stft(clips[[0, 1, 3, 4]], return_complex=True, **keywords).abs()
    stft = STFT.of(spec, **keywords)
    scores = {
        name: metrics.sc(
            stft(stft.synthesise(phase_init(spec, method=name, **keywords))), spec
        ).mean()
        for name in ("learned", "random")
    }
    assert scores["learned"] < scores["random"] - 4


@pytest.mark.parametrize(
    "geometry", [{"hop_length": 200}, {"hop_length": 8}, {"window": torch.ones(256).double()}]
)
def test_what_it_was_not_trained_for_is_left_to_pghi(clips, geometry):
    keywords = {"n_fft": 256, "window": 0.1 + hann(256), **geometry}
    spec = torch.stft(clips[:2], return_complex=True, **keywords).abs()
    with pytest.warns(ConventionWarning, match="PGHI is used instead"):
        ours = phase_init(spec, method="learned", **keywords)
    assert torch.equal(ours, phase_init(spec, method="pghi", **keywords))


def test_complex_windows_get_the_start_of_pghi():
    with pytest.warns(ConventionWarning, match="SPSI is used instead"):
        phase_init(torch.rand(64, 20), method="learned", window=hann(64).to(torch.complex128))


def test_no_gradient_goes_through_it(clips):
    spec = magnitude(clips[0]).requires_grad_()
    wave = invert(spec, init="learned", max_iter=2, window=hann(256), verbose=False).wave
    wave.square().sum().backward()
    assert torch.isfinite(spec.grad).all()
