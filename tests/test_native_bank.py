"""A filter bank in compiled code: the magnitudes that its sums start from, and its tables."""

from __future__ import annotations

import dataclasses
from ctypes import byref

import pytest
import torch

from tests.band_cases import BANKS, SLANEY, problem_of
from tests.native_cases import WIDTHS, native_engine, needs_library
from torch_specinv.algorithms import AMDR
from torch_specinv.constraints import Bands
from torch_specinv.constraints.inverted_bank import InvertedBank
from torch_specinv.native import NativeBank, library, smooth
from torch_specinv.native.library import Outcome, sizes_of

pytestmark = needs_library


@pytest.mark.sanitized
@pytest.mark.parametrize("frames", [1, 7, 100])
@pytest.mark.parametrize("name", BANKS)
def test_smooth_magnitudes(name, frames):
    """The compiled updates are those of the formula in float64."""
    matrix = BANKS[name]
    matrix = matrix[matrix.sum(1) > 0]
    generator = torch.Generator().manual_seed(frames)
    target = matrix @ torch.rand(2, 65, frames, generator=generator, dtype=torch.float64)
    target[1] = 0
    for power in (1.0, 2.0):
        exact = Bands.of(target, matrix, power).magnitude()
        found = Bands.of(target.float(), matrix, power).magnitude()
        assert found.dtype == torch.float32
        assert (found[1] == 0).all()
        assert torch.allclose(found.double(), exact, rtol=1e-4, atol=1e-6)


def test_banks_are_kept_and_not_shared():
    matrix = torch.rand(9, 33, dtype=torch.float64)
    target = torch.rand(1, 9, 5, dtype=torch.float64)
    first = Bands.of(target, matrix)
    found = InvertedBank.of(matrix)
    assert found is InvertedBank.of(matrix.clone())
    assert found is InvertedBank.of_constraint(matrix.float())
    first.bank.zero_()
    first.inverse.zero_()
    second = Bands.of(target, matrix)
    assert torch.equal(second.bank, matrix)
    assert torch.allclose(second.inverse, torch.linalg.pinv(matrix, rtol=1e-3))
    matrix[0] *= 2  # in place: another bank
    assert torch.allclose(Bands.of(target, matrix).inverse, torch.linalg.pinv(matrix, rtol=1e-3))


def test_banks_that_carry_a_gradient_are_not_kept():
    matrix = torch.rand(9, 33, dtype=torch.float64, requires_grad=True)
    Bands.of(torch.rand(1, 9, 5, dtype=torch.float64), matrix).inverse.sum().backward()
    assert matrix.grad is not None
    assert InvertedBank.of(matrix) is not InvertedBank.of(matrix)


@pytest.mark.sanitized
def test_tables_of_another_size(monkeypatch):
    problem, start = problem_of(1000)
    engine = native_engine(problem, AMDR(), 9)
    state = engine.start(start)
    told = engine.lanes.bank.told(gains=True)
    tables, gains = told.tables, told.gains
    outside = tables.first.clone()
    outside[3] = len(SLANEY) - tables.reach + 1
    tables_that_do_not_fit = [
        {"first": tables.first[1:]},
        {"first": outside},
        {"first": outside - len(SLANEY)},
        {"weights": tables.weights[1:]},
        {"shares": tables.shares[1:]},
        {"inverse": tables.inverse[1:]},
        {"inverse_first": tables.inverse_first[1:]},
        {"inverse_first": tables.inverse_first + 12},
        {"inverse_first": tables.inverse_first - 12},
    ]

    def advance(change):
        changed = dataclasses.replace(told, **change)
        monkeypatch.setattr(engine.lanes, "told_of_bank", lambda **_: changed)
        engine.advance(state, 1)

    wrong = [{"tables": dataclasses.replace(tables, **each)} for each in tables_that_do_not_fit]
    wrong += [{"gains": None}, {"gains": gains[:1].clone()}, {"power": 3}]
    for change in wrong:
        with pytest.raises(AssertionError, match="sizes that do not fit"):
            advance(change)
    advance({})


@pytest.mark.sanitized
def test_sums_of_another_size():
    tables = InvertedBank.of(SLANEY).tables
    sums, powers = torch.rand(5, 12), torch.full((5, 65), 7.0)
    assert smooth(tables, sums, 2).shape == powers.shape
    call = library.library().specinv_smooth
    told = NativeBank(tables, 1).told()
    for width, bins, frames, threads, change in (
        (7, 65, 5, 1, 0),
        (WIDTHS[0], 64, 5, 1, 0),
        (WIDTHS[0], 65, 6, 1, 0),
        (WIDTHS[0], 65, 5, 0, 0),
        (WIDTHS[0], 65, 5, 1, 1),
        (WIDTHS[0], 65, 2**62, 1, 0),
    ):
        sizes = sizes_of(sums, powers)
        sizes[1] += change
        pointers = sums.data_ptr(), powers.data_ptr()
        outcome = call(byref(told), width, bins, frames, 2, threads, *pointers, sizes)
        assert outcome == Outcome.WRONG
    assert (powers == 7).all()
