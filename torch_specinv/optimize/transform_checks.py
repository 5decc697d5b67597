"""Whether a user's transform and loss fit the problem, tried on the first waves."""

from __future__ import annotations

import torch
from torch import Tensor

from ..derivatives import is_transformed
from ..errors import SpecInvError
from ..plugins import check_returned
from ..transform.callables import Transform
from .transform_problem import TransformProblem, returned_by


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
        check_returned(out, "transform_fn", shape, wave, complex_=None)
        return out.requires_grad
    with torch.enable_grad():
        argument = wave.detach().reshape(problem.shape).requires_grad_()
        out = _try_transform(problem.transform_fn, argument)
        _check_output(out, problem.shape, shape, complex_=complex_)
        check_returned(out, "transform_fn", shape, argument, complex_=None)
        _check_gradient(out, argument)
    if not bool(torch.isfinite(out).all()):
        raise SpecInvError(
            "transform_fn returns NaN or infinite values at the start. The logarithm of a "
            "silent band? Clamp before it, or pass another init_x0."
        )
    with torch.enable_grad():
        return returned_by(problem.transform_fn, wave.detach().reshape(problem.shape)).requires_grad


def check_loss(problem: TransformProblem, wave: Tensor) -> None:
    """Raise unless the loss of the starting waves (items, samples) is finite and has a gradient."""
    if is_transformed():
        return
    with torch.enable_grad():
        losses = problem.losses(problem.transform(wave.detach().requires_grad_()))
    if not losses.requires_grad:
        raise SpecInvError(
            "loss_fn has no gradient with respect to its first argument. Does it detach, round, or "
            "go through numpy?"
        )
    if bool(torch.isfinite(losses).all()):
        return
    cause = (
        "its logarithm of 0, or a division by 0?"
        if problem.loss_fn
        else "values beyond what squares can hold? Scale spec and transform_fn."
    )
    name = "loss_fn" if problem.loss_fn else "the squared difference of transform_fn from spec"
    raise SpecInvError(f"{name} is not finite at the start: {cause}")


def _try_transform(transform_fn: Transform, argument: Tensor) -> Tensor:
    """Call the transform, and say what may be the matter if it fails."""
    try:
        return returned_by(transform_fn, argument)
    except SpecInvError:
        raise
    except (RuntimeError, ValueError, IndexError, AssertionError, TypeError) as error:
        raise SpecInvError(
            f"transform_fn fails on a waveform of shape {tuple(argument.shape)}: {error} Are "
            "samples too small for it, more dimensions than it takes, or tensors of its own "
            "made under torch.inference_mode()?"
        ) from error


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
