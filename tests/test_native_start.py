"""Where the native engine begins: phases in lanes, and samples out of them."""

from __future__ import annotations

import math

import pytest
import torch

from tests.native_cases import FITTING, WIDTHS, native_engine, needs_library, problem_of
from torch_specinv import invert
from torch_specinv.algorithms import AMDR, GriffinLim
from torch_specinv.comparing.signals import speech_like
from torch_specinv.phase import Start

pytestmark = needs_library


def possible(target, phase, n_fft=128):
    """The spectrum of a phase, in double precision; bins 0 and n_fft / 2 are real."""
    spectrum = torch.polar(target.double(), phase.double())
    for row in (0,) if n_fft % 2 else (0, -1):
        spectrum[:, row] = target[:, row].double() * torch.where(spectrum[:, row].real < 0, -1, 1)
    return spectrum.to(torch.complex64)


@pytest.mark.sanitized
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("algorithm", [GriffinLim(), AMDR()])
@pytest.mark.parametrize("geometry", FITTING.values(), ids=FITTING)
def test_a_phase_is_as_good_as_its_spectrum(geometry, algorithm, width):
    problem, _ = problem_of(3000, geometry)
    phase = 4000 * torch.rand(problem.target.shape, generator=torch.manual_seed(0)) - 2000
    engine = native_engine(problem, algorithm, 9, width)
    expected = engine.start(possible(problem.target, phase, problem.stft.geometry.n_fft))
    found = engine.start_at(phase, problem.target)
    pairs = [*zip(found.waves, expected.waves, strict=True)]
    pairs += zip(found.memory, expected.memory, strict=True)
    for one, other in [*pairs, (engine.wave(found), engine.wave(expected))]:
        assert (one - other).abs().max() <= 2e-6 * other.abs().max()


@pytest.mark.parametrize("turns", [0, 1, -3, 100])
def test_quarters_of_a_turn(turns):
    """Where the sine or the cosine is 0 or 1, and halfway between."""
    problem, _ = problem_of(3000, {})
    engine = native_engine(problem, AMDR(), 9)
    eighths = torch.arange(problem.target.numel()).view(problem.target.shape) % 8
    phase = (math.pi / 4 * eighths.double() + 2 * math.pi * turns).float()
    memory = engine.start_at(phase, problem.target).memory[0]
    expected = engine.plan.pack(possible(problem.target, phase))
    assert (memory - expected).abs().max() < 3e-7 * problem.target.max()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("geometry", FITTING.values(), ids=FITTING)
def test_samples_come_out_of_the_lanes_in_order(geometry, width):
    problem, _ = problem_of(3000, geometry, items=2)
    engine = native_engine(problem, GriffinLim(), 9, width, threads=2)
    g, plan, lanes = problem.stft.geometry, engine.plan, engine.plan.waves()
    # sample n of the padded wave, where frames cover it, has the number n in item 0, -n in item 1
    sample = torch.arange(plan.layout.frames * plan.layout.hop)
    for item, sign in enumerate((1, -1)):
        lanes[item].view(-1)[plan.layout.place(sample)] = sign * (sample + plan._first).float()
    number = torch.arange(g.length) + g.padding
    expected = torch.where(number >= plan._first, number, 0).float()
    assert torch.equal(plan.unpack(lanes), torch.stack([expected, -expected]))


def test_what_takes_no_phase_is_given_a_spectrum():
    """A user's phase, whatever it returns, comes to no compiled code before it was looked at."""
    problem, _ = problem_of(3000, {})
    engine = native_engine(problem, GriffinLim(), 9)
    asked = []

    class Asked:
        takes_phase = True

        def start(self, spectrum):
            asked.append("spectrum")
            return engine.start(spectrum)

        def start_at(self, phase, magnitude):
            asked.append("phase")
            return engine.start_at(phase, magnitude)

    for init in ("pghi", problem.target, torch.ones_like(problem.target)):
        start = Start.of(problem, init)
        found, again = start.state(Asked()).waves[0], engine.start(start.spectrum).waves[0]
        assert (found - again).abs().max() < 1e-6 * again.abs().max()
    assert asked == ["phase", "spectrum", "spectrum"]


def test_auto_looks_at_the_spectrum_only_where_it_has_to(monkeypatch):
    wave = speech_like(16000, 1.0)
    window = torch.hann_window(512)
    exact = torch.stft(wave, 512, window=window, return_complex=True).abs()
    noisy = exact * torch.exp(0.3 * torch.randn(exact.shape, generator=torch.manual_seed(0)))
    made = []

    class Noted(Start):
        @property
        def spectrum(self):
            made.append(1)
            return super().spectrum

    monkeypatch.setattr("torch_specinv.inexact.by_kind.Start", Noted)
    for spec, kind in ((exact, "exact"), (noisy, "noisy")):
        result = invert(spec, max_iter=2, window=window, length=len(wave), verbose=False)
        assert result.kinds == (kind,)
        assert bool(made) == (kind != "exact")
