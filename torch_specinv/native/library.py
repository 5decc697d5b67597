"""The shared library, as it was built when the package was installed, or why there is none."""

from __future__ import annotations

import ctypes
import sys
from ctypes import POINTER, c_double, c_float, c_int32, c_int64, c_void_p, sizeof
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Any

#: Where the build puts the library.
FILE = Path(__file__).with_name("_lanes.so")
# How many floats a register of each instruction set holds, the widest first
_WIDTHS = (16, 8, 4)
_INTEGERS = (
    ("n_fft", "first", "support", "hop", "bins", "batch", "groups", "segment", "turns"),
    ("shared", "threads", "stages"),
)
_POINTERS = (
    ("radices", "twiddles", "places", "order", "window", "synthesis", "frames"),
    ("edges", "sums", "terms", "weights", "places_to_fill", "fillings"),
)
_COUNTS = ("most_sums", "sum_count", "term_count", "filling_count")


class Plan(ctypes.Structure):
    """The numbers and tables of a transform and its layout: the Plan of native.cpp."""

    _fields_ = (
        *((name, c_int64) for names in _INTEGERS for name in names),
        *((name, c_void_p) for names in _POINTERS for name in names),
        *((name, c_int64) for name in _COUNTS),
    )


class Row(ctypes.Structure):
    """The numbers of an iteration: the Row of native.cpp.

    It analyses u times the newest wave plus v times the one before it. The others are the fields of
    :class:`~torch_specinv.solve.Relaxation`.
    """

    _fields_ = tuple((name, c_float) for name in "uvqrpsxyzefg")


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
        ("stop", POINTER(c_int32)),
    )


class Rule(IntEnum):
    """What happens to a bin."""

    ANSWER = 0
    """The variable is projected and synthesised. The waves are not read."""
    MEASURE = 1
    """Squared distances from the magnitude are added up, and written over the second wave."""
    PROJECT = 2
    """The magnitude is set: Griffin-Lim."""
    RELAX = 3
    """A relaxation that keeps the variable c, and no memory m."""
    RELAX_WITH_MOMENTUM = 4
    """A relaxation that uses m for momentum only: s, z and g are 0."""
    RELAX_WITH_MEMORY = 5
    """Any relaxation."""


class Outcome(IntEnum):
    """How a call ended."""

    DONE = 0
    STOPPED = 1
    NO_MEMORY = 2
    WRONG = 3


@cache
def library(file: Path = FILE) -> Any:
    """Load the library.

    Raises
    ------
    OSError
        If it is not there, or the system can't load it.
    """
    loaded = ctypes.CDLL(str(file))
    plan = POINTER(Plan)
    loaded.specinv_supports.argtypes = (c_int64,)
    loaded.specinv_size.restype = c_int64
    loaded.specinv_check.argtypes = (plan, c_int64)
    loaded.specinv_pack.argtypes = (plan, c_int64, c_void_p, c_void_p, c_int64, c_int64)
    loaded.specinv_pack.restype = None
    loaded.specinv_run.argtypes = (plan, c_int64, POINTER(Job))
    loaded.specinv_integrate.argtypes = (
        *(c_void_p, c_void_p, c_void_p, POINTER(c_int64), c_float, c_int32, c_void_p),
    )
    loaded.specinv_follow.argtypes = (
        *(c_void_p, c_int64, POINTER(c_int64), c_void_p, c_double, c_int64, c_void_p),
        POINTER(c_int64),
    )
    return loaded


def of_these_sources(loaded: Any) -> bool:
    """Return whether a library has the structures of this file, in the same sizes."""
    size = sizeof(Plan) + 1000 * sizeof(Row) + 1_000_000 * sizeof(Job)
    return bool(loaded.specinv_size() == size)


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
    return "its library was built from other sources than these: install the package again"


@cache
def widths() -> tuple[int, ...]:
    """Return how many floats the registers of this processor can hold, the most first."""
    return tuple(width for width in _WIDTHS if library().specinv_supports(width))
