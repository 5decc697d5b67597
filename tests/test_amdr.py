"""AMDR: even and odd frames take turns, and the numbers of the rule follow a schedule."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import pytest
import torch

from tests.conftest import hann
from tests.projection_cases import Constant, Setting
from torch_specinv import Step, invert
from torch_specinv.algorithms import AMDR
from torch_specinv.constraints.magnitude import Magnitude
from torch_specinv.engines import TorchEngine
from torch_specinv.solve.problem import SpectrogramProblem


def problem_of(setting):
    """Return the setting as a problem that is not scaled."""
    target = setting.spec[None]
    one = target.new_ones(1, 1, 1)
    return SpectrogramProblem(setting.stft, Magnitude(target), one)


def test_even_and_odd_frames_take_turns(speech):
    """As the method of Gauss and Seidel: the odd frames see what the even ones have become."""
    setting = Setting(speech)
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
