"""Native calls are told how much memory there is, and touch nothing where that does not fit."""

from __future__ import annotations

import math
from ctypes import byref, c_int64, c_void_p

import pytest
import torch

from tests.native_cases import WIDTHS, native_engine, needs_library, problem_of
from torch_specinv.algorithms import AMDR, GriffinLim
from torch_specinv.native import Row, Rule, Slopes, follow, forest, integrate, library
from torch_specinv.native.library import Job, Outcome, sizes_of

pytestmark = [needs_library, pytest.mark.sanitized]


@pytest.fixture(scope="module", params=WIDTHS)
def engine(request):
    problem, _ = problem_of(3000, {}, items=2)
    return native_engine(problem, AMDR(), 9, width=request.param)


@pytest.mark.parametrize(
    "change",
    [
        lambda x: torch.stack([x, x]),  # what a phase with one dimension too many becomes
        lambda x: x[:1],
        lambda x: x[..., :-1],
        lambda x: x[:, :-1],
        lambda x: x[0],
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64])
def test_spectra_of_another_shape(engine, change, dtype):
    target = engine.problem.target
    wrong = change(target.to(dtype))
    with pytest.raises(AssertionError, match="a spectrum of shape"):
        engine.plan.pack(wrong)
    assert torch.equal(engine.plan.pack(target.double()), engine.lanes.magnitude)


@pytest.mark.parametrize("which", range(2))
@pytest.mark.parametrize("by", [-1, 1, -(10**6), 2**62])
def test_packing_checks_both_sizes(engine, which, by):
    plan, target = engine.plan, engine.problem.target.mT.contiguous()
    packed = torch.full_like(engine.lanes.magnitude, 7.0)
    sizes = sizes_of(packed, target)
    sizes[which] += by
    arguments = (byref(plan._plan), plan.layout.width, packed.data_ptr(), target.data_ptr())
    pack = library.library().specinv_pack
    before = target.clone()
    for out in (0, 1):
        assert pack(*arguments, target.shape[1], 1, out, sizes) == Outcome.WRONG
    assert (packed == 7).all()
    sizes = sizes_of(packed, target)
    assert pack(*arguments, target.shape[1], 3, 0, sizes) == Outcome.WRONG
    assert pack(*arguments, 2**62, 1, 0, sizes) == Outcome.WRONG
    assert pack(arguments[0], 5, *arguments[2:], target.shape[1], 1, 0, sizes) == Outcome.WRONG
    assert (packed == 7).all()
    assert torch.equal(target, before)
    assert pack(*arguments, target.shape[1], 1, 0, sizes) == Outcome.DONE
    assert torch.equal(plan.unpack_magnitude(packed), before.mT)


@pytest.mark.parametrize("which", range(2))
@pytest.mark.parametrize("by", [-1, 1, -(10**6), 2**62])
def test_copying_waves_checks_both_sizes(engine, which, by):
    plan, waves = engine.plan, torch.full_like(engine.plan.waves(), 7.0)
    rows = torch.full((2, 3000), 8.0)
    arguments = (byref(plan._plan), plan.layout.width, waves.data_ptr(), rows.data_ptr())
    carry, right = library.library().specinv_carry, sizes_of(waves, rows)
    sizes = sizes_of(waves, rows)
    sizes[which] += by
    for lay in (False, True):
        assert carry(*arguments, 0, 3000, lay, sizes) == Outcome.WRONG
        for shift, count in ((2**62, 3000), (-(2**62), 3000), (0, -1), (0, 2**62)):
            assert carry(*arguments, shift, count, lay, right) == Outcome.WRONG
        assert carry(arguments[0], 5, *arguments[2:], 0, 3000, lay, right) == Outcome.WRONG
    behind = plan.layout.frames * plan.layout.hop - 2999
    for shift in (1, -behind):
        assert carry(*arguments, shift, 3000, False, right) == Outcome.WRONG
    assert (rows == 8).all() and (waves == 7).all()
    for shift in (-(10**9), 3000, 10**9):
        assert carry(*arguments, shift, 3000, True, right) == Outcome.DONE
    assert (waves == 7).all()
    assert carry(*arguments, 1 - behind, 3000, False, right) == Outcome.DONE
    assert (rows == 7).all()


@pytest.mark.parametrize("rule", [rule for rule in Rule if rule != Rule.RETURN])
def test_jobs_without_enough_memory(engine, rule):
    """One tensor too many, too few, too small, too large."""
    plan = engine.plan
    waves, magnitude = (plan.waves(), plan.waves()), engine.lanes.magnitude
    waves = (waves[0], plan.sums()) if rule == Rule.MEASURE else waves
    phase = torch.zeros_like(engine.problem.target.mT, memory_format=torch.contiguous_format)
    count = {Rule.ANSWER: 1, Rule.RELAX: 1}.get(rule, 0) + 2 * (rule > Rule.RELAX)
    memory = tuple(plan.layout.spectra(2, engine.problem.target.shape[1], 2) for _ in range(count))
    row = [Row(u=1.0)]
    right = {"waves": waves, "magnitude": magnitude, "memory": memory}
    right |= {"phase": phase} if rule == Rule.BEGIN else {}
    plan.run(rule, row, **right)
    wrong = [
        {"magnitude": magnitude[:1]},
        {"waves": (waves[0][:1], waves[1])},
        {"waves": (waves[0], waves[1][:, :-1].contiguous())},
        {"memory": (*memory, torch.zeros(64))},
        {"memory": (torch.zeros(64),) * max(count, 1)},
    ]
    wrong += [{"memory": memory[1:]}] if count else []
    if rule == Rule.BEGIN:
        wrong += [{"phase": None}, {"phase": phase[:1]}, {"phase": phase[:, :, 1:].contiguous()}]
    else:
        wrong += [{"phase": phase}]
    for change in wrong:
        with pytest.raises(AssertionError, match="sizes that do not fit"):
            plan.run(rule, row, **{**right, **change})
    with pytest.raises(AssertionError, match="no row of floats"):
        plan.run(rule, row, waves, magnitude.double(), memory)


@pytest.mark.parametrize("rule", [Rule.PROJECT, Rule.RETURN])
def test_jobs_that_keep_waves_without_enough_memory(engine, rule):
    problem, _ = problem_of(3000, {}, items=2)
    width = engine.plan.layout.width
    plan = native_engine(problem, GriffinLim(), 9, width).plan
    waves, magnitude = (plan.waves(), plan.waves()), plan.pack(problem.target)
    rows, kept = [Row(u=1.0)] * 3, torch.zeros(3, *waves[0].shape)
    right = {"kept": kept, "gradient": torch.zeros_like(magnitude)}
    if rule == Rule.PROJECT:
        right["gradient"] = None
    plan.run(rule, rows, waves, magnitude, **right)
    for wrong in (
        {"kept": kept[:2]},
        {"kept": torch.zeros(4, *waves[0].shape)},
        {"gradient": magnitude[:1]},
        *([{"kept": None}, {"gradient": None}] if rule == Rule.RETURN else []),
    ):
        with pytest.raises(AssertionError, match="sizes that do not fit"):
            plan.run(rule, rows, waves, magnitude, **{**right, **wrong})
    with pytest.raises(AssertionError, match="no row of floats"):
        plan.run(rule, rows, waves, magnitude, **{**right, "kept": kept.double()})
    # frames that are updated in turns have no such wave, and other rules keep none
    alternating, magnitude = engine.plan, engine.plan.pack(problem.target)
    for which, other in ((alternating, rule), (plan, Rule.MEASURE)):
        waves = (which.waves(), which.waves())
        right["kept"] = torch.zeros(3, *waves[0].shape)
        with pytest.raises(AssertionError, match="sizes that do not fit"):
            which.run(other, rows, waves, magnitude, **right)


def test_jobs_of_unknown_rules(engine):
    run, plan = library.library().specinv_run, engine.plan
    for rule in (-1, 7, 2**40):
        job = Job(rule=rule, count=1)
        assert run(byref(plan._plan), plan.layout.width, byref(job)) == Outcome.WRONG
    job = Job(rule=Rule.PROJECT, count=1, sizes=(c_int64 * 8)())
    assert run(byref(plan._plan), plan.layout.width, byref(job)) == Outcome.WRONG
    assert run(byref(plan._plan), 7, byref(job)) == Outcome.WRONG


def test_tables_of_another_size(engine, monkeypatch):
    check, plan = library.library().specinv_check, engine.plan
    sizes = sizes_of(*(plan._arrays[name] for name in library.POINTERS))
    assert check(byref(plan._plan), plan.layout.width, sizes) == Outcome.DONE
    for i in range(len(sizes)):
        for by in (-1, 1):
            sizes[i] += by
            assert check(byref(plan._plan), plan.layout.width, sizes) == Outcome.WRONG
            sizes[i] -= by


def test_phases_of_another_size():
    strength, steps = torch.rand(2, 5, 9), torch.zeros(2, 5, 9, dtype=torch.int32)
    assert integrate(strength, (steps, steps), 0.1, 9).shape == steps.shape
    for wrong in ((steps[:1], steps), (steps, steps[..., :-1])):
        with pytest.raises(AssertionError, match="sizes that do not fit"):
            integrate(strength, wrong, 0.1, 9)
    with pytest.raises(AssertionError, match="sizes that do not fit"):
        integrate(strength, (steps, steps), 0.1, 9, torch.ones(1))
    with pytest.raises(AssertionError, match="sizes that do not fit"):
        follow(strength, torch.zeros(8, dtype=torch.int64), 0.25, 0)
    nothing = (c_void_p(), c_void_p(), c_void_p(), c_void_p())
    for shape in ((0, 5, 9), (-1, 5, 9), (2**40, 2**40, 9), (1, 2**31, 1)):
        count = shape[0] * shape[1] * shape[2] % 2**63
        call = library.library().specinv_integrate
        arguments = (
            *nothing,
            (c_int64 * 3)(*shape),
            0.1,
            9,
            0.0,
            c_void_p(),
            c_void_p(),
            (c_int64 * 7)(count, shape[0], *[count] * 3, 0, 0),
        )
        assert call(*arguments) == Outcome.WRONG


@pytest.mark.sanitized
def test_slopes_of_another_size():
    strength, none = torch.rand(2, 5, 9), torch.zeros(2, dtype=torch.int64)

    def log(items, rows):
        return strength[items, rows]

    right = Slopes(log, torch.zeros(9, dtype=torch.int32), none + 4, False, True, 7, 1.0, 1.0)
    assert integrate(strength, right, 0.1, 9).shape == strength.shape
    for wrong in (
        {"log": lambda items, rows: strength[items, 1:]},
        {"carrier": right.carrier[1:]},
        {"last": none[1:]},
        {"last": none + 5},
        {"last": none - 1},
        {"along_time": strength[:, 1:].int()},
    ):
        with pytest.raises(AssertionError, match="sizes that do not fit"):
            integrate(strength, right._replace(**wrong), 0.1, 9)
    known = right._replace(along_time=strength.int())
    assert integrate(strength, known, 0.1, 9).shape == strength.shape
    with pytest.raises(AssertionError, match="slopes in"):
        integrate(strength, right._replace(last=none.int()), 0.1, 9)
    with pytest.raises(AssertionError, match="slopes in"):
        integrate(strength, right._replace(along_time=strength), 0.1, 9)


@pytest.mark.sanitized
@pytest.mark.parametrize("size", [9, 18, 27, 45, 90])
def test_slopes_of_a_few_frames_at_a_time(monkeypatch, size):
    """Give the same as those of all frames, whatever an item holds."""
    strength = torch.rand(3, 10, 9, generator=torch.manual_seed(size)) ** 4
    strength[1, 4:6] = 0
    asked = []

    def log(items, rows):
        asked.append(strength[items, rows].shape)
        return strength[items, rows].clamp_min(1e-6).log()

    last, carrier = torch.tensor([9, 9, 6]), torch.arange(9, dtype=torch.int32) * 2**28
    steps = Slopes(log, carrier, last, False, False, 7, 2.0**29, 2.0**28)
    known = steps._replace(along_time=torch.arange(270, dtype=torch.int32).view(3, 10, 9) * 2**22)
    whole, of_known = integrate(strength, steps, 0.01, 3), integrate(strength, known, 0.01, 3)
    assert asked == [(3, 10, 9)] * 2
    assert not torch.equal(whole, of_known)
    monkeypatch.setattr(forest, "_AT_A_TIME", size)
    assert torch.equal(integrate(strength, known, 0.01, 3), of_known)
    del asked[1:]
    assert torch.equal(integrate(strength, steps, 0.01, 3), whole)
    assert all(math.prod(shape[:2]) <= size // 9 + 2 for shape in asked[1:])
    assert len(asked) > 3


@pytest.mark.sanitized
def test_an_interrupted_forest_leaves_nothing_behind(monkeypatch):
    monkeypatch.setattr(forest, "_AT_A_TIME", 18)
    strength, seen = torch.rand(1, 10, 9), []
    steps = Slopes(None, torch.zeros(9, dtype=torch.int32), torch.tensor([9]), False, True, 7, 1, 1)

    def failing(after, cut):
        def log(items, rows):
            seen.append(rows)
            if len(seen) > after:
                raise KeyboardInterrupt
            return strength[items, rows][:, cut:]

        return log

    for after in (0, 1, 4, 5, 9):
        seen.clear()
        with pytest.raises(KeyboardInterrupt):
            integrate(strength, steps._replace(log=failing(after, 0)), 0.1, 9)
    seen.clear()
    with pytest.raises(AssertionError, match="sizes that do not fit"):
        integrate(strength, steps._replace(log=failing(99, 1)), 0.1, 9)
    assert len(seen) == 1
