"""The graph behind native iterations: what it keeps, and every way back through it."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace

import pytest
import torch

from tests.cases import with_threads
from tests.native_cases import native_engine, needs_library, problem_of
from tests.native_training_cases import training
from torch_specinv.algorithms import GriffinLim
from torch_specinv.constraints import Magnitude
from torch_specinv.engines import TorchEngine

pytestmark = needs_library


def test_the_wave_is_that_of_no_gradient():
    problem, start = problem_of(2000, {})
    engines = training(problem, GriffinLim(), 7), native_engine(problem, GriffinLim(), 7)
    states = [engine.advance(engine.start(start), 7) for engine in engines]
    found, plain = (engine.evaluate(s) for engine, s in zip(engines, states, strict=True))
    for value, other in zip(found, plain, strict=True):
        assert (value - other).abs().max() < 1e-5 * other.abs().max()


def test_a_state_is_not_written_over():
    problem, start = problem_of(1000, {})
    engine = training(problem, GriffinLim(), 9)
    state = engine.advance(engine.start(start), 4)
    before = [wave.clone() for wave in (*state.waves, *state.plain)]
    engine.evaluate(engine.advance(state, 9))
    for wave, kept in zip((*state.waves, *state.plain), before, strict=True):
        assert torch.equal(wave, kept)


@pytest.mark.sanitized
def test_a_state_goes_on_with_another_number_of_threads():
    problem, start = problem_of(5000, {"hop_length": 50}, 1)
    one, two = (training(problem, GriffinLim(), 6, threads=threads) for threads in (1, 2))
    assert one.plan.layout != two.plan.layout
    expected = one.wave(one.advance(one.start(start), 6))
    state = one.advance(one.start(start), 3)
    assert torch.equal(two.wave(two.advance(state, 6)), expected)


def leaf_and_wave(steps=4, make=training):
    problem, start = problem_of(1000, {})
    leaf = problem.target.clone().requires_grad_()
    engine = make(replace(problem, known=Magnitude(leaf)), GriffinLim(), steps)
    return leaf, engine.wave(engine.advance(engine.start(start), steps))


class Held:
    def __init__(self, tensor):
        self.tensor = tensor


def test_few_numbers_are_kept_and_freed_after_the_way_back():
    sizes = []
    for make in (training, TorchEngine):
        held = []

        def pack(tensor, held=held):
            held.append(Held(tensor))
            return held[-1]

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda holder: holder.tensor):
            _, wave = leaf_and_wave(8, make)
        sizes.append(sum(holder.tensor.numel() for holder in held))
        alive = [weakref.ref(holder) for holder in held]
        held.clear()
        gc.collect()
        assert all(holder() is not None for holder in alive)
        wave.sum().backward()
        gc.collect()
        assert all(holder() is None for holder in alive)
    assert sizes[0] < 0.3 * sizes[1]


def test_a_second_way_back_needs_retain_graph():
    leaf, wave = leaf_and_wave()
    total = wave.square().sum()
    first, second = (torch.autograd.grad(total, leaf, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, second)
    total.backward()
    assert torch.equal(leaf.grad, first)
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        total.backward()


@pytest.mark.parametrize("alpha", [0.0, 0.9])
def test_second_derivatives_are_those_of_the_plain_engine(alpha):
    found = []
    for make in (training, TorchEngine):
        problem, start = problem_of(600, {})
        leaf, begin = problem.target.clone().requires_grad_(), start.clone().requires_grad_()
        engine = make(replace(problem, known=Magnitude(leaf)), GriffinLim(alpha), 4)
        state = engine.advance(engine.advance(engine.start(begin), 1), 4)
        total = engine.wave(state).pow(3).sum()
        first = torch.autograd.grad(total, (leaf, begin), create_graph=True)
        square = sum(torch.view_as_real(x).square().sum() if x.is_complex() else x.square().sum()
                     for x in first)  # fmt: skip
        found.append((*(x.detach() for x in first), *torch.autograd.grad(square, (leaf, begin))))
    for value, right in zip(*found, strict=True):
        assert (value - right).norm() < 1e-3 * right.norm()


def test_gradients_of_many_sums_at_once():
    leaf, wave = leaf_and_wave()
    weights = torch.randn(3, *wave.shape)
    single = [torch.autograd.grad(wave, leaf, w, retain_graph=True)[0] for w in weights]
    (batched,) = torch.autograd.grad(wave, leaf, weights, is_grads_batched=True, retain_graph=True)
    for one, other in zip(single, batched, strict=True):
        assert (one - other).abs().max() < 1e-4 * one.abs().max()


def test_threads_of_the_caller_are_left_alone():
    leaf, wave = with_threads(2, leaf_and_wave)
    wave.sum().backward()
    assert torch.get_num_threads() == 1
    assert leaf.grad.isfinite().all()
