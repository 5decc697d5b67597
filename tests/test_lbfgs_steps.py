"""The steps of L-BFGS on small problems: curvature, directions, line search."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from tests.conftest import hann, magnitude
from torch_specinv import invert
from torch_specinv.optimize.history import History
from torch_specinv.optimize.lbfgs import BatchedLBFGS


class Quadratic:
    """Two independent quadratics with known minima: one flat, one with a condition of 10^4."""

    first_step = True
    scales = torch.stack([torch.ones(8), torch.logspace(0, 4, 8)]).double()
    minimum = torch.stack([torch.arange(8.0), -torch.ones(8)]).double()

    def evaluate(self, point):
        gap = point - self.minimum
        return 0.5 * (self.scales * gap**2).sum(1), self.scales * gap

    def begin(self, spectrum):
        return spectrum

    def point(self, wave):
        return wave

    def answer(self, point):
        return point


def test_curvature_is_learnt():
    solver = BatchedLBFGS(Quadratic(), 100, 10)
    state = solver.start(torch.zeros(2, 8, dtype=torch.float64))
    values = [state.value]
    for step in range(1, 101):
        state = solver.advance(state, step)
        values.append(state.value)
    values = torch.cat(values, 1)
    assert (values.diff(dim=1) <= 0).all()
    assert values[0, 2] < 1e-20
    assert (solver.wave(state) - Quadratic.minimum).abs().max() < 1e-6


class Rough(Quadratic):
    """Finite only near the minimum: the first unit step of the steep item is thrown far away."""

    def evaluate(self, point):
        value, gradient = super().evaluate(point)
        far = (point - self.minimum).abs().amax(1) > 10
        value = torch.where(far, -math.inf, value)  # looks good, but for its gradient
        return value, torch.where(far[:, None], math.nan, gradient)


def test_trials_that_are_not_finite_are_refused():
    solver = BatchedLBFGS(Rough(), 100, 10)
    state = solver.start(torch.zeros(2, 8, dtype=torch.float64))
    for step in range(1, 101):
        state = solver.advance(state, step)
        assert torch.isfinite(state.value).all()
        assert torch.isfinite(state.gradient).all()
    assert (solver.wave(state) - Quadratic.minimum).abs().max() < 1e-4


class Hill(Quadratic):
    """Bends down everywhere, so that nothing is learnt about the curvature."""

    minimum = torch.zeros(2, 8).double()
    scales = -torch.ones(2, 8).double()


def test_directions_that_lead_uphill_are_replaced():
    """A pair that lies about the curvature turns the direction round; the gradient does not."""
    solver = BatchedLBFGS(Hill(), 5, 5)
    state = solver.start(torch.ones(2, 8, dtype=torch.float64))
    v = state.gradient / state.gradient.norm(dim=1, keepdim=True)
    history, inner = state.history.add(v, -v, state.gradient)
    assert torch.allclose(inner[:, 0, -1], inner.new_tensor([-1.0, 1.0]))
    yes = torch.ones(2, 1, dtype=torch.bool)
    lie, _ = history.learn(inner, yes, yes)
    state = solver.advance(dataclasses.replace(state, history=lie), 1)
    assert ((state.direction * state.gradient).sum(1) < 0).all()


class Steep(Quadratic):
    """So steep that the step has to shrink by more than one line search allows."""

    scales = torch.full((2, 8), 1e9).double()


def test_a_line_search_that_fails_goes_on_with_shorter_steps():
    solver = BatchedLBFGS(Steep(), 40, 5)
    state = solver.advance(solver.start(torch.zeros(2, 8, dtype=torch.float64)), 40)
    assert (solver.wave(state) - Quadratic.minimum).abs().max() < 1e-6


def test_a_line_search_is_no_convergence(clips):
    """Evaluating often must not end an item that is trying shorter steps."""
    spec = magnitude(clips[[0, 1]])
    for eva_iter in (1, 10):
        result = invert(
            spec, "lbfgs", eva_iter=eva_iter, max_iter=60, tol=1e-9, window=hann(256),
            verbose=False,
        )  # fmt: skip
        assert (result.iterations == 60).all()


def two_loops(pairs, gamma, gradient):
    """The inverse Hessian times a gradient (Nocedal 1980), one pair after the other."""
    q, steps = gradient.clone(), []
    for s, y in reversed(pairs):
        steps.append((s @ q) / (s @ y))
        q -= steps[-1] * y
    q *= gamma
    for (s, y), step in zip(pairs, reversed(steps), strict=True):
        q += s * (step - (y @ q) / (s @ y))
    return q


@pytest.mark.parametrize("size", [1, 4])
def test_past_moves_mean_what_the_two_loops_say(size):
    """Also where a move tells nothing, and where an item forgets all that was before."""
    generator = torch.Generator().manual_seed(0)
    root = torch.randn(2, 9, 9, generator=generator, dtype=torch.float64)
    curvature = root @ root.mT + torch.eye(9)
    history, pairs = History.empty(curvature[:, 0], size), ([], [])
    gamma = torch.tensor([[0.3], [2.0]], dtype=torch.float64)
    for turn in range(10):
        move, gradient = torch.randn(2, 2, 9, generator=generator, dtype=torch.float64)
        change = torch.einsum("bij,bj->bi", curvature, move)
        history, inner = history.add(move, change, gradient)
        learnt = torch.tensor([[turn != 3], [turn % 3 != 1]])
        kept = torch.tensor([[turn != 6], [turn != 4]])
        history, products = history.learn(inner, learnt & kept, kept)
        down = history.combined(history.weights(products, gamma)) - gamma * gradient
        for item, known in enumerate(pairs):
            if not kept[item]:
                known.clear()
            known.append((move[item], change[item]) if (learnt & kept)[item] else None)
            recent = [pair for pair in known[-size:] if pair is not None]
            expected = two_loops(recent, gamma[item], gradient[item])
            assert torch.allclose(down[item], -expected, rtol=1e-8, atol=1e-8)
