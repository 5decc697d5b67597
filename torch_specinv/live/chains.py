"""What is done with a block: its STFT if it is sound, a user's function, and the inversion."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from ..errors import SpecInvError
from ..online import Streaming
from ..transform.frames import transform_frames
from ..transform.geometry import Geometry

#: A function of magnitudes, or of whatever frames hold, (rows, frames), of the same shape.
Function = Callable[[Tensor], Any]


class Chain(Protocol):
    """Blocks in, samples out."""

    stream: Streaming

    def push(self, block: Tensor) -> Tensor:
        """Take in a block; return finished samples (samples,)."""
        ...

    def flush(self) -> Tensor:
        """Return the rest."""
        ...


class FrameChain:
    """Frames (rows,) through a function and the inversion."""

    def __init__(self, stream: Streaming, function: Function | None = None) -> None:
        self.stream, self.function = stream, function
        self._begun = False

    def push(self, block: Tensor) -> Tensor:
        """Take in a frame (rows,)."""
        self._begun = True
        return self.stream.push(apply(self.function, block[:, None]))

    def flush(self) -> Tensor:
        """Return the rest; nothing if there was no frame."""
        return self.stream.flush() if self._begun else torch.zeros(0)


class AudioChain:
    """Samples through an STFT, a function of its magnitude, and the inversion.

    Before the first sample and behind the last one there are zeros, so that every sample is in as
    many frames as any other.

    Parameters
    ----------
    stream : Streaming
        With ``center=False``.
    geometry : Geometry
        The STFT of the samples, the one under `stream`.
    function : callable, optional
        Of magnitudes (bins, frames); returns as many.
    """

    def __init__(
        self, stream: Streaming, geometry: Geometry, function: Function | None = None
    ) -> None:
        self.stream, self.geometry, self.function = stream, geometry, function
        self._held = torch.zeros(geometry.n_fft - geometry.hop_length)
        self._given = 0
        self._returned = -len(self._held)  # the zeros come first

    def push(self, block: Tensor) -> Tensor:
        """Take in samples (samples,), of any number."""
        self._given += len(block)
        return self._cut(self._analyse(block))

    def flush(self) -> Tensor:
        """Return the rest: in all as many samples as were given."""
        if self._given == 0:
            return torch.zeros(0)
        g = self.geometry
        fill = -self._given % g.hop_length
        parts = [self._analyse(torch.zeros(fill + g.n_fft - g.hop_length)), self.stream.flush()]
        return self._cut(torch.cat(parts))

    def _analyse(self, block: Tensor) -> Tensor:
        g = self.geometry
        wave = torch.cat([self._held, block])
        count = max(0, (len(wave) - g.n_fft) // g.hop_length + 1)
        self._held = wave[count * g.hop_length :]
        if count == 0:
            return wave[:0]
        frames = wave[: (count - 1) * g.hop_length + g.n_fft].unfold(0, g.n_fft, g.hop_length)
        magnitude = transform_frames(frames, g).abs().mT
        return self.stream.push(apply(self.function, magnitude))

    def _cut(self, wave: Tensor) -> Tensor:
        """Leave out what lies before the first sample and behind the last one."""
        before, self._returned = self._returned, self._returned + len(wave)
        return wave[max(0, -before) : max(0, self._given - before)]


def apply(function: Function | None, frames: Tensor) -> Tensor:
    """Return what a user's function makes of frames (rows, frames)."""
    if function is None:
        return frames
    label = getattr(function, "__name__", repr(function))
    try:
        made = function(frames)
    except Exception as error:
        raise SpecInvError(
            f"{label} raised {type(error).__name__} for frames of shape {tuple(frames.shape)}: "
            f"{error}"
        ) from error
    if not isinstance(made, Tensor) or made.shape != frames.shape:
        what = f"shape {tuple(made.shape)}" if isinstance(made, Tensor) else type(made).__name__
        raise SpecInvError(
            f"{label} returned {what}, expected a tensor of the shape {tuple(frames.shape)} that "
            "it was given."
        )
    return made.detach().to(frames)


def load_function(spelled: str) -> Function:
    """Return the function that ``module:function`` names; modules of this folder are found."""
    module, colon, name = spelled.partition(":")
    if not (module and colon and name):
        raise SpecInvError(f"function {spelled!r}: expected module:function, such as mask:halve.")
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        found = getattr(importlib.import_module(module), name, None)
    except Exception as error:
        raise SpecInvError(
            f"function {spelled!r}: the module can't be imported ({type(error).__name__}: {error})."
        ) from error
    finally:
        sys.path.remove(here)
    if not callable(found):
        raise SpecInvError(f"function {spelled!r}: {module} has no function {name!r}.")
    return found
