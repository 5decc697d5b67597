"""What is asked for: a transform, a constraint on its spectrum, and the scale of the numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol, Self

import torch
from torch import Tensor

from ..checks import lift
from ..constraints.base import Constraint
from ..constraints.magnitude import Magnitude
from ..derivatives import by_value, is_transformed
from ..forks import cached_property
from ..transform.edges import without
from ..transform.stft import STFT
from .known import Unscaled, checksums
from .threads import worker_threads


class Problem(Protocol):
    """A batch of things to invert, as the loop sees it."""

    @property
    def target(self) -> Tensor:
        """What was observed, scaled: real, (batch, rows, columns)."""
        ...

    @property
    def scale(self) -> Tensor:
        """What the wave of each item was divided by, shape (batch, 1, 1)."""
        ...

    @property
    def unit(self) -> Tensor:
        """What the target of each item was divided by, shape (batch, 1, 1)."""
        ...

    @property
    def frame_counts(self) -> Tensor | None:
        """How many of the columns of each item there are, (batch,), where that differs."""
        ...

    def observe(self, wave: Tensor) -> Tensor:
        """Return what would have been observed of scaled waves (batch, samples)."""
        ...

    def error(self, wave: Tensor, observed: Tensor | None) -> Tensor:
        """Return what is to become small, for each item, shape (batch,).

        `observed` is what would have been observed of the wave, where that is known.
        """
        ...

    @property
    def energy(self) -> Tensor | None:
        """The squared target, (batch,), if the error is a squared difference."""
        ...

    def rounding(self) -> Tensor:
        """Return the error that rounding alone makes, shape (batch,)."""
        ...

    def select(self, items: Tensor) -> Self:
        """Keep some items of the batch."""
        ...


@dataclass(frozen=True, eq=False)
class SpectrogramProblem:
    """A batch of spectrograms to invert, each scaled to a largest value between 1 and 2.

    The scales are powers of two, so they change no digit of the result, and no level is so
    extreme that squares overflow or vanish.
    """

    stft: STFT
    known: Constraint | Unscaled
    """What the spectra of the scaled waves have to satisfy, see :attr:`constraint`."""
    scale: Tensor
    """What the wave of each item was divided by, (batch, 1, 1), with the target's dimensions."""

    @property
    def constraint(self) -> Constraint:
        """What the spectra of the scaled waves have to satisfy."""
        return self.known.scaled if isinstance(self.known, Unscaled) else self.known

    @property
    def given(self) -> Constraint:
        """The same at any level, to look at what it is, and at the shape of its tensors."""
        return self.known.given if isinstance(self.known, Unscaled) else self.known

    def release(self) -> None:
        """Let go of a copy that is made again where it is needed."""
        if isinstance(self.known, Unscaled):
            self.known.release()

    @property
    def waves_per_item(self) -> int:
        """How many waves are one item: the sources of a mixture, or 1."""
        return self.like.shape[1:-2].numel()

    @classmethod
    def of(cls, constraint: Constraint, stft: STFT, *, shared: bool = False) -> SpectrogramProblem:
        """Pose the problem, given the constraint at the level of the input.

        `shared` tells that its tensors are memory of the user's, which is there and stays as it is.
        """
        target = constraint.target.detach()
        largest = target.amax(tuple(range(1, target.ndim)), keepdim=True)
        degree = constraint.degree
        scale = by_value(_power_of_two, largest if degree == 1 else largest ** (1 / degree))
        if shared and type(constraint) is Magnitude and not is_transformed():
            return cls(stft, Unscaled(constraint, scale), scale)
        return cls(stft, constraint.scaled(scale), scale)

    @classmethod
    def from_magnitude(cls, magnitude: Tensor, stft: STFT) -> SpectrogramProblem:
        """Pose the problem for a magnitude (batch, bins, frames) of any real dtype."""
        return cls.of(Magnitude(lift(magnitude)), stft)

    @property
    def unit(self) -> Tensor:
        """What the target of each item was divided by, (batch, 1, 1)."""
        return self.scale**self.given.degree

    @property
    def energy(self) -> Tensor:
        """What the error of silence would be, (batch,)."""
        return self._energy

    @cached_property
    def _energy(self) -> Tensor:
        return self.known.energy

    @property
    def target(self) -> Tensor:
        """What was observed, scaled."""
        return self.constraint.target

    @property
    def like(self) -> Tensor:
        """A tensor of the shape, the dtype and the device of the target."""
        return self.given.target

    @property
    def unscaled(self) -> Tensor | None:
        """The magnitude (batch, bins, frames) at the level of the input, to guess a phase from.

        None if there is none whose bins of a frame lie side by side, as those of a copy do, or one
        in double precision, whose levels may be beyond those of floats.
        """
        there = isinstance(self.known, Unscaled) and self.like.mT.is_contiguous()
        return self.like if there and self.like.dtype == torch.float32 else None

    @property
    def frame_counts(self) -> Tensor | None:
        """How many frames each item has, (batch,), where items have different lengths."""
        mask = self.stft.frame_mask
        return None if mask is None else mask.sum(1)[:: self.waves_per_item]

    def observe(self, wave: Tensor) -> Tensor:
        """Return what would have been observed of a scaled wave (batch, samples)."""
        return self.constraint.observe(self.stft.analyse(wave))

    @torch.no_grad()
    def error(self, wave: Tensor, observed: Tensor | None) -> Tensor:
        """Return the squared error of each item, from a few frames at a time, to save memory."""
        if observed is not None:
            return self.constraint.error(observed)
        errors = self._by_frames(wave, lambda part, x: part.error(part.observe(x)))
        return torch.stack(errors).sum(0)

    @torch.no_grad()
    def observe_by_frames(self, wave: Tensor) -> Tensor:
        """Do what :meth:`observe` does, from a few frames at a time, to save memory."""
        pieces = self._by_frames(wave, lambda part, x: part.observe(x).mT.contiguous())
        return torch.cat(pieces, -2).mT

    def _by_frames(
        self, wave: Tensor, function: Callable[[Constraint, Tensor], Tensor]
    ) -> list[Tensor]:
        """Return what a function makes of some frames at a time: their constraint and spectra."""
        g, rows = self.stft.geometry, wave.reshape(-1, wave.shape[-1])
        padded, size = self.stft.pad(rows), _frames_at_a_time(rows, g.n_fft)

        def of_frames(begin: int) -> Tensor:
            frames = slice(begin, min(begin + size, g.frames))
            spectra = self.stft.analyse_padded(padded, frames)
            spectra = spectra.reshape(*wave.shape[:-1], *spectra.shape[1:])
            return function(self.known.of_frames(frames), spectra)

        pieces = [partial(of_frames, begin) for begin in range(0, g.frames, size)]
        if wave.device.type != "cpu":
            return [piece() for piece in pieces]
        with worker_threads(1) as alone:
            return alone(pieces)

    def finish(self, wave: Tensor) -> Tensor:
        """Return scaled waves (batch, samples) as they are to be returned.

        Clicks at the ends are removed, if this STFT can have any.
        """
        return self.given.finish(self._suppress_edge_noise(wave))

    def _suppress_edge_noise(self, wave: Tensor) -> Tensor:
        if self.stft.poorly_covered is None:
            return wave
        if self.stft.middle is not None:
            ends = self._ends._suppress_edge_noise(self.stft.cut_ends(wave))
            return self.stft.with_ends(wave, ends)
        spectrum = self.stft.analyse(wave)
        noise = self.residual(spectrum, self.constraint.project(spectrum)).sum(-2).flatten(0, -2)
        noise = noise / self.stft.geometry.n_fft
        return self.stft.suppress_edge_noise(wave.flatten(0, -2), noise).view_as(wave)

    @cached_property
    def _ends(self) -> SpectrogramProblem:
        """The same problem for the ends of waves."""
        middle = self.stft.middle
        assert middle is not None
        ends = self.given.map_tensors(lambda x: without(x, middle))
        known = Unscaled(ends, self.scale) if isinstance(self.known, Unscaled) else ends
        return replace(self, stft=self.stft.ends, known=known)

    def residual(self, spectrum: Tensor, projection: Tensor) -> Tensor:
        """Return the energy that each bin of the difference stands for, (batch, bins, frames)."""
        difference = spectrum - projection
        if difference.is_complex():
            return torch.view_as_real(difference).square().sum(-1) * self.stft.bin_weights()
        return difference.square() * self.stft.bin_weights()  # spectra as pairs of real numbers

    def checksums(self) -> Tensor:
        """Return what two targets are told apart by: sums over frames and bins, see ``known.py``.

        Where a transform of :mod:`torch.func` is at work it is the target itself.
        """
        if is_transformed():
            return self.target
        if isinstance(self.known, Unscaled):
            return checksums(self.like, self.scale)
        return checksums(self.target)

    def rounding(self) -> Tensor:
        """Return the squared error of a spectrogram whose every value is rounded."""
        return rounding_error(self.energy)

    def select(self, items: Tensor) -> SpectrogramProblem:
        """Keep some items of the batch."""
        return replace(
            self,
            stft=self.stft.select(items),
            known=self.known.select(items),
            scale=self.scale[items],
        )


def rounding_error(energy: Tensor) -> Tensor:
    """Return the squared error that the precision of the dtype allows, for each item."""
    return energy * (4 * torch.finfo(energy.dtype).eps) ** 2


def _frames_at_a_time(wave: Tensor, n_fft: int) -> int:
    """Return how many frames of all items to transform at a time: on a CPU, as fit in a cache."""
    size = 2**18 if wave.device.type == "cpu" else 2**28
    return max(1, size // (n_fft * max(len(wave), 1)))


def _power_of_two(x: Tensor) -> Tensor:
    """Return the largest power of two that is not above x, or 1 where x is 0."""
    there = x.cpu() if x.device.type == "mps" else x  # frexp is not everywhere
    # a subnormal scale would make 1 / scale overflow
    safe = there.clamp_min(torch.finfo(x.dtype).tiny)
    # from 0.5 on, so that this is exact
    power = safe / (2 * torch.frexp(safe).mantissa)
    return torch.where(there > 0, power, 1).to(x.device)
