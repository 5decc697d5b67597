"""Taking in a frame, recorded once on a CUDA device: hundreds of kernels become one launch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from ..derivatives import is_differentiated, is_transformed
from ..solve.recorded import Recorded
from ..solve.recording import Recorder, record
from ..solve.solver import Solver
from .core import OnlineInverter, OnlineState


@dataclass(frozen=True, eq=False)
class _Pushed:
    """An online state with the frame that it is to take in, and what the last one finished."""

    iteration: int
    online: OnlineState
    magnitude: Tensor
    present: Tensor
    finished: Tensor


@dataclass(frozen=True, eq=False)
class _Pushing(Solver[_Pushed]):
    """Takes the same frame in at each step."""

    inverter: OnlineInverter
    steps: int = 1

    def start(self, spectrum: Any) -> _Pushed:
        """Begin with a state."""
        return spectrum

    def advance(self, state: _Pushed, until: int) -> _Pushed:
        """Take in frames."""
        for _ in range(state.iteration, until):
            online, finished = self.inverter.push(state.online, state.magnitude, state.present)
            state = replace(state, online=online, finished=finished)
        return replace(state, iteration=until)

    def wave(self, state: _Pushed) -> Tensor:
        """Return what is finished."""
        return state.finished

    def select(self, items: Tensor) -> _Pushing:
        """Items share everything."""
        return self


class RecordedPush:
    """Does what :meth:`~.core.OnlineInverter.push` does."""

    def __init__(self, inverter: OnlineInverter, recorder: Recorder = record) -> None:
        self._solver = Recorded(_Pushing(inverter), settled=0, recorder=recorder)
        self._hop = inverter.geometry.hop_length

    def takes(self, *tensors: Any) -> bool:
        """Tell whether frames can be taken in: on CUDA, and where no derivative is wanted."""
        given = [tensor for tensor in tensors if isinstance(tensor, Tensor)]
        return not is_transformed() and not any(
            tensor.device.type != "cuda" or is_differentiated(tensor) for tensor in given
        )

    def __call__(
        self, state: OnlineState, magnitude: Tensor, present: Tensor
    ) -> tuple[OnlineState, Tensor]:
        """Take in a frame (batch, bins), where `present` (batch,); return finished samples."""
        nothing = state.committed.new_zeros(len(magnitude), self._hop)
        pushed = self._solver.advance(_Pushed(0, state, magnitude, present, nothing), 1)
        return pushed.online, pushed.finished
