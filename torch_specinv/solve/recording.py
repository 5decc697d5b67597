"""Recordings: what a function launches on a CUDA device, played back as one launch.

A recording reads and writes where it read and wrote when it was made. So what it depends on lies in
tensors of its own, into which inputs are copied.
"""

from __future__ import annotations

import contextlib
import copy
import enum
import inspect
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor

#: Records what a function does on a device, and returns what plays it back.
Recorder = Callable[[Callable[[], None], torch.device], Callable[[], None]]

# Calls before the recording, after which the plans of the transforms exist
_WARM_UP = 3
# The most values of a tensor that are compared
_MOST_VALUES = 2**16
_STREAMS: dict[torch.device, torch.cuda.Stream] = {}
_PLAIN = (int, float, complex, str, bytes, type(None), torch.dtype, torch.device, enum.Enum, type)


def record(step: Callable[[], None], device: torch.device) -> Callable[[], None]:
    """Record what a function does on a CUDA device, which need not be the current one.

    Raises
    ------
    RuntimeError
        If something in it can't be recorded, such as waiting for the device.
    """
    with torch.cuda.device(device):
        if device not in _STREAMS:
            _STREAMS[device] = torch.cuda.Stream(device)
        stream, current = _STREAMS[device], torch.cuda.current_stream(device)
        stream.wait_stream(current)
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UP):
                step()
            torch.cuda.synchronize(device)
            graph = torch.cuda.CUDAGraph()
            # other threads, such as those that load data, may allocate and wait meanwhile
            graph.capture_begin(capture_error_mode="thread_local")
            try:
                step()
            except BaseException:
                _give_up(graph)
                raise
            graph.capture_end()
        current.wait_stream(stream)

    def play() -> None:
        with torch.cuda.device(device):
            graph.replay()

    return play


def _give_up(graph: torch.cuda.CUDAGraph) -> None:
    """End a recording that failed, so that the stream is of use again."""
    with warnings.catch_warnings(), contextlib.suppress(RuntimeError):
        warnings.simplefilter("ignore")  # both tell of the failure once more
        graph.capture_end()


def own_copy(value: Any) -> Any:
    """Return a copy of an object and of all tensors in it, or None where there can be none."""
    try:
        with torch.no_grad():
            return copy.deepcopy(value)
    except Exception:  # whatever an object of somebody else's raises
        return None


def describe(value: Any) -> tuple[Any, list[Tensor]]:
    """Return what kind of object this is, but for the values of its tensors, and these tensors.

    Of two objects that are described alike, a recording of what one does is, with the tensors
    copied, one of what the other does. What lies on the host counts with its values, which become
    part of a recording, and what can't be looked into is like itself alone.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.solve.recording import describe
    >>> one, tensors = describe((torch.ones(3), 2))
    >>> one == describe((torch.ones(3), 2))[0], len(tensors)
    (True, 1)
    >>> one == describe((torch.ones(3), 3))[0], one == describe((torch.zeros(3), 2))[0]
    (False, False)
    """
    tensors: list[Tensor] = []
    storages: dict[int, int] = {}
    seen: dict[int, int] = {}

    def look(value: Any) -> Any:
        if isinstance(value, Tensor):
            tensors.append(value)
            place = storages.setdefault(value.untyped_storage().data_ptr(), len(storages))
            layout = tuple(value.shape), value.stride(), value.storage_offset(), place
            values = _values(value) if value.device.type == "cpu" else None
            return "tensor", layout, value.dtype, value.device, values
        if isinstance(value, _PLAIN):
            return type(value), value
        if isinstance(value, slice):
            return "slice", value.start, value.stop, value.step
        if id(value) in seen:
            return "seen", seen[id(value)]
        seen[id(value)] = len(seen)
        if isinstance(value, (tuple, list)):
            return type(cast(Any, value)), *map(look, cast(Any, value))
        if isinstance(value, dict):
            parts = cast(dict[Any, Any], value)
            return dict, *((look(key), look(part)) for key, part in parts.items())
        if isinstance(value, partial):
            return partial, look(value.func), look(value.args), look(value.keywords)
        if hasattr(value, "__dict__") and not inspect.isroutine(value):
            return type(value), look(vars(value))
        return type(value), id(value), _Held(value)

    return look(value), tensors


def _values(tensor: Tensor) -> Any:
    """Return the values of a tensor of the host, or the tensor itself if there are many."""
    if tensor.numel() > _MOST_VALUES:
        return id(tensor), _Held(tensor)
    return tuple(tensor.detach().flatten().tolist())


class _Held:
    """Keeps an object, so that no other gets its number; like every other of its kind."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held)

    def __hash__(self) -> int:
        return 0


def copy_into(places: list[Tensor], values: list[Tensor]) -> None:
    """Copy tensors into others of the same layout, also where some of their elements are one."""
    for place, value in zip(places, values, strict=True):
        if place is not value:
            _distinct(place).copy_(_distinct(value))


def _distinct(tensor: Tensor) -> Tensor:
    """Return a tensor without the repetitions of an expanded dimension."""
    for dim, stride in enumerate(tensor.stride()):
        if stride == 0:
            tensor = tensor.narrow(dim, 0, min(1, tensor.shape[dim]))
    return tensor.detach()
