"""Frames that arrive one by one, taken in by compiled code."""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import byref, c_int64
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..transform.geometry import Geometry
from ..transform.sizes import ceil_div
from .library import Plan, Push, Row, Rule, check_outcome, library, sizes_of, widths
from .plan import checked_plan
from .tables import arrays_of

# Lanes of a register: wider ones would be empty for a few streams, and round differently
_WIDTH = 8


class OnlineTensors(NamedTuple):
    """The state between two frames, of which the last is a place for the next frame.

    See :class:`torch_specinv.online.OnlineState`: shapes (streams, places, bins), the same
    complex, (streams, places) bool, and (streams, samples) twice.
    """

    target: Tensor
    estimate: Tensor
    present: Tensor
    committed: Tensor
    envelope: Tensor


class NativeOnline:
    """The step that takes in a frame of each stream.

    Parameters
    ----------
    geometry : Geometry
        The transform: one-sided, float32, on a CPU, with an n_fft that :func:`radices_of` takes.
    past : int
        Committed frames that the state has beside the active ones.
    pulse : Tensor, optional
        What is added to the spectrum that earlier frames imply of a new frame, for a magnitude of
        1: complex64, (bins,). None where new frames come with a phase.
    asymmetric : bool
        Whether samples of a new frame are divided by the envelope of the earlier frames alone.
    floor : float
        The least envelope to divide by.
    """

    def __init__(
        self, geometry: Geometry, past: int, pulse: Tensor | None, asymmetric: bool, floor: float
    ) -> None:
        g = geometry
        self._made_of = geometry, past, pulse, asymmetric, floor
        self._hop = g.hop_length
        window = g.window.double()
        margin = ceil_div(max(0, g.n_fft - g.hop_length), g.hop_length)
        none = torch.zeros(0, dtype=torch.int64)
        self._arrays: dict[str, Tensor] = {
            **arrays_of(g, window, window),
            "frames": torch.zeros(1, dtype=torch.int64),
            "edges": torch.zeros(4, dtype=torch.int64),
            "sums": torch.zeros(1, dtype=torch.int64),
            "weights": none.float(),
            **dict.fromkeys(("terms", "places_to_fill", "fillings"), none),
        }
        self._width = _WIDTH if _WIDTH in widths() else widths()[-1]
        self._plan: Plan = checked_plan(
            g, self._arrays, self._width, first=0, support=g.n_fft, batch=1, groups=1,
            segment=2 * max(1, margin), turns=1, threads=1, most_sums=0, shared=0,
        )  # fmt: skip
        self._power = g.window.square().contiguous()
        self._pulse = None if pulse is None else pulse.to(torch.complex64).contiguous()
        self._fixed: dict[str, Any] = {
            "past": past,
            "asymmetric": int(asymmetric),
            "floor": floor,
            "power": self._power.data_ptr(),
            "pulse": None if self._pulse is None else self._pulse.data_ptr(),
        }

    def __reduce__(self) -> tuple[type[NativeOnline], tuple[Any, ...]]:
        """Be pickled and copied without addresses."""
        return type(self), self._made_of

    def push(
        self,
        rule: Rule,
        rows: Sequence[Row],
        state: OnlineTensors,
        observed: Tensor,
        arrives: Tensor,
    ) -> tuple[OnlineTensors, Tensor]:
        """Take in magnitudes (streams, bins) where they arrive, (streams,).

        Return the state after them, in memory of its own, and samples (streams, hop).
        """
        state = OnlineTensors(*(x.contiguous() for x in state))
        after = OnlineTensors(*map(torch.zeros_like, state))
        samples = after.committed.new_empty(len(observed), self._hop)
        observed, arrives = observed.contiguous(), arrives.contiguous()
        if not all(x.dtype == torch.float32 for x in (observed, state.target, state.committed)):
            raise AssertionError("frames that are no floats")
        pointers = {name: x.data_ptr() for name, x in state._asdict().items()}
        pointers |= {f"next_{name}": x.data_ptr() for name, x in after._asdict().items()}
        self._plan.threads = min(torch.get_num_threads(), ceil_div(len(observed), self._width))
        job = Push(
            rule=rule, count=len(rows), rows=(Row * len(rows))(*rows), streams=len(observed),
            places=state.target.shape[1], observed=observed.data_ptr(),
            arrives=arrives.data_ptr(), samples=samples.data_ptr(),
            sizes=(c_int64 * 8)(*sizes_of(observed, arrives, state.present, state.target),
                                2 * state.estimate.numel(),
                                *sizes_of(state.committed, state.envelope, samples)),
            **self._fixed, **pointers,
        )  # fmt: skip
        outcome = library().specinv_push(byref(self._plan), self._width, byref(job))
        check_outcome(outcome, "to take in a frame")
        return after, samples
