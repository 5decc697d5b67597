"""What an operation costs on a CUDA device: kernels, bytes, and whether the host waits for it.

As ATen has it, read in its source: a model, to find out that something became dearer.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

aten = torch.ops.aten

#: Operations that launch nothing.
_FREE = {
    "empty", "empty_strided", "empty_like", "new_empty", "new_empty_strided", "detach", "alias",
    "lift_fresh", "_unsafe_view", "_reshape_alias", "set_", "sym_size", "resolve_conj",
    "resolve_neg", "_local_scalar_dense",
}  # fmt: skip
#: Operations of more than one kernel.
_KERNELS = {
    "constant_pad_nd": 2, "index_copy": 2, "index_fill": 2, "scatter_add": 2, "scatter": 2,
    "index_put": 2, "nonzero": 4, "sort": 6, "isin": 8, "_unique2": 8, "masked_select": 6,
    "cumsum": 2, "linalg_solve_triangular": 4,
}  # fmt: skip
#: Operations that write what they make, and read nothing.
_MADE = {
    "zeros", "ones", "full", "new_zeros", "new_ones", "new_full", "zeros_like", "ones_like",
    "full_like", "arange", "fill_", "zero_", "scalar_tensor", "linspace",
}  # fmt: skip
#: Operations of linear algebra that wait for nothing: small triangular systems are cuBLAS's.
_LAUNCHED = {"linalg_vector_norm", "linalg_solve_triangular"}
#: Operations whose result has a size that the host must know.
_ASKING = {
    "nonzero", "masked_select", "_unique2", "unique_dim", "equal", "_unique", "unique_consecutive",
    "is_nonzero", "bincount", "histc",
}  # fmt: skip


def name_of(func: Any) -> str:
    """Return the name of an operation."""
    return func._schema.name.split("::")[1]


def cost(func: Any, inputs: list[Tensor], outputs: list[Tensor], args: Any) -> tuple[int, int]:
    """Return the kernels of an operation, and the bytes that they read and write."""
    name = name_of(func)
    if name in _FREE or func.is_view:
        return 0, 0
    read, written = sum(map(touched, inputs)), sum(map(touched, outputs))
    if name.startswith("_fft_"):
        # a norm is a pass of its own, and the input of c2r is copied first
        scaling = args[2] != 0
        copying = 2 * touched(inputs[0]) if name == "_fft_c2r" else 0
        return 1 + scaling + bool(copying), read + written + copying + 2 * scaling * written
    if name == "constant_pad_nd":
        return 2, written + 2 * read
    if name == "copy_":
        return 1, 2 * touched(inputs[0])
    if name in _MADE:
        return 1, written
    if name in ("index", "index_select", "gather"):
        masked = any(t.dtype == torch.bool for t in inputs[1:])
        return 1 + 4 * masked, 2 * written + sum(map(touched, inputs[1:]))
    return _KERNELS.get(name, 1), read + written


def touched(t: Tensor) -> int:
    """Return the bytes of the elements that a tensor covers, each counted once."""
    if t.numel() == 0:
        return 0
    span = 1 + sum((size - 1) * abs(step) for size, step in zip(t.shape, t.stride(), strict=True))
    distinct = math.prod(size for size, step in zip(t.shape, t.stride(), strict=True) if step != 0)
    return min(span, distinct, t.numel()) * t.element_size()


def wait(func: Any, args: Any, kwargs: Any, *, to_host: bool, mixed: bool) -> str | None:
    """Return what makes the host wait for the device in an operation, or None.

    `to_host` says that it copies to the host, `mixed` that tensors of the host are among `args`.
    """
    name = name_of(func)
    if func is aten._local_scalar_dense.default:
        return "item"
    if name in _ASKING:
        return name
    if name in ("index", "index_put_", "index_put", "_index_put_impl_"):
        places = [place for place in args[1] if isinstance(place, Tensor)]
        if any(place.dtype in (torch.bool, torch.uint8) for place in places):
            return f"{name} by a mask"
        if any(place.device.type == "cpu" for place in places):
            return f"{name} by places on the host"
    if name == "repeat_interleave" and kwargs.get("output_size") is None:
        return name
    if name == "isin":
        counts = [x.numel() if isinstance(x, Tensor) else 1 for x in args[:2]]
        if counts[1] >= 10 * max(counts[0], 1) ** 0.145:
            return "isin, which sorts"
    if name.startswith("linalg_") and name not in _LAUNCHED:
        return name
    if to_host and not kwargs.get("non_blocking"):
        return "a copy to the host"
    if name == "copy_" and mixed and not (len(args) > 2 and args[2]):
        return "a copy between devices"
    return None
