"""The problem and the objective for any differentiable transform of a waveform."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor

from ..constraints.base import sum_of_squares
from ..derivatives import is_transformed
from ..errors import SpecInvError
from ..solve.problem import rounding_error
from ..transform.callables import Loss, Transform


@dataclass(frozen=True, eq=False)
class TransformProblem:
    """Waves whose transform is to come near to what was observed, in a user's own terms.

    All items are transformed in one call in the shape that the user's transform expects, also
    those that have stopped, unless they are taken apart.
    """

    transform_fn: Transform
    loss_fn: Loss | None
    shape: tuple[int, ...]
    """The shape of the argument of the transform."""
    batch: tuple[int, ...]
    """Its leading dimensions that number the items; () where all is one item."""
    observation: Tensor
    """What was observed, (items, *its own shape); complex as real pairs."""
    everyone: Tensor
    """The first waves of all items, (items, samples), to stand in for those that have stopped:
    the transform is known to be finite there."""
    items: Tensor
    """Which items this problem is about."""
    apart: bool = False
    """Whether the transform is called for these items alone, instead of all."""

    frame_counts = None

    @classmethod
    def of(
        cls,
        transform_fn: Transform,
        loss_fn: Loss | None,
        shape: tuple[int, ...],
        spec: Tensor,
    ) -> TransformProblem:
        """Pose the problem. Leading dimensions that wave and `spec` share number the items."""
        lead = shape[:-1]
        batch = lead if spec.shape[: len(lead)] == lead and spec.ndim > len(lead) else ()
        count = math.prod(batch)
        if spec.is_complex():
            spec = torch.view_as_real(spec)
        everyone = torch.zeros(
            count, math.prod(shape) // count, dtype=spec.dtype, device=spec.device
        )
        return cls(
            transform_fn,
            loss_fn,
            shape,
            batch,
            spec.reshape(count, *spec.shape[len(batch) :]),
            everyone,
            torch.arange(count, device=spec.device),
        )

    @property
    def target(self) -> Tensor:
        """What was observed, (items, rows, columns)."""
        return _table(self.observation)

    @property
    def scale(self) -> Tensor:
        """1 for each item: an arbitrary transform need not scale with the level of the wave."""
        return torch.ones(
            len(self.items), 1, 1, dtype=self.everyone.dtype, device=self.everyone.device
        )

    @property
    def unit(self) -> Tensor:
        """1 for each item: the target is not scaled either."""
        return self.scale

    def transform(self, wave: Tensor) -> Tensor:
        """Return the transform of waves (items, samples), each in its own shape."""
        if len(wave) < len(self.everyone):
            if self.apart:
                ones = (1,) * (len(self.batch) - 1)
                return self._transform(wave, (*ones, len(wave), *self.shape[len(self.batch) :]))
            wave = self.everyone.index_copy(0, self.items, wave)
        return self._transform(wave, self.shape)[self.items]

    def _transform(self, wave: Tensor, shape: tuple[int, ...]) -> Tensor:
        out = self.transform_fn(wave.reshape(shape))
        if out.is_complex():
            out = torch.view_as_real(out)
        return out.reshape(len(wave), *self.observation.shape[1:])

    def taken_apart(self) -> TransformProblem:
        """Return the problem whose transform is called for single items, if it allows that.

        It does if it gives each of the first waves alone what it gives it among the others.
        Otherwise an item is transformed together with the first waves of the others.
        """
        apart, waves = replace(self, apart=True), self.everyone
        try:
            with torch.no_grad():
                together = self.transform(waves)
                each = [apart.select(item).transform(waves[item]) for item in self.items.split(1)]
        except (RuntimeError, ValueError, IndexError, AssertionError, TypeError):
            return self
        apart_by = (torch.cat(each) - together).abs().max()
        return apart if bool(apart_by <= 1e-4 * together.abs().max()) else self

    def losses(self, transformed: Tensor) -> Tensor:
        """Return the loss of each item, shape (items,)."""
        if self.loss_fn is None:
            return (transformed - self.observation).square().flatten(1).mean(1)
        if self.batch:
            each = self.loss_fn(transformed, self.observation)
            if each.shape != (len(self.items),):
                each = torch.vmap(self.loss_fn)(transformed, self.observation)
        else:
            each = self.loss_fn(transformed[0], self.observation[0])[None]
        if each.shape != (len(self.items),):
            raise SpecInvError(
                f"loss_fn returns shape {tuple(each.shape[1:])} for one item: expected a scalar."
            )
        return each

    def observe(self, wave: Tensor) -> Tensor:
        """Return the transform of waves as (items, rows, columns)."""
        return _table(self.transform(wave))

    def error(self, wave: Tensor, observed: Tensor | None) -> Tensor:
        """Return the loss of each item."""
        if observed is None:
            observed = self.observe(wave)
        if self.loss_fn is None:
            return sum_of_squares(observed - self.target)
        return self.losses(observed.reshape(self.observation.shape))

    @property
    def energy(self) -> Tensor | None:
        """The squared target, where there is no other loss."""
        return None if self.loss_fn else sum_of_squares(self.target)

    def rounding(self) -> Tensor:
        """Return the error of rounding alone, or -inf for a user's loss, whose least is unknown."""
        energy = self.energy
        if energy is not None:
            return rounding_error(energy)
        return torch.full_like(self.scale[:, 0, 0], -math.inf)

    def select(self, items: Tensor) -> TransformProblem:
        """Keep some items of the batch."""
        return replace(self, items=self.items[items], observation=self.observation[items])


@dataclass(frozen=True, eq=False)
class TransformObjective:
    """The loss of a transform, with the gradient that autograd gives."""

    problem: TransformProblem
    initial: Tensor
    higher: bool
    """Whether the result is to have a gradient itself, so that steps must be recorded."""
    first_step: bool = False

    def evaluate(self, point: Tensor) -> tuple[Tensor, Tensor]:
        """Return losses and their gradients by one call of the transform."""
        if is_transformed():
            return self._evaluate_transformed(point)
        with torch.enable_grad():
            wave = point.view_as(point) if self.higher else _without_graph(point)
            wave = wave if wave.requires_grad else wave.requires_grad_()
            losses = self.problem.losses(self.problem.transform(wave))
            (gradient,) = torch.autograd.grad(losses.sum(), wave, create_graph=self.higher)
        return (losses, gradient) if self.higher else (_without_graph(losses), gradient)

    def _evaluate_transformed(self, point: Tensor) -> tuple[Tensor, Tensor]:
        """Do the same within torch.func, whose tensors autograd.grad does not take."""

        def total(wave: Tensor) -> tuple[Tensor, Tensor]:
            losses = self.problem.losses(self.problem.transform(wave))
            return losses.sum(), losses

        gradient, losses = torch.func.grad(total, has_aux=True)(point)
        return losses, gradient

    def point(self, wave: Tensor) -> Tensor:
        """Return the samples as they are."""
        return wave

    def answer(self, point: Tensor) -> Tensor:
        """Return the samples as they are."""
        return point

    def begin(self, spectrum: Tensor) -> Tensor:
        """Start from the initial waves; there is no spectrum to start from."""
        return self.initial

    def select(self, items: Tensor) -> TransformObjective:
        """Keep some items of the batch."""
        return replace(self, problem=self.problem.select(items), initial=self.initial[items])


def check_transform(
    problem: TransformProblem, wave: Tensor, shape: tuple[int, ...], *, complex_: bool
) -> bool:
    """Raise unless the transform fits; return whether its parameters have gradients.

    Parameters
    ----------
    problem : TransformProblem
        What is to be solved.
    wave : Tensor
        The starting waves (items, samples).
    shape : tuple of int
        What the transform should return.
    complex_ : bool
        Whether that is complex.
    """
    if is_transformed():  # where autograd.grad can't look into it
        out = _try_transform(problem.transform_fn, wave.reshape(problem.shape))
        _check_output(out, problem.shape, shape, complex_=complex_)
        return out.requires_grad
    with torch.enable_grad():
        argument = wave.detach().reshape(problem.shape).requires_grad_()
        out = _try_transform(problem.transform_fn, argument)
        _check_output(out, problem.shape, shape, complex_=complex_)
        _check_gradient(out, argument)
    if not bool(torch.isfinite(out).all()):
        raise SpecInvError(
            "transform_fn returns NaN or infinite values at the start. The logarithm of a "
            "silent band? Clamp before it, or pass another init_x0."
        )
    _check_loss(problem, out.detach())
    with torch.enable_grad():
        return problem.transform_fn(wave.detach().reshape(problem.shape)).requires_grad


def _without_graph(x: Tensor) -> Tensor:
    """Return a tensor that requires no gradient, but keeps the tangent of forward mode."""
    with torch.no_grad():
        return x.clone()


def _try_transform(transform_fn: Transform, argument: Tensor) -> Tensor:
    """Call the transform, and say what may be the matter if it fails."""
    try:
        out = cast("object", transform_fn(argument))
    except SpecInvError:
        raise
    except (RuntimeError, ValueError, IndexError, AssertionError, TypeError) as error:
        raise SpecInvError(
            f"transform_fn fails on a waveform of shape {tuple(argument.shape)}: {error} Are "
            "samples too small for it, more dimensions than it takes, or tensors of its own "
            "made under torch.inference_mode()?"
        ) from error
    if not isinstance(out, Tensor):
        raise SpecInvError(f"transform_fn returns a {type(out).__name__}: expected a tensor.")
    return out


def _check_output(
    out: Tensor, wave_shape: tuple[int, ...], shape: tuple[int, ...], *, complex_: bool
) -> None:
    """Raise unless what the transform returned has the shape and the kind of `spec`."""
    if tuple(out.shape) != shape:
        lead = shape[: len(shape) - out.ndim]
        cure = (
            f"for a batch pass samples={(*lead, *wave_shape)}."
            if lead and tuple(out.shape) == shape[len(lead) :]
            else "check samples and the transform."
        )
        raise SpecInvError(
            f"transform_fn returns shape {tuple(out.shape)} for a waveform of shape "
            f"{wave_shape}, but spec has shape {shape}: {cure}"
        )
    if out.is_complex() != complex_:
        raise SpecInvError(
            f"transform_fn returns {out.dtype}, but spec is "
            f"{'complex' if complex_ else 'real'}: .abs() forgotten in one of them?"
        )


def _check_loss(problem: TransformProblem, out: Tensor) -> None:
    """Raise unless the loss is finite at the start."""
    if out.is_complex():
        out = torch.view_as_real(out)
    with torch.no_grad():
        losses = problem.losses(out.reshape(problem.observation.shape))
    if not bool(torch.isfinite(losses).all()):
        raise SpecInvError(
            "the loss is not finite at the start: is spec so large that its squares leave the "
            "range of its dtype, or does loss_fn take the logarithm of silence? Scale spec, or "
            "pass another init_x0."
        )


def _check_gradient(out: Tensor, argument: Tensor) -> None:
    """Raise unless a gradient reaches the argument of the transform."""
    gradient = None
    if out.requires_grad:
        real = torch.view_as_real(out) if out.is_complex() else out
        gradient = torch.autograd.grad(real.sum(), argument, allow_unused=True)[0]
    if gradient is None:
        raise SpecInvError(
            "transform_fn is not differentiable: no gradient reaches its argument. Does it "
            "detach, round, or go through numpy?"
        )


def _table(x: Tensor) -> Tensor:
    """Give (items, ...) the two dimensions that metrics reduce."""
    return x.reshape(len(x), -1, x.shape[-1] if x.ndim > 2 else x[0].numel())
