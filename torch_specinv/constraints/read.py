"""From a constraint as a user gives it to one that fits the spectrogram."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from torch import Tensor

from ..errors import SpecInvError
from ..plugins import is_foreign
from .base import Constraint
from .checked import call_maker, checked
from .magnitude import magnitudes_of

#: What ``constraint=`` takes: a function of what was observed, real, (batch, rows, frames), in the
#: dtype of the computation. A subclass of Constraint is one, if it needs nothing else.
MakeConstraint = Callable[[Tensor], Constraint]


def read_constraint(spec: Tensor, make: MakeConstraint, items: Tensor | None = None) -> Constraint:
    """Return what a spectrum has to satisfy, at the level of `spec`.

    Parameters
    ----------
    spec : Tensor
        Shape (batch, rows, frames); of a complex one the magnitude is taken.
    make : callable
        Makes a constraint of it. Its further tensors may lack the batch, or have other leading
        dimensions of as many items.
    items : Tensor, optional
        Which items of a larger batch these are.

    Raises
    ------
    SpecInvError
        If `make` makes something else, or tensors that do not fit.
    """
    if not callable(make):
        raise SpecInvError(
            f"constraint is a {type(make).__name__}: expected a function of what was observed "
            "(batch, rows, frames) that returns a torch_specinv.Constraint, such as a class of "
            "yours or functools.partial of it."
        )
    target = magnitudes_of(spec)
    foreign = is_foreign(make)
    made: Any = call_maker(make, target) if foreign else make(target)
    if not isinstance(made, Constraint) or not dataclasses.is_dataclass(made):
        raise SpecInvError(
            f"constraint made a {type(made).__name__}: expected a dataclass that is a "
            "torch_specinv.Constraint."
        )
    made = checked(made, target) if foreign or is_foreign(made) else made
    others = [name for name in made.tensors if name != "target"]
    if not others:
        return made
    fitted = {name: _fit(made, name, target, items) for name in others}
    return dataclasses.replace(made, **fitted)


def _fit(made: Constraint, name: str, target: Tensor, items: Tensor | None) -> Tensor:
    """Give a tensor of a constraint the batch of the target."""
    tensor: Any = getattr(made, name)
    label = f"{type(made).__name__}.{name}"
    if not isinstance(tensor, Tensor):
        raise SpecInvError(f"{label} is a {type(tensor).__name__}: expected a torch.Tensor.")
    batch, frames = len(target), target.shape[-1]
    if tensor.ndim < 2 or tensor.shape[-1] != frames or tensor.device != target.device:
        raise SpecInvError(
            f"{label} has shape {tuple(tensor.shape)} on {tensor.device}: expected (..., rows, "
            f"{frames}) on {target.device}."
        )
    flat = tensor.reshape(-1, *tensor.shape[-2:])
    if len(flat) > 1 and items is not None:
        flat = flat[items]
    if len(flat) not in (1, batch):
        raise SpecInvError(
            f"{label} has {len(flat)} items, spec {batch}: expected one for each, or one for all."
        )
    if flat.is_complex():
        flat = flat.to(target.dtype.to_complex())
    elif flat.is_floating_point():
        flat = flat.to(target.dtype)
    return flat.expand(batch, *flat.shape[-2:])
