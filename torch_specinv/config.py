"""What is installed, and which engines there are or why not."""

from __future__ import annotations

import os
import platform

import torch

from .engines import VARIABLE
from .native import missing, widths
from .version import __version__


def show_config() -> None:
    """Print versions, the processor's instruction sets, and which engines can run here.

    Examples
    --------
    >>> from torch_specinv import show_config
    >>> show_config()  # doctest: +ELLIPSIS
    torch_specinv ...
    """
    print(describe())


def describe() -> str:
    """Return what :func:`show_config` prints."""
    arm = platform.machine().lower() in ("arm64", "aarch64")
    names = {16: "AVX-512", 8: "AVX2", 4: "NEON" if arm else "SSE2"}
    absent = missing()
    native = f"no, as {absent}" if absent else f"yes, with {', '.join(names[n] for n in widths())}"
    cuda = torch.cuda.is_available()
    meaning = os.environ.get(VARIABLE)
    return "\n".join(
        [
            f"torch_specinv {__version__}, torch {torch.__version__}, "
            f"Python {platform.python_version()} on {platform.system()} {platform.machine()}",
            f"threads of torch: {torch.get_num_threads()} (torch.set_num_threads)",
            "engines (backend=...):",
            "  native    fastest: float32 on a CPU, without gradients, rules that are numbers",
            f"            here: {native}",
            "  chunked   on a CPU, without gradients, every pointwise rule",
            "  torch     on every device, with gradients",
            f"  graph     on a CUDA device; here: {'yes' if cuda else 'no'}",
            "  auto      the first of native and chunked that can, on a CPU; torch elsewhere"
            + (f". Here {VARIABLE}={meaning}" if meaning else f"; {VARIABLE} changes that"),
        ]
    )
