"""CUDA graphs on the pretended device: what is captured is carried out again on the same memory.

As on a device, numbers and addresses are those of the recording, nothing that waits is allowed
meanwhile, and only what happens on the current device is recorded.
"""

from __future__ import annotations

import contextlib
import types
from collections.abc import Generator
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from .pretended import Device, Held


class Graph:
    """What torch.cuda.CUDAGraph is to the package."""

    def __init__(self) -> None:
        self.operations: list[tuple[Any, Any, Any, list[Tensor]]] = []

    def capture_begin(self, pool: Any = None, capture_error_mode: str = "global") -> None:
        assert capture_error_mode == "thread_local", "other threads would break, or be broken"
        Recording.of().graph = self

    def capture_end(self) -> None:
        Recording.of().graph = None

    def replay(self) -> None:
        Recording.of().replays += 1
        for func, args, kwargs, outputs in self.operations:
            again = tree_flatten(func(*args, **kwargs))[0]
            for old, new in zip(outputs, (t for t in again if isinstance(t, Tensor)), strict=True):
                if new.untyped_storage().data_ptr() != old.untyped_storage().data_ptr():
                    old.copy_(new)


class Recording(Device):
    """A pretended device that also records."""

    def __init__(self) -> None:
        super().__init__("cuda")
        self.graph: Graph | None = None
        self.captured = self.missed = self.replays = 0

    @classmethod
    def of(cls) -> Recording:
        """Return the one at work."""
        assert isinstance(Device.current, cls)
        return Device.current

    def note_wait(self, why: str) -> None:
        super().note_wait(why)
        if self.graph is not None:
            raise RuntimeError(f"operation not permitted when stream is capturing: {why}")

    def run(self, func: Any, args: Any, kwargs: Any) -> Any:
        out = super().run(func, args, kwargs)
        if self.graph is None or func.is_view:
            return out
        flat, spec = tree_flatten((args, kwargs))
        results = tree_flatten(out)[0]
        held = [t for t in (*flat, *results) if isinstance(t, Held)]
        if not held:
            return out
        if any(t.device.index != self.index for t in held):
            self.missed += 1  # happens now, on a stream that is not recorded
            return out
        raw = [t.raw if isinstance(t, Held) else t for t in flat]
        args, kwargs = tree_unflatten(raw, spec)
        if kwargs.get("device") is not None:
            kwargs = {**kwargs, "device": torch.device("cpu")}
        outputs = [t.raw if isinstance(t, Held) else t for t in results if isinstance(t, Tensor)]
        self.graph.operations.append((func, args, kwargs, outputs))
        self.captured += 1
        return out


@contextlib.contextmanager
def pretended_graphs() -> Generator[Recording]:
    """Let torch.cuda record on a pretended device."""
    device = Recording()
    stream = types.SimpleNamespace(wait_stream=lambda other: None)

    @contextlib.contextmanager
    def current(which: Any) -> Generator[None]:
        before, device.index = device.index, torch.device(which).index or 0
        try:
            yield
        finally:
            device.index = before

    instead = {
        "Stream": lambda *_: stream,
        "stream": lambda _: contextlib.nullcontext(),
        "current_stream": lambda *_: stream,
        "synchronize": lambda *_: None,
        "CUDAGraph": Graph,
        "device": current,
    }
    saved = {name: getattr(torch.cuda, name) for name in instead}
    for name, value in instead.items():
        setattr(torch.cuda, name, value)
    try:
        with device:
            yield device
    finally:
        for name, value in saved.items():
            setattr(torch.cuda, name, value)
