"""Whether two runs over a corpus have the same settings: what differs is not taken for alike."""

from __future__ import annotations

import datetime
import functools
import json
import pickle
import re
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.corpus_cases import RUN, save_arrays
from torch_specinv import SpecInvError
from torch_specinv.constraints import Magnitude
from torch_specinv.corpus import invert_corpus
from torch_specinv.corpus.telling import told


class Scaled:
    def __init__(self, scale):
        self.scale = scale

    def of(self, spec):
        return Magnitude(spec * self.scale)


class Slotted:
    __slots__ = ("scale",)

    def __init__(self, scale):
        self.scale = scale


@dataclass
class Fields:
    scale: float


def within(scale):
    def constraint(spec):
        return Magnitude(spec * scale)

    return constraint


def with_default(scale):
    def constraint(spec, scale=scale):
        return Magnitude(spec * scale)

    return constraint


MAKERS = {
    "int64": lambda x: np.int64(x), "float32": lambda x: np.float32(x),
    "float16": lambda x: np.float16(x), "bool_": lambda x: np.bool_(x > 1),
    "complex": lambda x: complex(x, 1), "complex64": lambda x: np.complex64(1 + x),
    "datetime64": lambda x: np.datetime64(int(x), "D"), "bytes": lambda x: bytes([int(x)]),
    "partial": lambda x: functools.partial(within, x),
    "partial keyword": lambda x: functools.partial(within, scale=x),
    "method": lambda x: Scaled(x).of, "object": Scaled, "slots": Slotted, "fields": Fields,
    "closure": within, "defaults": with_default, "path": lambda x: Path(str(x)),
    "dtype": lambda x: {1: torch.float32, 2: torch.float64}[x],
    "np.dtype": lambda x: np.dtype({1: "f4", 2: "f8"}[x]),
    "device": lambda x: torch.device("cpu", int(x)), "date": lambda x: datetime.date(2000, x, 1),
    "range": range, "pattern": lambda x: re.compile(str(x)), "set": lambda x: {"a", "b", x},
    "array": lambda x: np.full(3, x), "tensor": lambda x: torch.full((3,), x),
    "nested": lambda x: {"a": [functools.partial(within, np.int64(x))], 1: None},
    "module": lambda x: torch.nn.Linear(x, 1, bias=False),
}  # fmt: skip


@pytest.mark.parametrize("name", MAKERS)
def test_settings_that_differ_are_told_apart(name):
    torch.manual_seed(0)
    one, two = (MAKERS[name](x) for x in (1, 2))
    assert json.dumps(told(one)) != json.dumps(told(two))
    if name not in ("closure", "defaults", "module"):  # what can be pickled is told alike elsewhere
        assert told(pickle.loads(pickle.dumps(one))) == told(one)
    if name != "module":
        assert told(MAKERS[name](1)) == told(one)
    assert " at 0x" not in json.dumps(told(one))


def test_numbers_of_numpy_are_those_of_python():
    assert (told(np.int64(5)), told(np.float64(0.5)), told(np.bool_(True))) == (5, 0.5, True)
    assert told([np.int32(1), (np.float32(0.5),)]) == [1, [0.5]]


def test_what_shows_nothing_is_refused():
    with pytest.raises(SpecInvError, match="shows nothing of what it holds"):
        told(iter([1]))
    lock = threading.Lock()

    def constraint(spec):
        with lock:
            return constraint(spec) if json else None

    assert "constraint" in told(constraint)["function"]
    chain = Scaled(1)
    chain.scale = chain
    assert told(chain) == {"class": "Scaled", "scale": "itself"}


@pytest.mark.parametrize("name, values", [
    ("max_iter", (np.int64(2), np.int64(3))), ("alpha", (np.float32(0.1), np.float32(0.9))),
    ("constraint", (Scaled(1).of, Scaled(2).of)), ("constraint", (within(1), within(2))),
])  # fmt: skip
def test_a_run_with_other_settings_is_refused(tmp_path, name, values):
    save_arrays(tmp_path / "in", 1)
    first, second = (
        functools.partial(
            invert_corpus, tmp_path / "in", tmp_path / "out", "griffin_lim", **{**RUN, name: value}
        )
        for value in values
    )
    assert first().done == 1
    assert first().finished_before == 1
    with pytest.raises(SpecInvError, match="made with other settings"):
        second()
