"""How errors say that memory is full."""

from __future__ import annotations

import torch

# What errors say that are no torch.OutOfMemoryError: of the CPU, and of libraries on a GPU, which
# take memory for themselves beside torch's
_FULL = (
    "can't allocate memory",
    "CUFFT_ALLOC_FAILED",
    "CUFFT_INTERNAL_ERROR",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUBLAS_STATUS_NOT_INITIALIZED",
    "CUSOLVER_STATUS_ALLOC_FAILED",
    "CUDA error: out of memory",
    "MPS backend out of memory",
)


def is_full(error: RuntimeError) -> bool:
    """Tell whether memory is what is missing."""
    return isinstance(error, torch.OutOfMemoryError) or any(word in str(error) for word in _FULL)
