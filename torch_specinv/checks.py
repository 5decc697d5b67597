"""Is this tensor a spectrogram? Questions asked once, before any work is done."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .derivatives import holds, is_hidden
from .errors import SpecInvError, shown
from .negative import negative_cause
from .tensors import as_tensor, check_has_values, device_of

#: Band counts that mel front ends use; as a number of STFT bins none of them is usual.
MEL_BANDS = frozenset({20, 24, 26, 32, 40, 48, 60, 64, 80, 96, 100, 120, 128, 160, 229, 256})

# What is computed in as it is; asked first, as torch.compile knows no method of a dtype
_COMPUTED = frozenset({torch.float32, torch.float64, torch.complex64, torch.complex128})


def compute_dtype(dtype: torch.dtype) -> torch.dtype:
    """Return the real dtype in which to compute: half precision is lifted to float32."""
    return torch.float64 if dtype in (torch.float64, torch.complex128) else torch.float32


def lift(tensor: Tensor) -> Tensor:
    """Return a tensor, real or complex, in the precision in which to compute."""
    if tensor.dtype in _COMPUTED:
        return tensor
    dtype = compute_dtype(tensor.dtype)
    return tensor.to(dtype.to_complex() if tensor.is_complex() else dtype)


def real_dtype(dtype: torch.dtype) -> torch.dtype:
    """Return the dtype of the real and imaginary part of `dtype`."""
    return dtype.to_real() if dtype.is_complex else dtype


def check_spectrogram(spec: Any, name: str = "spec") -> Tensor:
    """Return a finite, non-negative or complex tensor (..., bins, frames), or raise."""
    spec = as_tensor(spec, name)
    if spec.ndim < 2:
        raise SpecInvError(
            f"{name} has shape {tuple(spec.shape)}: expected (..., bins, frames). "
            "A waveform? Take torch.stft(...).abs() of it first."
        )
    if spec.numel() == 0:
        raise SpecInvError(
            f"{name} has shape {tuple(spec.shape)}, which holds no values: an empty batch, "
            "no bins or no frames. Check the step that made it."
        )
    values = spec.detach()
    if spec.is_complex():
        unusual = ~torch.isfinite(values)
    else:  # two passes without a copy, and NaN is neither
        unusual = ~((values.amin() >= 0) & (values.amax() < torch.inf))
    if holds(unusual):  # one look, as a device has to be waited for
        check_finite(spec, name)
        refuse_negative(spec, name)
    return spec


def refuse_negative(spec: Tensor, name: str) -> None:
    """Raise, with the likely cause, for negative values among magnitudes (..., bins, frames)."""
    if spec.numel() and holds(spec.detach().amin() < 0):
        mel = f" {spec.shape[-2]} rows: a mel spectrogram? See mel_to_audio."
        raise SpecInvError(
            f"{name} holds negative values (smallest: {float(spec.detach().min()):.4g}): a "
            f"magnitude is never negative. {negative_cause(spec.detach(), name)}"
            + mel
            * (spec.shape[-2] in MEL_BANDS)
        )


def check_finite(tensor: Tensor, name: str) -> None:
    """Raise, with the place of the first one, if `tensor` holds NaN or infinity."""
    # a single pass for what is usual: a sum of numbers that are not all finite is not, either
    summed = tensor.dtype != torch.complex32  # of which torch has no sum
    if summed and holds(torch.isfinite(tensor.sum())):
        return
    bad = ~torch.isfinite(tensor)
    if holds(bad):
        places = bad.nonzero()
        first = tuple(places[0].tolist())
        raise SpecInvError(
            f"{name} holds {len(places)} values that are NaN or infinite, the first at index "
            f"{first}. The log of a zero, or a training step that diverged?"
        )


def check_not_hidden(what: str, cure: str, *tensors: Any) -> None:
    """Raise where :func:`torch.vmap` hides the values of some tensors that something is told by."""
    if is_hidden(*tensors):
        raise SpecInvError(f"{what}, but torch.vmap hides it: {cure}.")


def check_values(tensor: Tensor, name: str, *, silent: bool = True) -> None:
    """Raise for values that are not finite or, unless `silent`, all 0; on a CPU only.

    For windows and matrices that are given with every call: elsewhere the look would have to wait
    for the device. Where they are not known, as under :func:`torch.func.vmap` and torch.compile,
    nothing is said.
    """
    check_has_values(tensor, name)
    if tensor.device.type != "cpu" or torch.compiler.is_compiling():
        return
    if is_hidden(tensor):
        return
    finite, nothing = bool(torch.isfinite(tensor).all()), not bool(tensor.any())
    if not finite:
        check_finite(tensor, name)
    if nothing and not silent:
        raise SpecInvError(f"{name} holds zeros only.")


def check_generator(generator: Any) -> None:
    """Raise unless `generator` is None or a torch.Generator."""
    if generator is not None and not isinstance(generator, torch.Generator):
        raise SpecInvError(
            f"generator={shown(generator)}: expected torch.Generator().manual_seed(seed), or None."
        )


def check_pair(
    x: Any,
    y: Any,
    dims: int,
    what: str,
    *,
    names: tuple[str, str] = ("x", "y"),
    real: bool = True,
    mixed: bool = False,
    empty: bool = False,
) -> tuple[Tensor, Tensor]:
    """Return two tensors that are to be compared item by item, half precision lifted to single.

    Parameters
    ----------
    x, y : Tensor, or what :func:`torch_specinv.tensors.as_tensor` takes
        Both of the same shape and device, floating or complex.
    dims : int
        How many of the last dimensions make an item.
    what : str
        What these are called, for messages: "bins, frames".
    names : tuple of str, default ("x", "y")
        What the caller calls the tensors.
    real : bool, default True
        Whether complex numbers are refused.
    mixed : bool, default False
        Whether dtypes may differ; both are then brought to the larger one.
    empty : bool, default False
        Whether there may be no items at all. An item always holds values.
    """
    x = as_tensor(x, names[0], device_of(y))
    y = as_tensor(y, names[1], x.device)
    for name, tensor in zip(names, (x, y), strict=True):
        if tensor.is_complex() and real:
            raise SpecInvError(
                f"{name} has dtype {tensor.dtype}: expected real numbers (..., {what}). "
                "Take .abs() of a spectrum first."
            )
        if tensor.ndim < dims:
            raise SpecInvError(f"{name} has shape {tuple(tensor.shape)}: expected (..., {what}).")
    a, b = names
    if x.shape != y.shape:
        raise SpecInvError(
            f"{a} has shape {tuple(x.shape)}, {b} {tuple(y.shape)}: expected the same shape. "
            "(A dimension of 1 that is missing would be broadcast silently.)"
        )
    if x.device != y.device:
        raise SpecInvError(f"{a} is on {x.device}, {b} on {y.device}: use {b}.to({a}.device).")
    if x.dtype != y.dtype and not mixed:
        raise SpecInvError(f"{a} has dtype {x.dtype}, {b} {y.dtype}: use {b}.to({a}.dtype).")
    if 0 in (x.shape[x.ndim - dims :] if empty else x.shape):
        raise SpecInvError(f"{a} and {b} have shape {tuple(x.shape)}, which holds no values.")
    dtype = torch.promote_types(x.dtype, y.dtype)
    if not dtype.is_complex:
        dtype = compute_dtype(dtype)
    return x.to(dtype), y.to(dtype)
