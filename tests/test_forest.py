"""The forest that integrates phase: fields with known answers, compiled code, and the heap."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.cases import hills
from tests.conftest import hann, magnitude
from tests.reference import heap
from torch_specinv import STFT, metrics, native, phase_init
from torch_specinv.comparing.signals import CLIPS
from torch_specinv.phase.forest import TURN, integrate
from torch_specinv.transform.windows import gaussian_width


@pytest.mark.without_native
def test_a_field_without_curl_comes_back_exactly():
    """Whatever the paths, the sum of the differences of a field is the field; to the last bit."""
    strength = torch.stack([hills(7, seed=seed) for seed in range(3)])
    field = torch.randint(-(2**31), 2**31, strength.shape, dtype=torch.int64)
    along_time, along_frequency = torch.zeros_like(field), torch.zeros_like(field)
    along_time[:, :-1] = field.diff(dim=1)
    along_frequency[:, :, :-1] = field.diff(dim=2)
    phase = integrate(strength, (along_time.to(torch.int32), along_frequency.to(torch.int32)), 0)
    offset = (phase.long() - field) % TURN
    assert all(len(item.unique()) == 1 for item in offset)


@pytest.mark.sanitized
@pytest.mark.skipif(bool(native.missing()), reason="compiled code is not there")
@pytest.mark.parametrize("shape", [(1, 40, 33), (3, 50, 65), (2, 1, 17), (2, 17, 1), (1, 1, 1)])
@pytest.mark.parametrize(
    "kind", ["noise", "few values", "deep valleys", "tiny", "silence", "hills"]
)
def test_compiled_code_gives_the_same_phases(kind, shape, monkeypatch):
    """To the last digit, also where strengths are equal."""
    generator = torch.Generator().manual_seed(0)
    strength = torch.rand(shape, generator=generator)
    if kind == "few values":
        strength = (strength * 8).round() / 8
    elif kind == "deep valleys":
        strength = strength**12
    elif kind == "tiny":
        strength *= 1e-43  # a few of the smallest numbers
    elif kind == "silence":
        strength = torch.zeros(shape)
    elif kind == "hills" and min(shape[1:]) > 2:
        strength = torch.nn.functional.avg_pool2d(strength, 3, 1, 1)
    steps = tuple(
        torch.randint(-TURN // 2, TURN // 2, shape, generator=generator).to(torch.int32)
        for _ in range(2)
    )
    tol = 0.0 if kind == "tiny" else 1e-6
    compiled = integrate(strength, steps, tol)
    interleaved = [x.mT.contiguous().mT for x in (strength, *steps)]
    assert torch.equal(compiled, integrate(interleaved[0], interleaved[1:], tol))
    monkeypatch.setattr(native, "missing", lambda: "let torch do it")
    assert torch.equal(compiled, integrate(strength, steps, tol))


@pytest.mark.parametrize("kind", ["one long slope", "each basin joins the next one"])
def test_paths_of_any_length_are_followed(kind, monkeypatch):
    """Those too long for the doublings that music needs, too; to the last bit."""
    monkeypatch.setattr(native, "missing", lambda: "let torch do it")
    strength = torch.linspace(0.1, 0.9, 3000)
    if kind != "one long slope":
        strength[::2] = 1  # peaks, and valleys that become higher
    field = torch.randint(-(2**31), 2**31, (1, 3000), generator=torch.Generator().manual_seed(0))
    steps = torch.zeros(1, 3000, dtype=torch.int64)
    steps[:, :-1] = field.diff()
    steps = steps.to(torch.int32)
    for shape in ((1, 1, 3000), (1, 3000, 1)):
        of_one_way = [steps.view(shape), torch.zeros(shape, dtype=torch.int32)]
        along = tuple(of_one_way if shape[1] > 1 else of_one_way[::-1])
        phase = integrate(strength.view(shape), along, 0)
        assert len(((phase.view(1, -1).long() - field) % TURN).unique()) == 1


@pytest.mark.sanitized
@pytest.mark.without_native
def test_bins_at_or_below_the_tolerance_stay_out():
    strength = hills(3)[None]
    strength[:, 30] = 0.01
    ones = torch.ones_like(strength, dtype=torch.int32)
    phase = integrate(strength, (ones, 0 * ones), 0.01)
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
    phase = integrate(strength, (ones, ones), 0)
    assert phase.abs().max() < 20 * 30


@pytest.mark.sanitized
@pytest.mark.without_native
@pytest.mark.parametrize("n_fft", [512, 256])
def test_as_good_as_the_heap(n_fft):
    """One synthesis from each, over crops of synthetic clips; paths differ, quality must not."""
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
