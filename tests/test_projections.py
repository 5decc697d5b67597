"""The projection methods against their textbook recursions, and chains of methods."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import pytest
import torch

from tests.conftest import hann, magnitude
from torch_specinv import STFT, ConventionWarning, SpecInvError, Step, invert
from torch_specinv.algorithms import (
    AGLA,
    AMDR,
    LBFGS,
    RAAR,
    RTISILA,
    Auto,
    Chain,
    DifferenceMap,
    GriffinLim,
    RelaxedProjections,
    reflections,
)
from torch_specinv.constraints.magnitude import Magnitude
from torch_specinv.engines import TorchEngine
from torch_specinv.online import RTISI
from torch_specinv.solve.problem import SpectrogramProblem

ITERATIONS = 6


def problem_of(setting):
    """Return the setting as a problem that is not scaled."""
    target = setting.spec[None]
    one = target.new_ones(1, 1, 1)
    return SpectrogramProblem(setting.stft, Magnitude(target), one)


class Setting:
    """A magnitude, a start, and both projections."""

    def __init__(self, wave):
        self.window = hann(64)
        self.spec = magnitude(wave[:900], 64)
        self.stft = STFT.of(self.spec, window=self.window)
        generator = torch.Generator().manual_seed(1)
        phase = 6 * torch.rand(self.spec.shape, generator=generator, dtype=torch.float64)
        phase[[0, -1]] = torch.pi * (phase[[0, -1]].cos() < 0).double()  # these bins are real
        self.start = torch.polar(self.spec, phase)

    def p_s(self, c):
        return torch.polar(self.spec, c.angle())

    def p_c(self, c):
        return self.stft.analyse(self.stft.synthesise(c))

    def ours(self, algorithm, iterations=ITERATIONS):
        # the last iterate alone is evaluated, so that it is the one that is returned
        return invert(
            self.spec, algorithm, init=self.start.angle(), max_iter=iterations, tol=0,
            eva_iter=iterations, window=self.window, verbose=False,
        ).wave  # fmt: skip


@pytest.fixture
def setting(speech):
    return Setting(speech)


@dataclass(frozen=True)
class Constant(RelaxedProjections):
    """The same numbers in every iteration but the first, before which there is no momentum."""

    values: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)

    def coefficients(self, step):
        q, r, a, alpha = self.values
        return reflections(q, r, a, alpha if step.number else 0.0)


@pytest.mark.parametrize("row", [(0.7, 0.9, 1.1, 0.5), (1.0, 0.0, 0.0, 0.99), (0.6, 0.2, 0.4, 0.0)])
def test_the_rule_with_four_numbers(setting, row):
    q, r, a, alpha = row
    c, previous = setting.start, None
    for _ in range(ITERATIONS):
        p = setting.p_s(c)
        t = q * setting.p_c(p + a * (p - c)) + r * c + (1 - q - r) * p
        c = t if previous is None else t + alpha * (t - previous)
        previous = t
    expected = setting.stft.synthesise(setting.p_s(c))
    assert (setting.ours(Constant(row)) - expected).abs().max() < 1e-10


def test_griffin_lim_is_a_row(setting):
    """Both make the same trips."""
    rows = setting.ours(Constant((1.0, 0.0, 0.0, 0.0)))
    assert (rows - setting.ours(GriffinLim(0.0))).abs().max() < 1e-10


@pytest.mark.parametrize("relaxation", [0.5, 0.9, 1.0])
def test_raar(setting, relaxation):
    c = setting.start
    for _ in range(ITERATIONS):
        p = setting.p_s(c)
        c = relaxation * (c + setting.p_c(2 * p - c)) + (1 - 2 * relaxation) * p
    expected = setting.stft.synthesise(setting.p_s(c))
    assert (setting.ours(RAAR(relaxation)) - expected).abs().max() < 1e-10
    if relaxation == 1:
        assert torch.allclose(setting.ours(DifferenceMap(1.0)), expected, atol=1e-10)


@pytest.mark.parametrize("beta", [1.0, 0.7, -0.8, 1.3])
def test_the_difference_map(setting, beta):
    """With beta other than 1 an iteration is two steps of the loop."""
    c = setting.start
    for _ in range(ITERATIONS // 2):
        f_s = setting.p_s(c) + (setting.p_s(c) - c) / beta
        f_c = setting.p_c(c) - (setting.p_c(c) - c) / beta
        c = c + beta * (setting.p_c(f_s) - setting.p_s(f_c))
    expected = setting.stft.synthesise(setting.p_s(c))
    steps = ITERATIONS // 2 if beta == 1 else ITERATIONS
    assert (setting.ours(DifferenceMap(beta), steps) - expected).abs().max() < 1e-9


def test_agla(setting):
    alpha, beta, gamma = 0.3, 0.8, 1.2
    previous = c = d = setting.p_c(setting.start)
    for _ in range(ITERATIONS):
        g = setting.p_c(setting.p_s(c))
        t = (1 - gamma) * d + gamma * g
        c, d = t + alpha * (t - previous), t + beta * (t - previous)
        previous = t
    expected = setting.stft.synthesise(g)
    assert (setting.ours(AGLA(alpha, beta, gamma)) - expected).abs().max() < 1e-10
    fast = setting.ours(AGLA(0.99, 0.0, 1.0))
    assert torch.allclose(fast, setting.ours(GriffinLim(0.99)), atol=1e-10)


def test_even_and_odd_frames_take_turns(setting):
    """As the method of Gauss and Seidel: the odd frames see what the even ones have become."""
    ours = AMDR(q=0.9, cooling=0.0, a=1.1, alpha=0.4)
    odd = torch.arange(setting.spec.shape[-1]) % 2 == 1
    c, previous = setting.start, [setting.start, setting.start]
    for number in range(3):  # before the polish
        for turn, chosen in enumerate((~odd, odd)):
            p = setting.p_s(c)
            t = 0.9 * setting.p_c(p + 1.1 * (p - c)) + c - 0.9 * p
            moved = t + 0.4 * (t - previous[turn]) if number else t
            c = torch.where(chosen, moved, c)
            previous[turn] = t
    expected = setting.stft.synthesise(setting.p_s(c))
    solver = ours.solver(problem_of(setting), 20, TorchEngine)
    state = solver.advance(solver.start(setting.start[None]), 3)
    assert (solver.wave(state) - expected).abs().max() < 1e-10


@pytest.mark.parametrize(("alpha", "stable"), [(0.7, True), (0.74, True), (0.76, False)])
def test_how_much_momentum_taking_turns_can_bear(alpha, stable):
    """Where both groups of frames tell the same, the recursion grows from 3/4 on."""
    turn = torch.eye(4, dtype=torch.float64)  # of c and the last t, for both groups
    for group in (0, 1):
        update = torch.eye(4, dtype=torch.float64)
        update[2 + group] = torch.tensor([0.5, 0.5, 0, 0])
        update[group] = (1 + alpha) * update[2 + group]
        update[group, 2 + group] -= alpha
        turn = update @ turn
    growth = torch.linalg.eigvals(turn).abs().max()
    assert bool(growth < 1 + 1e-9) == stable
    assert AMDR().row(Step(99, 100))[3] < 0.75


@dataclass(frozen=True)
class InTurn(Constant):
    """The same row in every iteration, for even and odd frames in turn."""

    def interlaced_groups(self):
        return 2


def test_momentum_beyond_three_quarters_does_not_settle(speech):
    """Frames that overlap by seven eighths tell nearly the same in both groups."""
    window = hann(64)
    spec = torch.stft(speech, 64, 8, window=window, return_complex=True).abs()
    reached = [
        invert(
            spec, InTurn((1.0, 0.0, 0.0, alpha)), max_iter=150, eva_iter=150, tol=0, hop_length=8,
            window=window, verbose=False,
        ).history["sc"][-1]
        for alpha in (0.0, 0.7, 0.85)
    ]  # fmt: skip
    plain, within, beyond = map(float, reached)
    assert within < plain
    assert beyond > within + 3


@pytest.mark.parametrize("budget", [1, 2, 8, 32, 100, 1000])
def test_the_annealed_schedule_fills_any_budget(budget):
    rows = [AMDR().row(Step(number, budget)) for number in range(budget)]
    assert rows[0][1:] == (1, 1.1, 0.4) or budget < 2
    r = [row[1] for row in rows]
    assert all(a >= b for a, b in pairwise(r))
    if budget >= 8:
        assert rows[-1] == pytest.approx((1, 0, 0, 0.7))
        assert AMDR(alternating=False).row(Step(budget - 1, budget))[3] == pytest.approx(0.99)
        explore = sum(row[0] == 0.9 for row in rows)
        assert explore == budget - max(3, round(0.4 * budget))


def test_the_annealed_schedule_row_by_row():
    """Written out by hand for a budget of 20: 12 rows explore, 5 lead over, 3 polish."""
    alternating = [AMDR().row(Step(number, 20)) for number in range(20)]
    for number in range(12):
        r = 1 - 0.15 * (number / 11) ** 2
        assert alternating[number] == pytest.approx((0.9, r, 1.1, 0.4), abs=1e-12)
    halves = (0.0669872981, 0.25, 0.5, 0.75, 0.9330127019)  # of a cosine in six steps
    for row, w in zip(alternating[12:17], halves, strict=True):
        expected = (0.9 + 0.1 * w, 0.85 * (1 - w), 1.1 * (1 - w), 0.4 + 0.3 * w)
        assert row == pytest.approx(expected, abs=1e-9)
    for row in alternating[17:]:
        assert row == pytest.approx((1, 0, 0, 0.7), abs=1e-12)
    # an iteration ends with the reflection of the next row, and begins without momentum
    first, between, last = (AMDR().coefficients(Step(n, 20)) for n in (0, 12, 19))
    assert first == pytest.approx((0.9, 1, -0.9, 0, 1, 0, 0, 2.1, -1.1, 0), abs=1e-12)
    q, r, _, alpha = alternating[12]
    a = alternating[13][2]
    expected = (q, r, 1 - q - r, 0, 1 + alpha, -alpha, 0, 1 + a, -a, 0)
    assert between == pytest.approx(expected, abs=1e-12)
    assert last == pytest.approx((1, 0, 0, 0, 1.7, -0.7, 0, 1, 0, 0), abs=1e-12)


def test_a_chain_is_one_after_the_other(setting):
    chain = Chain((RAAR(0.9), GriffinLim(0.0)), (1.0, 2.0))
    first = setting.ours(RAAR(0.9), 3)
    expected = first
    for _ in range(7):  # handing over is an iteration of Griffin-Lim
        spectrum = setting.p_s(setting.stft.analyse(expected))
        expected = setting.stft.synthesise(spectrum)
    assert (setting.ours(chain, 9) - expected).abs().max() < 1e-10
    # wherever it is evaluated
    many = invert(
        setting.spec, chain, init=setting.start.angle(), max_iter=9, tol=0, eva_iter=2,
        window=setting.window, verbose=False,
    )  # fmt: skip
    assert many.history["sc"][-1] <= many.history["sc"][0]
    assert (many.wave - expected).abs().max() < 1e-10


def test_auto_beats_its_parts(clips):
    spec = magnitude(clips[[0, 1, 3, 4, 5, 6, 7]])
    ends = {
        name: invert(
            spec, name, max_iter=100, tol=0, window=hann(256), length=2048, verbose=False
        ).history["sc"][-1].mean()
        for name in ("auto", "amdr", "griffin_lim", "lbfgs", "admm")
    }  # fmt: skip
    assert ends["auto"] < ends["amdr"] + 0.5
    assert max(ends["auto"], ends["amdr"]) < min(ends["griffin_lim"], ends["lbfgs"], ends["admm"])
    assert Auto().planned


@pytest.mark.parametrize("kind", [GriffinLim, AGLA, AMDR, RTISILA, partial(RTISI, n_fft=64)])
def test_momentum_above_one_raises_a_warning(kind):
    """Errors that it ends with are those of the start, or worse."""
    more = {"window": hann(64)} if isinstance(kind, partial) else {}
    for alpha in (1.1, torch.tensor(2.0)):
        with pytest.warns(ConventionWarning, match="a momentum above 1 amplifies"):
            kind(alpha=alpha, **more)
    for alpha in (0, 0.99, 1.0, torch.tensor(1.0)):
        kind(alpha=alpha, **more)  # warnings are errors


def test_bad_input(setting):
    for algorithm, message in (
        ({"algorithm": "raar", "relaxation": -0.1}, r"relaxation=-0\.1"),
        ({"algorithm": "difference_map", "beta": 0.0}, r"beta=0\.0"),
        ({"algorithm": "difference_map", "beta": "x"}, r"beta='x'"),
        ({"algorithm": "agla", "gamma": -1.0}, r"gamma=-1\.0"),
        ({"algorithm": "amdr", "polish": -1.0}, r"polish=-1\.0"),
        ({"algorithm": "raar", "relaxation": 1.5}, r"relaxation=1\.5: .* and at most 1\."),
        ({"algorithm": "raar", "relaxation": torch.tensor(1.1)}, "at most 1"),
        ({"algorithm": "difference_map", "beta": math.inf}, "beta=inf: expected a finite number"),
        ({"algorithm": "difference_map", "beta": 1j}, "beta=1j"),
        ({"algorithm": "difference_map", "beta": True}, "beta=True"),
        ({"algorithm": "difference_map", "beta": None}, "beta=None"),
        ({"algorithm": "amdr", "cooling": 1.1}, r"cooling=1\.1: .* at most 1\."),
        ({"algorithm": "amdr", "polish": 2.0}, r"polish=2\.0: .* at most 1\."),
        ({"algorithm": "amdr", "blend": 2.5}, r"blend=2\.5: expected a whole number"),
        ({"algorithm": "admm", "rho": 10**400}, "rho=1"),
        ({"algorithm": "ammdr"}, r"Did you mean 'amdr'"),
    ):
        with pytest.raises(SpecInvError, match=message):
            invert(setting.spec, window=setting.window, verbose=False, **algorithm)
    for parts, shares, message in (
        ((RAAR(),), (0.5, 0.5), "positive, finite share for each of 1 parts"),
        ((RAAR(), LBFGS()), (1.0, 0.0), "positive, finite share"),
        ((RAAR(), LBFGS()), (1.0, math.nan), "positive, finite share"),
        ((RAAR(), LBFGS()), (math.inf, 1.0), "positive, finite share"),
        ((RTISILA(),), (1.0,), "RTISILA takes no start"),
    ):
        with pytest.raises(SpecInvError, match=message):
            Chain(parts, shares)
    with pytest.raises(SpecInvError, match=r"max_iter=3 leaves no iteration for LBFGS.* 10%"):
        setting.ours(Chain((RAAR(), LBFGS()), (0.9, 0.1)), 3)
