"""What the tests of the native engine share: an engine for any width and threads, geometries."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from tests import cases
from tests.cases import GEOMETRIES, POINTWISE, with_threads
from tests.conftest import hann
from torch_specinv import native
from torch_specinv.engines import NativeEngine
from torch_specinv.solve import ALGORITHMS, Step

needs_library = pytest.mark.skipif(bool(native.missing()), reason=str(native.missing()))

WIDTHS = () if native.missing() else native.widths()
RULES = [name for name in POINTWISE if ALGORITHMS[name]().coefficients(Step(0, 9)) is not None]
FITTING = {
    name: geometry
    for name, geometry in GEOMETRIES.items()
    if native.radices_of(geometry.get("n_fft", 128)) and geometry.get("onesided", True)
} | {
    "normalized": {"normalized": True},
    "hop of most of the window": {"hop_length": 96, "window": 0.1 + hann(128)},
    "much shorter window, not centred": {
        "win_length": 48,
        "hop_length": 12,
        "window": hann(48),
        "center": False,
    },
    "late window, circular": {
        "window": torch.cat([torch.zeros(80, dtype=torch.float64), 0.1 + hann(48)]),
        "hop_length": 8,
        "pad_mode": "circular",
    },
    "early window": {
        "window": torch.cat([0.1 + hann(48), torch.zeros(80, dtype=torch.float64)]),
        "hop_length": 8,
        "center": False,
    },
    "window with gaps and signs": {
        "window": (hann(128) + 0.1) * torch.tensor([1.0, -1.0, 0.5, 0.0]).double().repeat(32),
        "hop_length": 31,
    },
    "odd, factors 3, 5 and 7": {"n_fft": 105, "window": hann(105), "hop_length": 24},
    "factors 3 and 5": {"n_fft": 90, "window": hann(90), "hop_length": 30},
    "factors 2 and 5": {"n_fft": 50, "window": hann(50), "hop_length": 11},
    "odd, factors 11 and 13": {"n_fft": 143, "window": hann(143), "hop_length": 40},
}


class LittleWork:
    """Takes few frames in many lanes, and threads with next to nothing to do."""

    least_filled = 0
    frames_per_thread = 0.01


class ForLittleWork(LittleWork, NativeEngine):
    pass


def native_engine(problem, algorithm, steps, width=None, threads=1, kind=NativeEngine):
    """Make an engine for little work, with registers of so many floats."""
    kind = type("OfOneWidth", (LittleWork, kind), {"width": width})
    engine = with_threads(threads, lambda: kind(problem, algorithm, steps))
    assert width in (None, engine.plan.layout.width)
    return engine


problem_of = partial(cases.problem_of, dtype=torch.float32)
