"""PGHI: how good its phases are, what is real, and its limits."""

from __future__ import annotations

import importlib
import math

import pytest
import torch

from tests.conftest import hann, magnitude
from torch_specinv import STFT, ConventionWarning, invert, metrics, native, phase_init
from torch_specinv.transform.ragged import ragged_stft
from torch_specinv.transform.windows import gaussian_width

# the package has a function of that name
pghi_module = importlib.import_module("torch_specinv.phase.pghi")
locked_module = importlib.import_module("torch_specinv.phase.locked")


def test_a_chirp_in_a_gaussian_window_is_nearly_exact():
    """The relation between phase and magnitude holds for Gaussians: SC far below other windows."""
    time = torch.arange(8000, dtype=torch.float64)
    wave = torch.sin(0.2 * time + 2e-5 * time**2) * torch.exp(-(((time - 4000) / 1500) ** 2))
    n = torch.arange(512, dtype=torch.float64) - 256
    window = torch.exp(-0.5 * (n / 60) ** 2)
    spec = torch.stft(wave, 512, 64, window=window, return_complex=True).abs()
    keywords = {"window": window, "hop_length": 64}
    stft = STFT.of(spec, **keywords)
    guess = phase_init(spec, method="pghi", **keywords)
    assert metrics.sc(stft(stft.synthesise(guess)), spec) < -35
    assert gaussian_width(window) == pytest.approx(2 * math.pi * 60**2, rel=1e-3)


@pytest.mark.without_native
@pytest.mark.parametrize(
    "geometry",
    [
        {"center": False}, {"pad_mode": "constant"}, {"pad_mode": "circular"},
        {"n_fft": 255, "window": hann(255)}, {"win_length": 200, "window": hann(200)},
        {"hop_length": 100}, {"onesided": False}, {"normalized": True},
        {"window": torch.hamming_window(256, periodic=False, dtype=torch.float64)},
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
        for name in ("pghi", "random")
    }
    assert scores["pghi"] < scores["random"] - 4


def test_what_is_real_becomes_real(speech):
    spec = magnitude(speech[:1984], 256)
    guess = phase_init(spec, method="pghi", window=hann(256))
    for bin_ in (0, -1):
        assert (guess[bin_].imag == 0).all()
    sign = (-1.0) ** torch.arange(129)
    assert (guess[:, 0] * sign).imag.abs().max() < 1e-10 * spec.max()


def test_the_last_frame_is_real_about_its_end(speech):
    """Where the signal is reflected about the centre of a frame, so it is in its spectrum."""
    sign = (-1.0) ** torch.arange(129)
    spec = magnitude(speech[:1985], 256)
    true = torch.stft(speech[:1985], 256, window=hann(256), return_complex=True)
    guess = phase_init(spec, method="pghi", window=hann(256), length=1985)
    for spectrum in (true, guess):
        for frame in (0, -1):
            assert (spectrum[:, frame] * sign).imag.abs().max() < 1e-10 * spec.max()


def test_which_bins_are_too_weak_for_a_phase():
    spec = 0.5 + torch.rand(65, 30, dtype=torch.float64)
    keywords = {"method": "pghi", "window": hann(128), "center": False}
    for level, alive in ((1e-5, True), (1e-7, False)):
        levelled = level * spec
        levelled[20, 3] = 1
        guess = phase_init(levelled, **keywords)
        assert (guess[1:-1, 6:].imag.abs().max() > 0) == alive


def test_windows_that_are_no_gaussian():
    spec = torch.rand(33, 20, dtype=torch.float64)
    window = hann(64).to(torch.complex128)
    with pytest.warns(ConventionWarning, match="SPSI is used instead"):
        guess = phase_init(torch.rand(64, 20), method="pghi", window=window)
    assert torch.isfinite(guess).all()
    one = torch.zeros(64, dtype=torch.float64)
    one[32] = 1
    with pytest.warns(ConventionWarning, match="one sample"):
        phase_init(spec, method="pghi", window=one, hop_length=1, center=False)
    with pytest.warns(ConventionWarning, match="SPSI is used instead"):
        invert(torch.rand(64, 20), max_iter=2, window=window, n_fft=64, verbose=False)


@pytest.mark.parametrize("hop", [1, 2, 4])
@pytest.mark.parametrize("n_fft", [16, 16384])
def test_extreme_sizes(n_fft, hop):
    """The share of a window that frames are apart: all of it, a half, a quarter."""
    keywords = {"hop_length": n_fft // hop, "window": 0.1 + hann(n_fft)}
    wave = torch.randn(9 * n_fft, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    spec = torch.stft(wave, n_fft, return_complex=True, **keywords).abs()
    result = invert(spec, max_iter=12, length=len(wave), verbose=False, **keywords)
    assert torch.isfinite(result.wave).all()
    assert result.history["sc"][-1] < result.history["sc"][0] - 3


def test_silence_and_start(clips):
    spec = magnitude(clips)
    guess = phase_init(spec, method="pghi", window=hann(256))
    assert (guess[2] == 0).all()
    history = invert(spec, init="pghi", max_iter=30, window=hann(256), verbose=False).history["sc"]
    assert (history[-1, [0, 1, 3, 4, 5, 6, 7]] < history[0, [0, 1, 3, 4, 5, 6, 7]]).all()


def test_the_end_of_the_signal_is_where_it_is_said_to_be(clips):
    """An end inside a hop is not mistaken for one that is reflected about a frame's centre."""
    wave = clips[0, :1999]
    spec = magnitude(wave, 256)
    stft = STFT.of(spec, length=1999, window=hann(256))
    run = {"max_iter": 1, "init": "pghi", "window": hann(256), "verbose": False}
    start = invert(spec, length=1999, **run).history["sc"][0]
    guess = phase_init(spec, method="pghi", length=1999, window=hann(256))
    assert metrics.sc(stft(stft.synthesise(guess)), spec) == pytest.approx(float(start), abs=1e-9)
    other = phase_init(spec, method="pghi", window=hann(256))
    assert not torch.allclose(guess[:, -1], other[:, -1])


@pytest.mark.without_native
def test_the_method_is_one_synthesis_of_the_start(clips):
    spec = magnitude(clips[:2])
    result = invert(spec, "pghi", max_iter=50, window=hann(256), verbose=False)
    stft = STFT.of(spec, window=hann(256))
    expected = stft.synthesise(phase_init(spec, method="pghi", window=hann(256)))
    assert torch.allclose(result.wave, expected, atol=1e-12)
    assert result.evaluated == (0,)
    assert (result.iterations == 0).all()


@pytest.mark.sanitized
@pytest.mark.skipif(bool(native.missing()), reason="compiled code is not there")
@pytest.mark.parametrize("method", ["pghi", "locked"])
@pytest.mark.parametrize(
    "geometry",
    [
        {}, {"center": False}, {"pad_mode": "constant"}, {"n_fft": 255, "window": hann(255)},
        {"hop_length": 100},
        {"n_fft": 2, "hop_length": 1, "window": torch.ones(2).double()},
    ],
)  # fmt: skip
def test_compiled_slopes_are_those_of_torch(clips, geometry, method, monkeypatch):
    """To the last digit, also where items end early, and for few frames."""
    keywords = {"n_fft": 256, "window": hann(256), **geometry}
    spec = torch.stft(clips[[0, 1, 3, 4]], return_complex=True, **keywords).abs()
    lengths = torch.tensor([clips.shape[1], 1900, 1500, 1000])
    cases = [(spec, {}), (spec[..., :9], {}), (spec, {"lengths": lengths})]
    cases += [(100 * spec.float(), {}), (spec.float(), {"lengths": lengths})]
    if not geometry.get("center", True):
        cases += [(spec[..., :1], {}), (spec[..., :2], {})]

    def starts():
        return [
            invert(
                part, "griffin_lim", init=method, max_iter=1, verbose=False, **own, **keywords
            ).wave
            if own
            else phase_init(part, method=method, **keywords)
            for part, own in cases
        ]

    compiled = starts()
    for module in (pghi_module, locked_module):
        monkeypatch.setattr(module, "is_compiled", lambda strength: False)
    assert all(map(torch.equal, compiled, starts()))


@pytest.mark.sanitized
@pytest.mark.skipif(bool(native.missing()), reason="compiled code is not there")
@pytest.mark.parametrize("width", [1e-3, 1.0, 1e5, 1e15])
def test_compiled_slopes_of_any_steepness(clips, width, monkeypatch):
    """Of windows that no transform has: steps of up to millions of turns."""
    spec = magnitude(clips, 256).float()
    stft = STFT.of(spec, window=hann(256, torch.float32))
    compiled = pghi_module.phase_of_steps(spec, stft, width)
    monkeypatch.setattr(pghi_module, "is_compiled", lambda strength: False)
    assert torch.equal(compiled, pghi_module.phase_of_steps(spec, stft, width))


@pytest.mark.without_native
@pytest.mark.parametrize("lengths", [None, [4000, 2900, 3500, 3000, 3999]])
def test_items_some_at_a_time(lengths, monkeypatch):
    """Memory for some items is enough, and the phases are the same."""
    spec = magnitude(torch.randn(5, 4000, generator=torch.manual_seed(0)))
    stft, values = STFT.of(spec, window=hann(256)), spec
    if lengths is not None:
        stft, values = ragged_stft(spec, lengths, window=hann(256))
    monkeypatch.setattr(pghi_module, "is_compiled", lambda _: False)
    phase = pghi_module.pghi(values, stft)
    monkeypatch.setattr(pghi_module, "_AT_A_TIME", 2 * spec[0].numel())
    sizes, whole = [], pghi_module.phase_of_steps

    def some(values, *others):
        sizes.append(len(values))
        return whole(values, *others)

    monkeypatch.setattr(pghi_module, "phase_of_steps", some)
    assert torch.equal(pghi_module.pghi(values, stft), phase)
    assert sizes == [2, 2, 1]
