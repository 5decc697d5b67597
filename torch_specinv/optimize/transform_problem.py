"""The problem and the objective for any differentiable transform of a waveform."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..constraints.base import sum_of_squares
from ..derivatives import is_transformed
from ..errors import SpecInvError
from ..plugins import calling, check_returned
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
        out = returned_by(self.transform_fn, wave.reshape(shape))
        if out.is_complex():
            out = torch.view_as_real(out)
        batch = shape[: len(self.batch)]
        out = check_returned(out, "transform_fn", (*batch, *self.observation.shape[1:]), wave)
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
        observation = self.observation.clone()  # the loss may write into what it gets
        if not self.batch:
            each = returned_by(self.loss_fn, transformed[0], observation[0], name="loss_fn")
            meaning = "a scalar for one item"
            return check_returned(each, "loss_fn", (), self.everyone, meaning=meaning)[None]
        each = returned_by(self.loss_fn, transformed, observation, name="loss_fn")
        if each.shape != (len(self.items),):
            with calling("loss_fn"):
                found: Any = torch.vmap(self.loss_fn)(transformed, observation)
            if not isinstance(found, Tensor) or found.shape != (len(self.items),):
                what = f"shape {tuple(found.shape[1:])}" if isinstance(found, Tensor) else "several"
                raise SpecInvError(f"loss_fn returns {what} for one item: expected a scalar.")
            each = found
        return check_returned(each, "loss_fn", (len(self.items),), self.everyone)

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


def returned_by(
    function: Callable[..., Any], argument: Tensor, *others: Tensor, name: str = "transform_fn"
) -> Tensor:
    """Call a user's function with a copy of a tensor, and return the tensor that it returns."""
    with calling(name):
        out = function(argument.clone(), *others)
    if not isinstance(out, Tensor):
        raise SpecInvError(f"{name} returns a {type(out).__name__}: expected a tensor.")
    return out


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
            gradient = None
            if losses.requires_grad:
                (gradient,) = torch.autograd.grad(
                    losses.sum(), wave, create_graph=self.higher, allow_unused=True
                )
        if gradient is None:
            raise SpecInvError(
                "no gradient reaches the waveform any more, though one did at the start: does "
                "transform_fn or loss_fn detach what it returns at times?"
            )
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


def _without_graph(x: Tensor) -> Tensor:
    """Return a tensor that requires no gradient, but keeps the tangent of forward mode."""
    with torch.no_grad():
        return x.clone()


def _table(x: Tensor) -> Tensor:
    """Give (items, ...) the two dimensions that metrics reduce."""
    return x.reshape(len(x), -1, x.shape[-1] if x.ndim > 2 else x[0].numel())
