"""What is installed, and which engines there are or why not."""

from __future__ import annotations

import os
import platform

import torch

from .engines import ENGINES, VARIABLE
from .native import widths
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
    absent = {name: engine.missing() for name, engine in ENGINES.items()}
    here = {name: f"no, as {why}" if why else "yes" for name, why in absent.items()}
    if not absent["native"]:
        here["native"] += f", with {', '.join(names[n] for n in widths())}"
    meaning = os.environ.get(VARIABLE)
    if meaning and meaning not in ("auto", *ENGINES):
        meaning += ", which is unknown: inversions will say so"
    automatic = ", ".join(name for name, engine in ENGINES.items() if engine.automatic)
    return "\n".join(
        [
            f"torch_specinv {__version__}, torch {torch.__version__}, "
            f"Python {platform.python_version()} on {platform.system()} {platform.machine()}",
            f"threads of torch: {torch.get_num_threads()} (torch.set_num_threads)",
            "engines (backend=...), the fastest first:",
            *(
                f"  {name:9} {engine.takes}\n{'':12}here: {here[name]}"
                for name, engine in ENGINES.items()
            ),
            f"  {'auto':9} the first of {automatic} that nothing keeps from running"
            + (f". Here {VARIABLE}={meaning}" if meaning else f"; {VARIABLE} changes that"),
        ]
    )
