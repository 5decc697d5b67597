"""The graph engine: an iteration is recorded once on a CUDA device, and played back.

For a short clip a GPU computes an iteration faster than its kernels can be launched one by one. A
recorded iteration is a single launch. It works in memory of its own, so the state is copied there
first, and out of it in the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from ..solve.algorithm import PointwiseAlgorithm
from ..solve.problem import SpectrogramProblem
from ..solve.solver import each_tensor
from .base import Engine, TripState
from .buffers import write_over
from .torch_engine import TorchEngine

# Iterations before the recording, after which the FFT plans exist
_WARM_UP = 3

#: Records a function and returns what plays it back.
Recorder = Callable[[Callable[[], None]], Callable[[], None]]


def record(step: Callable[[], None]) -> Callable[[], None]:
    """Record what a function does on the current CUDA device."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(_WARM_UP):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


@dataclass(frozen=True, eq=False)
class _Recording:
    """An iteration, and the memory it works on."""

    memory: TripState
    play: Callable[[], None]


class GraphEngine(Engine[TripState]):
    """Plays back the iterations of the engine "torch", where all but the first are the same."""

    name = "graph"
    takes = "steady rules, on a CUDA device, without gradients; played back, for short clips"
    automatic = False  # its recording has not run on a device yet

    def __init__(
        self,
        problem: SpectrogramProblem,
        algorithm: PointwiseAlgorithm,
        steps: int,
        recorder: Recorder = record,
    ) -> None:
        self.steps, self._recorder = steps, recorder
        self._torch = TorchEngine(problem, algorithm, steps)
        self._recording: _Recording | None = None

    @classmethod
    def missing(cls) -> str | None:
        """Return why it can't run here, or None where there is a CUDA device."""
        return None if torch.cuda.is_available() else "it needs a CUDA device, and there is none"

    @classmethod
    def obstacle(
        cls, problem: SpectrogramProblem, algorithm: PointwiseAlgorithm, steps: int
    ) -> str | None:
        """Return None for spectrograms on a CUDA device."""
        where = problem.target.device
        return None if where.type == "cuda" else f"it needs a CUDA device, but spec is on {where}"

    def start(self, spectrum: Tensor) -> TripState:
        """Synthesise the starting spectrum."""
        return self._torch.start(spectrum)

    @torch.no_grad()
    def advance(self, state: TripState, until: int) -> TripState:
        """Iterate up to iteration `until`."""
        if not self._torch.algorithm.steady or until <= 1:
            return self._torch.advance(state, until)
        if state.iteration == 0:
            state = self._torch.advance(state, 1)
        if self._recording is None:
            self._recording = self._record(state)
        memory = self._recording.memory
        for place, tensor in zip(_tensors(memory), _tensors(state), strict=True):
            place.copy_(tensor)
        for _ in range(state.iteration, until):
            self._recording.play()
        return replace(each_tensor(memory, torch.clone), iteration=until)

    def _record(self, state: TripState) -> _Recording:
        """Record an iteration on memory of its own."""
        memory: TripState = each_tensor(state, torch.clone)
        places = _tensors(memory)

        def step() -> None:
            write_over(places, _tensors(self._torch.advance(memory, memory.iteration + 1)))

        return _Recording(memory, self._recorder(step))

    def wave(self, state: TripState) -> Tensor:
        """Synthesise the algorithm's answer, if that is not the last wave."""
        return self._torch.wave(state)

    def select(self, items: Tensor) -> GraphEngine:
        """Go on with some items of the batch; that is another recording."""
        part = self._torch.select(items)
        return GraphEngine(part.problem, part.algorithm, self.steps, self._recorder)


def _tensors(state: TripState) -> tuple[Tensor, ...]:
    """Return the tensors of a state, always in the same order."""
    found: list[Tensor] = []

    def collect(tensor: Tensor) -> Tensor:
        found.append(tensor)
        return tensor

    for field in fields(state):
        value: Any = getattr(state, field.name)
        each_tensor(value, collect)
    return tuple(found)
