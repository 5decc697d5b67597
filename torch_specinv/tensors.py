"""One reading of every form in which numbers are given: tensors, arrays of numpy, nested lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .errors import SpecInvError

#: What every function takes where it says Tensor; the result is a tensor.
Numbers = Tensor | NDArray[Any] | Sequence[Any]

# The kinds of numpy's dtypes that torch has, and what one wider than torch knows becomes
_KINDS = "biufc"
_WIDEST = {"f": np.float64, "c": np.complex128}


def as_tensor(value: Any, name: str, device: torch.device | None = None) -> Tensor:
    """Return numbers in any form as a tensor of a floating or complex dtype.

    Parameters
    ----------
    value : Tensor, ndarray, or nested sequence of numbers, arrays or tensors
        A tensor is returned as it is, but for an 8-bit floating dtype, which becomes float32. An
        array keeps its dtype, and shares its memory where torch can. Python numbers get torch's
        default dtype. Anything else that numpy can read is read.
    name : str
        What the caller calls it.
    device : torch.device, optional
        Where to put what is not a tensor yet. Default: the CPU. With it the caller compares the
        devices of tensors.

    Raises
    ------
    SpecInvError
        If these are no numbers, or whole ones of a fixed size, as of an image.
    """
    tensor = any_tensor(value, name, device)
    if tensor.is_floating_point() or tensor.is_complex():
        return _lift_byte(tensor, name) if tensor.dtype.itemsize == 1 else tensor
    if isinstance(value, (list, tuple)) and _holds_python_numbers(cast(Any, value)):
        return tensor.to(torch.get_default_dtype())
    raise SpecInvError(
        f"{name} has dtype {tensor.dtype}: expected a floating or complex dtype. An image or a "
        f"quantised file? Convert it with {name}.float() (numpy: {name}.astype(float)) and undo "
        "its scaling."
    )


def any_tensor(value: Any, name: str, device: torch.device | None = None) -> Tensor:
    """Return numbers in any form as a tensor of any dtype; see :func:`as_tensor`."""
    if isinstance(value, Tensor):
        _check_layout(value, name)
        if device is None or device.type == "meta":
            check_has_values(value, name)
        return value
    if isinstance(value, (list, tuple)):
        items = cast(Sequence[Any], value)
        return _of_sequence(items, name, device)
    if isinstance(value, np.ma.MaskedArray):
        raise SpecInvError(f"{name} is a masked array: pass {name}.filled(0), or what else fits.")
    if isinstance(value, (str, bytes)) or not _has_array(value):
        raise SpecInvError(
            f"{name} is a {type(value).__name__}: expected a torch.Tensor, a numpy array or nested "
            "lists of numbers." + _cure(value, name)
        )
    try:
        array = np.asarray(value)
    except Exception as error:  # whatever an object of somebody else's raises
        raise SpecInvError(
            f"{name} is a {type(value).__name__} that numpy cannot read: {error}."
        ) from error
    return _of_array(array, name).to(device)


def _has_array(value: Any) -> bool:
    try:
        return hasattr(value, "__array__")
    except Exception:  # whatever an object of somebody else's raises
        return False


def device_of(value: Any) -> torch.device | None:
    """Return the device of a tensor, None of anything else."""
    return value.device if isinstance(value, Tensor) else None


def check_has_values(tensor: Tensor, name: str) -> None:
    """Raise for a tensor that has a shape only."""
    if tensor.is_meta:
        raise SpecInvError(f"{name} is on the device meta: it has a shape, but no values.")


def _check_layout(tensor: Tensor, name: str) -> None:
    """Raise for a tensor whose values do not lie in memory one by one."""
    what = None
    if tensor.is_nested:
        what = "nested", f"torch.nested.to_padded_tensor({name}, 0) with lengths"
    elif tensor.is_quantized:
        what = "quantised", f"{name}.dequantize()"
    elif tensor.layout is not torch.strided:
        what = f"stored as {tensor.layout}", f"{name}.to_dense()"
    elif type(tensor).__name__ == "MaskedTensor":
        what = "masked", f"{name}.to_tensor(0)"
    if what is not None:
        raise SpecInvError(f"{name} is {what[0]}: pass {what[1]}.")


def _lift_byte(tensor: Tensor, name: str) -> Tensor:
    """Return floating values of 8 bits, for which torch has no arithmetic, as float32."""
    try:
        return tensor.float()
    except (RuntimeError, NotImplementedError) as error:
        raise SpecInvError(
            f"{name} has dtype {tensor.dtype}, which torch cannot convert: unpack it to float32."
        ) from error


def _of_sequence(items: Sequence[Any], name: str, device: torch.device | None) -> Tensor:
    """Return a tensor of nested lists, whose innermost items say its dtype."""
    first = _innermost(items)
    if isinstance(first, Tensor):
        parts = [any_tensor(item, f"{name}[{i}]") for i, item in enumerate(items)]
        alike = {(part.shape, part.dtype, part.device) for part in parts}
        if len(alike) > 1:
            raise SpecInvError(
                f"{name} is a list of tensors that differ in shape, dtype or device: pad and stack "
                "them, and pass lengths."
            )
        return torch.stack(parts)
    try:
        array = np.asarray(items)
    except Exception as error:  # whatever an object of somebody else's raises
        raise SpecInvError(
            f"{name} is a nested list that is no array: are its rows equally long? ({error})"
        ) from error
    tensor = _of_array(array, name).to(device)
    if _holds_python_numbers(items) and array.dtype.kind in "fc":
        default = torch.get_default_dtype()
        return tensor.to(default.to_complex() if tensor.is_complex() else default)
    return tensor


def _innermost(items: Any) -> Any:
    """Return the first item that is not a list, or an empty list."""
    while isinstance(items, (list, tuple)) and items:
        items = cast(Sequence[Any], items)[0]
    return items


def _holds_python_numbers(items: Sequence[Any]) -> bool:
    """Whether nested lists are made of Python's own numbers, which have no dtype, and no bools."""
    first = _innermost(items)
    return not isinstance(first, (np.generic, np.ndarray, Tensor, bool))


def _of_array(array: NDArray[Any], name: str) -> Tensor:
    """Return an array as a tensor, which shares its memory where torch can."""
    kind = array.dtype.kind
    if kind not in _KINDS:
        raise SpecInvError(
            f"{name} has dtype {array.dtype}: expected numbers. Text, objects or fields? Take out "
            "the array that is meant."
        )
    native = array.dtype.newbyteorder("=")
    if kind in _WIDEST and native.itemsize > np.dtype(_WIDEST[kind]).itemsize:
        native = np.dtype(_WIDEST[kind])
    # torch knows no negative strides and no strides between items, and warns of read-only memory
    whole = all(stride >= 0 and stride % array.itemsize == 0 for stride in array.strides)
    if native != array.dtype or not whole or not array.flags.writeable:
        array = np.array(array, native, order="C")
    return torch.from_numpy(array)


def _cure(value: Any, name: str) -> str:
    """Say what to do about something that is no array."""
    if isinstance(value, (str, bytes)):
        return f" The name of a file? Read it first: {name} = numpy.load(...)."
    if isinstance(value, dict):
        keys = ", ".join(repr(key) for key in list(cast(Any, value))[:5])
        return f" Pass one of its entries: {keys or 'there are none'}."
    return ""
