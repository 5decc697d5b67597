"""PGHI: the forest on fields with known answers, against the heap, and at its limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tests.conftest import hann, magnitude
from tests.reference import heap
from torch_specinv import STFT, ConventionWarning, invert, metrics, native, phase_init
from torch_specinv.comparing.signals import CLIPS
from torch_specinv.phase.forest import TURN, integrate
from torch_specinv.phase.pghi import phase_steps, snap
from torch_specinv.transform.windows import gaussian_width


def hills(count, frames=60, bins=40, seed=0):
    """A smooth field with a few hills: few basins, so that three rounds join them all."""
    rng = np.random.default_rng(seed)
    t, f = np.mgrid[:frames, :bins]
    field = sum(
        rng.uniform(0.3, 1) * np.exp(-((t - rng.uniform(0, frames)) ** 2) / 90
                                     - ((f - rng.uniform(0, bins)) ** 2) / 60)
        for _ in range(count)
    )  # fmt: skip
    return torch.from_numpy(field / field.max()).float()


@pytest.mark.without_native
def test_a_field_without_curl_comes_back_exactly():
    """Whatever the paths, the sum of the differences of a field is the field; to the last bit."""
    strength = torch.stack([hills(7, seed=seed) for seed in range(3)])
    field = torch.randint(-(2**31), 2**31, strength.shape, dtype=torch.int64)
    along_time, along_frequency = torch.zeros_like(field), torch.zeros_like(field)
    along_time[:, :-1] = field.diff(dim=1)
    along_frequency[:, :, :-1] = field.diff(dim=2)
    phase = integrate(strength, along_time.to(torch.int32), along_frequency.to(torch.int32), 0)
    offset = (phase.long() - field) % TURN
    assert all(len(item.unique()) == 1 for item in offset)


@pytest.mark.sanitized
@pytest.mark.skipif(bool(native.missing()), reason="compiled code is not there")
@pytest.mark.parametrize("shape", [(1, 40, 33), (3, 50, 65), (2, 1, 17), (2, 17, 1), (1, 1, 1)])
@pytest.mark.parametrize("kind", ["noise", "few values", "deep valleys", "silence", "hills"])
def test_compiled_code_gives_the_same_phases(kind, shape, monkeypatch):
    """To the last digit, also where strengths are equal."""
    generator = torch.Generator().manual_seed(0)
    strength = torch.rand(shape, generator=generator)
    if kind == "few values":
        strength = (strength * 8).round() / 8
    elif kind == "deep valleys":
        strength = strength**12
    elif kind == "silence":
        strength = torch.zeros(shape)
    elif kind == "hills" and min(shape[1:]) > 2:
        strength = torch.nn.functional.avg_pool2d(strength, 3, 1, 1)
    steps = [
        torch.randint(-TURN // 2, TURN // 2, shape, generator=generator).to(torch.int32)
        for _ in range(2)
    ]
    compiled = integrate(strength, *steps, 1e-6)
    interleaved = [x.mT.contiguous().mT for x in (strength, *steps)]
    assert torch.equal(compiled, integrate(*interleaved, 1e-6))
    monkeypatch.setattr(native, "missing", lambda: "let torch do it")
    assert torch.equal(compiled, integrate(strength, *steps, 1e-6))


@pytest.mark.sanitized
@pytest.mark.without_native
def test_bins_at_or_below_the_tolerance_stay_out():
    strength = hills(3)[None]
    strength[:, 30] = 0.01
    ones = torch.ones_like(strength, dtype=torch.int32)
    phase = integrate(strength, ones, 0 * ones, 0.01)
    assert (phase[strength <= 0.01] == 0).all()
    # the two sides are not connected: each counts steps of one in time from roots of its own
    for rows in (slice(0, 30), slice(31, None)):
        side, alive = phase[0, rows], strength[0, rows] > 0.01
        both = alive[1:] & alive[:-1]
        assert both.any()
        assert (side.diff(dim=0)[both] == 1).float().mean() > 0.95


@pytest.mark.sanitized
@pytest.mark.without_native
def test_plateaus_make_no_cycles():
    strength = torch.full((2, 20, 30), 0.5)
    strength[1] = torch.randint(1, 3, (20, 30)) / 2
    ones = torch.ones_like(strength, dtype=torch.int32)
    phase = integrate(strength, ones, ones, 0)
    assert phase.abs().max() < 20 * 30


@pytest.mark.sanitized
@pytest.mark.without_native
@pytest.mark.parametrize("n_fft", [512, 256])
def test_as_good_as_the_heap(n_fft):
    """One synthesis from each, over crops of made-up clips; paths differ, quality must not."""
    window = hann(n_fft)
    waves = torch.stack(
        [CLIPS[clip](sr=8000, seconds=1.0, seed=seed)[800:7000] for clip in CLIPS
         for seed in range(4)]
    ).double()  # fmt: skip
    spec = magnitude(waves, n_fft)
    stft = STFT.of(spec, length=waves.shape[-1], window=window)

    def quality(spectrum):
        return metrics.sc(stft(stft.synthesise(spectrum)), spec)

    ours = quality(phase_init(spec, method="pghi", window=window))
    phases = []
    for item in spec.mT.numpy():
        along = heap.steps(item, n_fft // 4, n_fft, gaussian_width(window), n_fft / 2)
        phases.append(heap.integrate(item / item.max(), *along, 1e-6))
    theirs = quality(torch.polar(spec, torch.from_numpy(np.stack(phases)).mT))
    assert (ours - theirs).mean() < 0.1
    spsi = quality(phase_init(spec, method="spsi", window=window))
    assert (ours - spsi).mean() < -2


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


def steps_of(spectrum, window, hop):
    """Return what the spectrum's (bins, frames) own phase does, and what its magnitude tells."""
    n_fft = len(window)
    keywords = {"n_fft": n_fft, "hop_length": hop, "window": window, "center": False}
    geometry = STFT.of(spectrum, **keywords).geometry
    strength = (spectrum.abs() / spectrum.abs().max()).mT[None].float()
    told = phase_steps(strength, geometry, gaussian_width(window))
    phase = spectrum.mT[None].angle() / (2 * math.pi)
    return [
        (step / TURN, phase.diff(dim=axis).narrow(3 - axis, 0, phase.shape[3 - axis] - 1))
        for step, axis in zip(told, (1, 2), strict=True)
    ]


def far_apart(told, true):
    """Return the distance in turns."""
    return (told - true - (told - true).round()).abs()


# x[n] = exp(-(n - n0)^2 / (2 s^2) + i (w n + b n^2 / 2)): a pulse, a short tone, two chirps
@pytest.mark.parametrize(
    ("spread", "frequency", "bend"),
    [(0.01, 0.0, 0.0), (300.0, 0.7, 0.0), (200.0, 0.5, 5e-4), (150.0, 1.3, -8e-4)],
)
def test_steps_of_gaussians_are_known(spread, frequency, bend):
    """The logarithm of their transform is of second degree: no difference is an approximation."""
    n_fft, hop = 256, 16
    n = torch.arange(n_fft, dtype=torch.float64)
    window = torch.exp(-0.5 * ((n - 128) / 24) ** 2)
    time = torch.arange(1024, dtype=torch.float64)
    phase = frequency * time + bend * time**2 / 2
    wave = torch.polar(torch.exp(-0.5 * ((time - 500) / spread) ** 2), phase)
    frames = wave.unfold(0, n_fft, hop) * window
    spectrum = torch.fft.fft(frames)[:, : n_fft // 2 + 1].T
    strong = (spectrum.abs() > 1e-3 * spectrum.abs().max()).T[None]
    (time_told, time_true), (bin_told, bin_true) = steps_of(spectrum, window, hop)
    # with all neighbours in the block and all of them strong
    inner = strong[:, 1:-1, 1:-1].clone()
    for m in (-1, 0, 1):
        for k in (-1, 0, 1):
            inner &= strong.roll((m, k), (1, 2))[:, 1:-1, 1:-1]
    assert inner.sum() > 30
    for told, true in ((time_told, time_true), (bin_told, bin_true)):
        error = far_apart(told[:, 1:-1, 1:-1], true[:, 1:, 1:])
        assert error[inner].max() < 2e-3


def test_the_group_delay_of_a_pulse():
    """A pulse at sample n of a frame turns the phase by -n / n_fft from bin to bin, on paper."""
    n_fft, hop, place = 256, 16, 500
    n = torch.arange(n_fft, dtype=torch.float64)
    window = torch.exp(-0.5 * ((n - 128) / 24) ** 2)
    starts = torch.arange(49) * hop
    seen = torch.exp(-0.5 * ((place - starts - 128) / 24.0) ** 2)
    strength = seen[None, :, None].expand(1, -1, 129).contiguous()
    geometry = STFT.of(strength[0].mT, n_fft=n_fft, hop_length=hop, window=window).geometry
    along_time, along_frequency = phase_steps(strength, geometry, gaussian_width(window))
    strong = torch.where(seen > 1e-3)[0]
    delay = -(place - starts[strong]) / n_fft
    error = far_apart(along_frequency[0, strong] / TURN, delay.double()[:, None])
    assert error[:, :-1].max() < 1e-4
    carrier = hop / n_fft * torch.arange(129, dtype=torch.float64)
    assert far_apart(along_time[0, strong] / TURN, carrier).max() < 1e-6


def test_the_ends_of_a_block():
    """Even about the ends: no slope. Otherwise the slope to the one neighbour, for each item."""
    strength = torch.stack([hills(3, seed=seed) for seed in range(2)]) + 0.1
    window = hann(78)
    geometry = STFT.of(strength[0].mT, n_fft=78, hop_length=20, window=window).geometry
    last = torch.tensor([59, 40])
    width = gaussian_width(window)
    delay = -39 / 78
    _, even = phase_steps(strength, geometry, width, last, even_ends=True)
    _, open_ = phase_steps(strength, geometry, width, last)
    log = strength.double().log()
    for item, end in enumerate(last.tolist()):
        for frame, neighbour in ((0, 1), (end, end - 1)):
            if frame == end:
                flat = even[item, frame, :-1] / TURN
                assert far_apart(flat, delay).max() < 1e-6
            rise = log[item, frame] - log[item, neighbour]
            mean = (rise[1:] + rise[:-1]) / 2 * (neighbour - frame)
            slope = width / (20 * 78) * mean / (2 * math.pi)
            assert far_apart(open_[item, frame, :-1] / TURN, delay + slope).max() < 1e-5
    assert torch.equal(even[:, 1:40], open_[:, 1:40])


@pytest.mark.parametrize(
    ("window", "width"),
    [
        (torch.hann_window, 0.2514), (torch.hamming_window, 0.2937),
        (torch.blackman_window, 0.1773), (torch.bartlett_window, 0.3142),
    ],
)  # fmt: skip
def test_published_widths(window, width):
    assert gaussian_width(window(1024, dtype=torch.float64)) / 1024**2 == pytest.approx(
        width, abs=1e-4
    )


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


def test_snap_makes_real_what_is_real(speech):
    spec = magnitude(speech[:1984], 256)
    guess = phase_init(spec, method="pghi", window=hann(256))
    for bin_ in (0, -1):
        assert guess[bin_].imag.abs().max() < 1e-12 * spec[bin_].max()
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


def test_snap_leaves_alone_what_may_be_complex():
    """An odd n_fft has no bin at half the sample rate."""
    for n_fft, real in ((15, [0]), (16, [0, 8])):
        phase = 3 * torch.rand(2, 5, n_fft // 2 + 1, dtype=torch.float64)
        keywords = {"n_fft": n_fft, "window": hann(n_fft), "center": False}
        snapped = snap(phase, STFT.of(phase.mT, **keywords))
        changed = (snapped != phase).flatten(0, 1).any(0).nonzero().flatten().tolist()
        assert changed == real


def test_the_last_bin_of_an_odd_transform_has_its_own_image_above():
    window = hann(31)
    strength = 0.1 + torch.rand(2, 6, 16)
    geometry = STFT.of(strength[0].mT, n_fft=31, hop_length=8, window=window).geometry
    width = gaussian_width(window)
    told, _ = phase_steps(strength, geometry, width)
    log = strength.double().log()
    both = (log[:, 1:] + log[:, :-1]) / 2
    whole = torch.cat([both, both[:, :, 1:].flip(-1)], -1)  # both sides
    rise = (whole.roll(-1, -1) - whole.roll(1, -1)) / 2
    slope = 8 * 31 / width * rise / (2 * math.pi)
    expected = (8 / 31 * torch.arange(16) + slope[..., :16])[:, :, 1:]
    assert far_apart(told[:, :-1, 1:] / TURN, expected).max() < 1e-5


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
