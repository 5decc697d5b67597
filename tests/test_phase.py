"""Initial phases: SPSI against a plain loop, drift, randomness, and what users may pass."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tests.conftest import hann, magnitude
from tests.reference.formulas import spsi as spsi_by_loop
from torch_specinv import (
    STFT,
    ConventionWarning,
    SpecInvError,
    invert,
    metrics,
    phase_init,
    register_phase,
)
from torch_specinv.phase import PHASES
from torch_specinv.phase.random import uniform


def distance(phase, other):
    """The largest difference of two phases, as phasors."""
    return np.abs(np.exp(1j * phase) - np.exp(1j * other)).max()


def real_at_ends(phase):
    """The phase of bins 0 and n_fft / 2 made 0 or pi, as in every start."""
    phase = phase.copy()
    for k in (0, -1):
        phase[k] = np.where(np.cos(phase[k]) < 0, np.pi, 0)
    return phase


@pytest.mark.parametrize("hop_length", [64, 100])
def test_spsi_is_the_loop_over_frames_and_peaks(clips, hop_length):
    spec = magnitude(clips, 256, hop_length=hop_length)
    guess = phase_init(spec, hop_length=hop_length, window=hann(256))
    for item, own in zip(guess, spec, strict=True):
        if own.max() == 0:
            continue
        expected = real_at_ends(spsi_by_loop(own.numpy(), hop_length, 256))
        assert distance(item.angle().numpy(), np.where(own > 0, expected, 0)) < 1e-6


def test_spsi_with_plateaus():
    """Equal neighbours: the last bin of a plateau is its peak, and slopes belong up."""
    column = torch.tensor([0, 1, 2, 2, 1, 1, 3, 1, 0, 0, 2, 2, 2, 1, 0, 0, 0.5]).double()
    spec = column[:, None].expand(-1, 5).contiguous()
    guess = phase_init(spec, window=hann(32))
    expected = real_at_ends(spsi_by_loop(spec.numpy(), 8, 32))
    kept = column.numpy() > 0
    assert distance(guess.angle().numpy()[kept], expected[kept]) < 1e-6


def test_a_complex_window_starts_from_a_magnitude(speech):
    window = torch.polar(hann(64), 0.3 * torch.arange(64, dtype=torch.float64))
    spec = torch.stft(speech, 64, window=window, return_complex=True, onesided=False).abs()
    with pytest.warns(ConventionWarning, match="SPSI is used instead"):
        history = invert(spec, max_iter=20, window=window, verbose=False).history["sc"]
    assert history[-1] < history[0] - 5


def test_spsi_follows_a_sinusoid():
    """The phase advances by the sinusoid's own frequency, so one synthesis nearly restores it."""
    frequency = 20.3 / 256
    wave = torch.cos(2 * math.pi * frequency * torch.arange(8192, dtype=torch.float64))
    spec = magnitude(wave, 256)
    guess = phase_init(spec, window=hann(256))
    advance = torch.diff(guess[20].angle())
    expected = 2 * math.pi * frequency * 64
    error = torch.remainder(advance - expected + math.pi, 2 * math.pi) - math.pi
    assert error[4:-4].abs().max() < 0.1  # the parabola is an approximation
    stft = STFT.of(spec, length=8192, window=hann(256))
    assert metrics.sc(stft.analyse(stft.synthesise(guess)).abs(), spec) < -20


def test_spsi_knows_where_the_centre_of_the_window_is():
    """From bin to bin of a sinusoid the phase turns by the centre of energy, not by a half."""
    n = torch.arange(256, dtype=torch.float64)
    window = hann(256) * torch.exp(-n / 40)
    wave = torch.cos(2 * math.pi * 20.3 / 256 * torch.arange(4096, dtype=torch.float64))
    true = torch.stft(wave, 256, window=window, center=False, return_complex=True)
    guess = phase_init(true.abs(), window=window, center=False)
    for frame in (5, 30):
        turns = [x[19:23, frame].angle().diff() / (2 * math.pi) for x in (true, guess)]
        error = turns[0] - turns[1]
        assert (error - error.round()).abs().max() < 0.1


def test_spsi_does_not_drift():
    """60,000 frames of steady tones in float32 against an exact sum in float64."""
    frames, n_fft, hop_length = 60_000, 64, 16
    column = torch.zeros(33)
    column[7:10] = torch.tensor([0.5, 1.0, 0.7])
    column[20:23] = torch.tensor([0.31, 0.9, 0.33])
    guess = phase_init(column[:, None].expand(-1, frames), window=torch.hann_window(n_fft))
    for k in (8, 21):
        below, at, above = (float(column[k + i]) for i in (-1, 0, 1))
        shift = 0.5 * (below - above) / (below - 2 * at + above)
        turns = (k + shift) * hop_length / n_fft * np.arange(1, frames + 1)
        assert distance(guess[k].angle().double().numpy(), 2 * np.pi * turns) < 1e-3


@pytest.mark.parametrize("name", PHASES)
def test_batch_equals_single(clips, name):
    spec = magnitude(clips).reshape(2, 4, 129, -1)

    def seeded():
        return torch.Generator().manual_seed(5)

    batch = phase_init(spec, method=name, generator=seeded(), window=hann(256))
    assert torch.allclose(batch.abs(), spec)
    alone = phase_init(spec[1, 2], method=name, generator=seeded(), window=hann(256))
    assert torch.equal(batch[1, 2], alone)


def test_random_phases_are_uniform_and_independent():
    turns = uniform(12345, 300, torch.arange(400)).double()
    counts = torch.histc(turns, 20, 0, 1)
    expected = turns.numel() / 20
    assert float(((counts - expected) ** 2 / expected).sum()) < 43.8  # chi-square, 19 dof, 0.1 %
    phasor = torch.exp(2j * math.pi * turns)
    bound = 5 / math.sqrt(turns.numel())
    assert phasor.mean().abs() < bound
    for shift in ((0, 1), (1, 0), (1, 1), (0, 2), (7, 3)):
        moved = phasor.roll(shift, (0, 1))
        assert (phasor * moved.conj()).mean().abs() < bound
    for seed in (12346, 12345 + 2**40):
        other = torch.exp(2j * math.pi * uniform(seed, 300, torch.arange(400)).double())
        assert (phasor * other.conj()).mean().abs() < bound


def test_random_phases_belong_to_the_place():
    whole = uniform(7, 50, torch.arange(100))
    assert torch.equal(whole[:, 30:60], uniform(7, 50, torch.arange(30, 60)))
    assert torch.equal(whole[:20], uniform(7, 20, torch.arange(100)))


def test_random_is_seeded():
    spec = torch.rand(33, 20)
    keywords = {"method": "random", "window": hann(64)}
    first = phase_init(spec, generator=torch.Generator().manual_seed(1), **keywords)
    again = phase_init(spec, generator=torch.Generator().manual_seed(1), **keywords)
    other = phase_init(spec, generator=torch.Generator().manual_seed(2), **keywords)
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)
    torch.manual_seed(3)
    first = phase_init(spec, **keywords)
    torch.manual_seed(3)
    assert torch.equal(first, phase_init(spec, **keywords))


@pytest.mark.filterwarnings("ignore:PGHI takes the window for a Gaussian")
@pytest.mark.filterwarnings("ignore:The learned start was trained for nothing like")
@pytest.mark.parametrize("name", PHASES)
def test_odd_shapes_are_finite(name):
    for bins, frames in ((1, 3), (2, 4), (3, 1), (17, 1), (33, 2)):
        for spec in (torch.rand(bins, frames), torch.zeros(bins, frames)):
            guess = phase_init(
                spec, method=name, n_fft=max(1, 2 * bins - 2), center=False, window=None
            )
            assert torch.isfinite(guess).all()
            assert torch.allclose(guess.abs(), spec)


def test_a_two_sided_spectrum_gives_the_same_wave(speech):
    for n_fft in (64, 63):
        waves = []
        for onesided in (True, False):
            keywords = {"n_fft": n_fft, "window": hann(n_fft), "onesided": onesided}
            spec = torch.stft(speech, return_complex=True, **keywords).abs()
            guess = phase_init(spec, **keywords)
            waves.append(STFT.of(spec, **keywords).synthesise(guess))
        assert torch.allclose(*waves, atol=1e-12)


def test_given_spectra_and_phases(speech):
    spec = torch.stft(speech, 256, window=hann(256), return_complex=True)
    keywords = {"window": hann(256), "max_iter": 3, "tol": 0, "verbose": False}
    alone = invert(spec, **keywords).wave
    by_spectrum = invert(spec.abs(), init=3 * spec, **keywords).wave
    by_phase = invert(spec.abs(), init=spec.angle(), **keywords).wave
    assert torch.allclose(alone, by_spectrum, atol=1e-12)
    assert torch.allclose(alone, by_phase, atol=1e-12)


def test_bad_input():
    spec = torch.rand(33, 20)
    keywords = {"window": hann(64), "verbose": False}
    with pytest.raises(SpecInvError, match=r"method='spis'.*'spsi'"):
        phase_init(spec, method="spis", window=hann(64))
    with pytest.raises(SpecInvError, match=r"init has shape \(33, 19\)"):
        invert(spec, init=torch.zeros(33, 19), **keywords)
    with_nan = torch.zeros(33, 20)
    with_nan[4, 5] = math.nan
    with pytest.raises(SpecInvError, match=r"init holds 1 values .*\(4, 5\)"):
        invert(spec, init=with_nan, **keywords)
    with pytest.raises(SpecInvError, match="int64"):
        invert(spec, init=torch.zeros(33, 20, dtype=torch.int64), **keywords)
    with pytest.raises(SpecInvError, match="spec is complex"):
        invert(spec + 0j, init="zero", **keywords)


def test_a_taken_name_is_refused_but_a_cell_may_run_again():
    def define():
        @register_phase("test_only")
        def mine(magnitude, _stft, _generator):
            return torch.ones_like(magnitude)

        return mine

    try:
        define()
        again = define()
        assert PHASES["test_only"] is again
        guess = phase_init(torch.rand(33, 20), method="test_only", window=hann(64))
        assert torch.allclose(guess[1:-1].angle(), torch.ones(31, 20))
        assert (guess[[0, -1]].imag == 0).all()
    finally:
        PHASES.pop("test_only")
    with pytest.raises(SpecInvError, match=r"init 'spsi' exists already .*phase\.spsi"):
        register_phase("spsi")(lambda magnitude, _stft, _generator: magnitude)
