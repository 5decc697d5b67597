"""What a constraint is: what is known about a spectrum, and how to come nearest to it."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from ..derivatives import is_differentiated
from ..transform.rounded_alike import from_polar

#: Squares below this are silence. Its power -3/2, which the gradient needs, is still finite.
SILENCE = {torch.float32: 1e-20, torch.float64: 1e-60}
#: Frames that are looked at at a time, so that a copy is small.
ROWS = 512


class Constraint(ABC):
    """What is known about the spectra of a batch. A subclass is a frozen dataclass of tensors.

    Every method combines with it: an iteration sets what is known by :meth:`project`, and the
    loop measures by :meth:`error` how far a wave is from it. Nothing else is asked of it, no
    adjoint and no gradient. See :doc:`/write_your_own_constraint`.

    A constraint is pointwise in time and batch: engines hand it some of the frames and some of
    the items, so that frame m of a projection may depend on frame m of the spectrum alone.

    Attributes
    ----------
    target : Tensor
        What was observed, real, (batch, rows, frames); linear, so that silence is 0.
    """

    target: Tensor
    tensors: ClassVar[tuple[str, ...]] = ("target",)
    """The fields (batch, rows, frames) that belong to items and frames, and are cut with them."""
    degree: float = 1.0
    """The power of the level of the waveform that an observation grows as, such as 2 for powers."""
    is_nearest_point: bool = False
    """Whether :meth:`project` returns the nearest point for :meth:`error`, as L-BFGS needs."""

    @property
    def bins(self) -> int:
        """The bins of a spectrum; by default there is one for each row."""
        return self.target.shape[-2]

    @abstractmethod
    def project(self, spectrum: Tensor) -> Tensor:
        """Return the spectrum nearest to `spectrum` that has what is known.

        Complex (batch, bins, frames) in and out, at the scale of `target`; the argument is left
        as it is. Bins of 0 are to stay finite, and so is the gradient:
        :func:`~torch_specinv.constraints.guard` helps.
        """

    def observe(self, spectrum: Tensor) -> Tensor:
        """Return what would have been observed of a spectrum, shaped as the target."""
        return spectrum.abs()

    def magnitude(self) -> Tensor:
        """Return a magnitude (batch, bins, frames) from which a starting phase is guessed."""
        return self.target

    def start(self, magnitude: Tensor, phase: Tensor) -> Tensor:
        """Return the spectrum to start from, given :meth:`magnitude` and a phase in radians.

        Bins that must be real, 0 and n_fft / 2 of a real signal, become so afterwards, with the
        magnitude that they have here.
        """
        return from_polar(magnitude, phase.to(magnitude.dtype))

    def own_start(self) -> Tensor | None:
        """Return a spectrum whose phase to start from, where the user names none, or None."""
        return None

    def before_synthesis(self, spectrum: Tensor) -> Tensor:
        """Return what a spectrum is changed to before it becomes waves; by default it is not.

        Where waves of one item are related, as sources are that add up to a mixture, spectra are
        made so here: by a linear map and a constant, frame by frame. It is applied twice with the
        same result as once.
        """
        return spectrum

    def finish(self, wave: Tensor) -> Tensor:
        """Return what waves (batch, samples) are changed to before they are returned."""
        return wave

    def spread(self, factors: Tensor) -> Tensor | None:
        """Return by what to multiply a spectrum so that its observation changes by `factors`.

        `factors` are positive, (batch, rows, frames), and what is returned is (batch, bins,
        frames). It need not be exact: the iterations repeat it. None, the default, where that is
        not known, or where neighbouring rows are not of neighbouring frequencies; then
        :class:`~torch_specinv.algorithms.Auto` takes every target for exact. A subclass that has a
        :meth:`project` of its own has to say this anew.
        """
        return None

    def error(self, observed: Tensor) -> Tensor:
        """Return the squared distance of an observation from the target, shape (batch,).

        It is what the iterations make small.
        """
        return sum_of_squares(observed - self.target)

    @property
    def energy(self) -> Tensor:
        """The error of silence, shape (batch,), which is the sum of the squared target."""
        return sum_of_squares(self.target)

    def scaled(self, scale: Tensor) -> Self:
        """Return the constraint for waves that are divided by `scale`, (batch, 1, 1).

        `scale` has as many dimensions as the target.
        """
        # a frame's bins side by side in memory: then no transform has to copy
        rows, unit = self.target.mT, scale**self.degree
        if rows.is_contiguous():
            return _replace(self, target=(rows / unit).mT)
        copied = rows.clone(memory_format=torch.contiguous_format)
        return _replace(self, target=copied.div_(unit).mT)

    def select(self, items: Tensor | slice) -> Self:
        """Keep some items of the batch."""
        return self.map_tensors(lambda tensor: tensor[items])

    def of_frames(self, frames: slice) -> Self:
        """Keep some of the frames."""
        return self.map_tensors(lambda tensor: tensor[..., frames])

    def map_tensors(self, function: Callable[[Tensor], Tensor]) -> Self:
        """Apply a function to each of the fields (batch, rows, frames)."""
        return _replace(self, **{name: function(getattr(self, name)) for name in self.tensors})


def _replace(constraint: Any, **changes: Tensor) -> Any:
    return dataclasses.replace(constraint, **changes)


def sum_of_squares(x: Tensor) -> Tensor:
    """Return the sum of the squares of each item of (batch, ...), shape (batch,)."""
    # of spectra the bins of a frame mostly lie side by side: then nothing is copied
    return squares_of_rows(x.mT if x.ndim > 2 and x.mT.is_contiguous() else x)


def squares_of_rows(x: Tensor, unit: Tensor | None = None) -> Tensor:
    """Return the same, added up in the order of the dimensions.

    With a `unit` (batch, 1, 1) it is that of x divided by it.
    """

    def of_part(part: Tensor) -> Tensor:
        squares = part.square() if unit is None else (part / unit).square_()
        return squares.flatten(1).sum(1)

    if x.ndim == 3 and x.shape[1] > ROWS and x.device.type == "cpu" and not is_differentiated(x):
        return torch.stack([of_part(part) for part in x.split(ROWS, 1)]).sum(0)
    return of_part(x)


def squared_magnitude(spectrum: Tensor) -> Tensor:
    """Return the squared magnitude plus a tiny constant, so that its inverse is finite."""
    parts = torch.view_as_real(spectrum)
    squares = parts * parts
    return (squares[..., 0] + squares[..., 1]).add_(SILENCE[parts.dtype])


def guard(spectrum: Tensor) -> Tensor:
    """Return the spectrum itself, with no gradient through bins that hold only rounding errors.

    These are the bins below the machine epsilon, as the largest target lies between 1 and 2. Their
    phase is random, and its gradient would be enormous.
    """
    if not is_differentiated(spectrum):
        return spectrum
    below = spectrum.detach().abs() < torch.finfo(spectrum.dtype).eps
    return torch.where(below, spectrum.detach(), spectrum)
