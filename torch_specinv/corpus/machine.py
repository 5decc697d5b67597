"""Which errors are the fault of the machine, and which of those make the process useless."""

from __future__ import annotations

from typing import Any

import torch

from ..errors import SpecInvError
from ..solve.memory import is_full

# There from PyTorch 2.8 on; without it, the text tells
_ACCELERATOR: Any = getattr(torch, "AcceleratorError", ())
_TEXTS = ("CUDA error", "cuDNN", "CUDNN_STATUS", "cuFFT", "CUFFT_", "CUBLAS_STATUS", "CUSOLVER_")
#: Of an item that is too large for a device even alone, see solve/out_of_memory.py.
_TOO_LARGE = "does not fit in the memory of"


def is_of_machine(error: BaseException) -> bool:
    """Whether an item failed for the machine, on which it is tried again the next time."""
    if isinstance(error, (OSError, MemoryError)) or is_broken(error):
        return True
    if isinstance(error, SpecInvError):
        return _TOO_LARGE in str(error)
    return isinstance(error, RuntimeError) and (
        is_full(error) or any(text in str(error) for text in _TEXTS)
    )


def is_broken(error: BaseException) -> bool:
    """Whether the device is of no use after an error: all that follows on CUDA fails alike."""
    if not isinstance(error, RuntimeError) or is_full(error):
        return False
    of_library = "CUBLAS_STATUS" in str(error) or "CUSOLVER_" in str(error)
    return isinstance(error, _ACCELERATOR) or ("CUDA error" in str(error) and not of_library)
