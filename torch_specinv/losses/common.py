"""What all losses share: checks of a pair, and the reduction over the items of a batch."""

from __future__ import annotations

import torch
from torch import Tensor

from ..checks import compute_dtype
from ..errors import SpecInvError, check_choice

REDUCTIONS = ("mean", "sum", "none")
DISTANCES = ("L1", "L2")


def check_pair(
    x: Tensor, y: Tensor, dims: int, what: str, *, real: bool = True
) -> tuple[Tensor, Tensor]:
    """Return an estimate and a target of the same shape (..., `what`), half precision lifted.

    Parameters
    ----------
    x, y : Tensor
        Both of the same shape, dtype and device.
    dims : int
        How many dimensions an item has.
    what : str
        Their names, for messages.
    real : bool, default True
        Whether complex numbers are refused.
    """
    for name, tensor in (("x", x), ("y", y)):
        if not isinstance(tensor, Tensor):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise SpecInvError(f"{name} is a {type(tensor).__name__}: expected a torch.Tensor.")
        if tensor.is_complex() and real:
            raise SpecInvError(
                f"{name} has dtype {tensor.dtype}: this loss compares real numbers (..., {what}). "
                "Take .abs() of a spectrum first."
            )
        if tensor.ndim < dims or not (tensor.is_floating_point() or tensor.is_complex()):
            raise SpecInvError(
                f"{name} has shape {tuple(tensor.shape)} and dtype {tensor.dtype}: expected "
                f"floating numbers (..., {what})."
            )
    if x.shape != y.shape:
        raise SpecInvError(
            f"x has shape {tuple(x.shape)}, y {tuple(y.shape)}: a loss compares tensors of the "
            "same shape. (A dimension of 1 that is missing would be broadcast silently.)"
        )
    if x.device != y.device:
        raise SpecInvError(f"x is on {x.device}, y on {y.device}: use y.to(x.device).")
    if x.dtype != y.dtype:
        raise SpecInvError(f"x has dtype {x.dtype}, y {y.dtype}: use y.to(x.dtype).")
    if x.numel() == 0:
        raise SpecInvError(f"x and y have shape {tuple(x.shape)}, which holds no values.")
    # the debug mode is torch's own: torch.autograd.set_detect_anomaly(True)
    if not torch.compiler.is_compiling() and torch.is_anomaly_enabled():
        for name, tensor in (("x", x), ("y", y)):
            if not bool(torch.isfinite(tensor).all()):
                raise SpecInvError(f"{name} holds NaN or infinite values.")
    if x.dtype in (torch.float16, torch.bfloat16):
        return x.to(compute_dtype(x.dtype)), y.to(compute_dtype(y.dtype))
    return x, y


def reduce(values: Tensor, reduction: str) -> Tensor:
    """Return the losses of all items, or their mean or sum."""
    if reduction == "none":
        return values
    check_choice("reduction", reduction, REDUCTIONS)
    return values.mean() if reduction == "mean" else values.sum()


def mean_distance(x: Tensor, y: Tensor, metric: str, dims: int) -> Tensor:
    """Return the mean absolute or squared difference over the last dimensions."""
    check_choice("metric", metric, DISTANCES)
    difference = x - y
    values = difference.abs() if metric == "L1" else (difference * difference.conj()).real
    return values.mean(tuple(range(-dims, 0)))
