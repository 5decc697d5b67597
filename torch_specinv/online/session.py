"""A signal that has begun: the state of the frames so far, and the samples that they finish."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch
from torch import Tensor

from ..errors import SpecInvError
from ..transform.frames import resize
from .core import OnlineInverter
from .finish import Finisher
from .recorded_push import RecordedPush
from .state import OnlineState

_TENSORS = tuple(each.name for each in fields(OnlineState))


@dataclass(eq=False)
class Session:
    """A batch of streams between the first frame and the last."""

    inverter: OnlineInverter
    online: OnlineState
    finisher: Finisher
    read: Callable[[Tensor], Tensor]
    """Makes what the constraint takes of frames (streams, rows, frames)."""
    last: Tensor
    """What was observed of the newest frame that held no NaN, (streams, rows)."""
    pushed: int = 0
    """Frames so far."""
    taken: int = 0
    """The same and, at the end, absent ones."""
    held: Tensor | int = 0
    """Frames of NaN that were replaced; a tensor, as a device would have to be waited for."""
    ended: bool = False
    _recorded: RecordedPush | None = field(default=None, init=False)
    """Takes frames in on a CUDA device."""

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is recorded on a device: it belongs to this process."""
        return {**vars(self), "_recorded": None}

    def push(self, values: Tensor, good: Tensor) -> Tensor:
        """Take in frames (streams, rows, frames), of which some are `good` (streams, 1, frames)."""
        if self.ended:
            raise SpecInvError("push() after flush(): call reset() to begin another signal.")
        observed = self.read(values)
        parts: list[Tensor] = []
        for frame, ok in zip(observed.unbind(-1), good.unbind(-1), strict=True):
            self.last = torch.where(ok, frame, self.last)
            self.held = self.held + (~ok).sum()
            self.pushed += 1
            parts.append(self._take(self.last, exists=True))
        return torch.cat(parts, -1)

    def flush(self) -> Tensor:
        """Return the rest of the signal (streams, samples)."""
        if self.ended:
            raise SpecInvError("flush() after flush(): call reset() to begin another signal.")
        g, lead = self.inverter.geometry, self.finisher.lead
        length = g.hop_length * (self.pushed - 1) + g.span
        given = max(0, self.finisher.place - lead)
        parts = [self._take(self.last * 0, exists=False) for _ in range(self.inverter.look_ahead)]
        rest = self.inverter.rest(self.online)
        rest = resize(rest, max(0, length - self.finisher.place))
        parts.append(self._finish(self.finisher.fade(rest, g)))
        self.ended = True
        return resize(torch.cat(parts, -1), max(0, max(1, length - 2 * lead) - given))

    def state(self) -> dict[str, Any]:
        """Return all that changes: tensors, numbers and None."""
        return {
            "pushed": self.pushed,
            "taken": self.taken,
            "held": int(self.held),
            "ended": self.ended,
            "last": self.last,
            "place": self.finisher.place,
            "last_sample": self.finisher.last,
            **vars(self.online),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a state of a session with the same settings."""
        online = OnlineState(**{name: state[name] for name in _TENSORS})
        for name, value in vars(self.online).items():
            if getattr(online, name).shape != value.shape:
                raise SpecInvError(
                    f"state has {name} of shape {tuple(getattr(online, name).shape)}, this stream "
                    f"{tuple(value.shape)}: make it with the n_fft, hop_length, look_ahead, init "
                    "and preset of the other."
                )
        self.online = online
        self.finisher = replace(self.finisher, place=state["place"], last=state["last_sample"])
        self.last, self.pushed, self.taken = (state[name] for name in ("last", "pushed", "taken"))
        self.held, self.ended = state["held"], state["ended"]

    def _take(self, frame: Tensor, *, exists: bool) -> Tensor:
        """Push a frame (streams, rows), existing or absent, and return what it finishes."""
        present = torch.full((len(frame),), exists, device=frame.device)
        if self._recorded is None:
            self._recorded = RecordedPush(self.inverter)
        window = self.inverter.geometry.window
        recorded = self._recorded.takes(frame, self.online.estimate, window)
        push = self._recorded if recorded else self.inverter.push
        self.online, samples = push(self.online, frame, present)
        self.taken += 1
        return self._finish(samples[:, :0] if self.taken <= self.inverter.look_ahead else samples)

    def _finish(self, samples: Tensor) -> Tensor:
        self.finisher, wave = self.finisher.take(samples)
        return wave
