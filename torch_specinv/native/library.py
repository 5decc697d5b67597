"""The shared library, as it was built when the package was installed, or why there is none.

It is told how many elements there are behind every pointer, and refuses what does not fit.
"""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from ctypes import POINTER, byref, c_char_p, c_double, c_float, c_int32, c_int64, c_void_p, sizeof
from enum import IntEnum
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..forks import lock_for_forks
from .sources import expected

#: Where the build puts the library.
FILE = Path(__file__).with_name("_lanes.so")
# How many floats a register of each instruction set holds, the widest first
_WIDTHS = (16, 8, 4)
_INTEGERS = (
    ("n_fft", "first", "support", "hop", "bins", "batch", "groups", "segment", "turns"),
    ("shared", "threads", "stages"),
)
#: The arrays of a plan, whose sizes are passed in this order.
POINTERS = (
    *("radices", "twiddles", "places", "order", "window", "synthesis", "frames"),
    *("edges", "sums", "terms", "weights", "places_to_fill", "fillings"),
)
_COUNTS = ("most_sums", "sum_count", "term_count", "filling_count")


_LOADING = lock_for_forks()


class Plan(ctypes.Structure):
    """The numbers and tables of a transform and its layout: the Plan of native.cpp."""

    _fields_ = (
        *((name, c_int64) for names in _INTEGERS for name in names),
        *((name, c_void_p) for name in POINTERS),
        *((name, c_int64) for name in _COUNTS),
    )


class Row(ctypes.Structure):
    """The numbers of an iteration: the Row of native.cpp.

    It analyses u times the newest wave plus v times the one before it. The others are the fields of
    :class:`~torch_specinv.solve.Relaxation`.
    """

    _fields_ = tuple((name, c_float) for name in "uvqrpsxyzefg")


class Bank(ctypes.Structure):
    """The tables of a bank of sums over bins: the Bank of native.cpp."""

    _fields_ = (
        *((name, c_int64) for name in ("bands", "power", "reach", "spread", "starts", "scales")),
        *((name, c_void_p) for name in ("first", "weights", "shares")),
        *((name, c_void_p) for name in ("inverse_first", "inverse", "gains")),
        ("sizes", c_int64 * 6),
    )


class Job(ctypes.Structure):
    """The memory that iterations work on: the Job of native.cpp."""

    _fields_ = (
        ("rule", c_int64),
        ("count", c_int64),
        ("rows", POINTER(Row)),
        ("waves", c_void_p * 2),
        ("magnitude", c_void_p),
        ("variable", c_void_p),
        ("memory", c_void_p),
        ("kept", c_void_p),
        ("gradient", c_void_p),
        ("phase", c_void_p),
        ("frames", c_int64),
        ("sizes", c_int64 * 8),
        ("bank", POINTER(Bank)),
        ("main", c_int64),
    )


class Push(ctypes.Structure):
    """A frame of each stream, and the states before and after it: the Push of native.cpp."""

    _fields_ = (
        *((name, c_int64) for name in ("rule", "count", "streams", "places", "past", "asymmetric")),
        ("rows", POINTER(Row)),
        *((name, c_void_p) for name in ("pulse", "power", "observed", "target", "estimate")),
        *((name, c_void_p) for name in ("committed", "envelope", "arrives", "present")),
        *((f"next_{name}", c_void_p) for name in ("target", "estimate", "committed", "envelope")),
        *((name, c_void_p) for name in ("samples", "next_present")),
        ("sizes", c_int64 * 8),
        ("floor", c_float),
    )


class Host(ctypes.Structure):
    """Functions of torch and of Python: the Host of native.cpp."""

    _fields_ = tuple(
        (name, c_void_p)
        for name in ("parallel", "thread", "threads", "release", "acquire", "handle_signals")
    )


class Rule(IntEnum):
    """What happens to a bin."""

    BEGIN = 0
    """The variable, if there is one, becomes the magnitude at given phases, and is synthesised."""
    ANSWER = 1
    """The variable is projected and synthesised. The waves are not read."""
    MEASURE = 2
    """Squared distances from the magnitude are added to what stands in place of the second wave."""
    PROJECT = 3
    """The magnitude is set: Griffin-Lim."""
    RELAX = 4
    """A relaxation that keeps the variable c, and no memory m."""
    RELAX_WITH_MOMENTUM = 5
    """A relaxation that uses m for momentum only: s, z and g are 0."""
    RELAX_WITH_MEMORY = 6
    """Any relaxation."""
    RETURN = 7
    """Backwards through iterations of Griffin-Lim, for their gradient."""


class Outcome(IntEnum):
    """How a call ended."""

    DONE = 0
    STOPPED = 1
    NO_MEMORY = 2
    WRONG = 3


def library(file: Path = FILE) -> Any:
    """Load the library, once.

    Raises
    ------
    OSError
        If it is not there, or the system can't load it.
    """
    with _LOADING:
        return _load(file)


@cache
def _load(file: Path) -> Any:
    loaded: Any = ctypes.CDLL(str(file))
    plan, sizes = POINTER(Plan), POINTER(c_int64)
    _lend(loaded)
    loaded.specinv_supports.argtypes = (c_int64,)
    loaded.specinv_size.restype = c_int64
    loaded.specinv_sources.restype = c_char_p
    loaded.specinv_check.argtypes = (plan, c_int64, sizes)
    loaded.specinv_pack.argtypes = (
        *(plan, c_int64, c_void_p, c_void_p, c_int64, c_int64, c_int32, sizes),
    )
    loaded.specinv_carry.argtypes = (
        *(plan, c_int64, c_void_p, c_void_p, c_int64, c_int64, c_int32, sizes),
    )
    loaded.specinv_smooth.argtypes = (
        *(POINTER(Bank), c_int64, c_int64, c_int64, c_int64, c_int64, c_void_p, c_void_p, sizes),
    )
    loaded.specinv_run.argtypes = (plan, c_int64, POINTER(Job))
    # the same with Python's lock, for the main thread
    with_lock = ctypes.PYFUNCTYPE(c_int32, *loaded.specinv_run.argtypes)
    loaded.run_with_lock = with_lock(("specinv_run", loaded))
    loaded.specinv_push.argtypes = (plan, c_int64, POINTER(Push))
    loaded.specinv_integrate.argtypes = (
        *(c_void_p, c_void_p, c_void_p, c_void_p, sizes, c_float, c_int32, c_float),
        *(c_void_p, c_void_p, sizes),
    )
    loaded.specinv_lock.argtypes = (
        *(c_void_p, c_void_p, sizes, c_void_p, c_float, c_float, c_float, c_void_p, sizes),
    )
    loaded.specinv_follow.argtypes = (
        *(c_void_p, c_int64, sizes, c_void_p, c_double, c_int64, c_void_p, sizes),
    )
    return loaded


def _lend(loaded: Any) -> None:
    """Let a library use Python's lock and, where they are those of GNU OpenMP, torch's threads."""
    python = ctypes.pythonapi
    lock = python.PyEval_SaveThread, python.PyEval_RestoreThread, python.PyErr_CheckSignals
    lent = alone = Host(None, None, None, *map(_address, lock))
    with suppress(OSError, AttributeError):
        cpu = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"))
        threads = cpu.GOMP_parallel, cpu.omp_get_thread_num, cpu.omp_get_num_threads
        lent = Host(*map(_address, (*threads, *lock)))
    loaded.specinv_lend(byref(lent))
    if hasattr(os, "register_at_fork"):
        # a child has none of the threads that its parent had
        os.register_at_fork(after_in_child=partial(loaded.specinv_lend, byref(alone)))


def _address(function: Any) -> int | None:
    return ctypes.cast(function, c_void_p).value


def sizes_of(*tensors: Tensor) -> ctypes.Array[c_int64]:
    """Return how many elements tensors have, as the native calls are told."""
    return (c_int64 * len(tensors))(*(tensor.numel() for tensor in tensors))


def check_outcome(outcome: int, doing: str) -> None:
    """Raise unless a call did what it was to do, or was stopped.

    Raises
    ------
    RuntimeError
        If there was no memory for what the call was `doing`.
    AssertionError
        If sizes do not fit each other; nothing was touched.
    """
    if outcome == Outcome.NO_MEMORY:
        raise RuntimeError(f"can't allocate memory {doing}")
    if outcome == Outcome.WRONG:
        raise AssertionError(f"sizes that do not fit each other {doing}")


def of_these_sources(loaded: Any, folder: Path = FILE.parent) -> bool:
    """Return whether a library was built from the sources beside this file.

    Where these were left out of an installation, the build has noted their hash; where nothing
    is known, the structures have to be as large as those of this file.
    """
    small = sizeof(Row) + sizeof(Push) + sizeof(Bank)
    size = sizeof(Plan) + 1000 * small + 1_000_000 * sizeof(Job)
    told = expected(folder)
    same = told is None or loaded.specinv_sources() == told.encode()
    return bool(same and loaded.specinv_size() == size)


@cache
def missing(file: Path = FILE) -> str | None:
    """Return why there is no native engine, or None where there is one."""
    if not file.exists():
        if sys.platform == "win32":
            return "it is not built on Windows"
        return (
            "it was not built when the package was installed, as no C++ compiler was found: with "
            "one there, pip install --no-cache-dir --force-reinstall --no-deps torch_specinv"
        )
    try:
        if of_these_sources(library(file)):
            return None
    except OSError as error:
        return f"its library can't be loaded ({error})"
    except AttributeError:
        pass
    return (
        "its library was built from other sources than these: install the package again, or in a "
        "checkout run python setup.py build_ext --inplace"
    )


@cache
def widths() -> tuple[int, ...]:
    """Return how many floats the registers of this processor can hold, the most first."""
    return tuple(width for width in _WIDTHS if library().specinv_supports(width))
