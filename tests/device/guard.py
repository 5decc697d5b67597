"""Builds and loads what makes a CPU build of torch believe in a device; before torch is imported.

Nothing here imports torch: it looks for its devices once, and keeps what it found.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).with_name("guard.cpp")


def load(kind: str) -> None:
    """Pretend that there are two devices of a kind, "cuda" or "mps"."""
    if "torch" in sys.modules:
        raise RuntimeError("torch has looked for its devices already")
    spec = importlib.util.find_spec("torch")
    assert spec is not None
    assert spec.origin is not None
    torch = Path(spec.origin).parent
    library = _build(kind, torch)
    for name in ("libc10.so", "libtorch_cpu.so"):
        ctypes.CDLL(str(torch / "lib" / name), mode=ctypes.RTLD_GLOBAL)
    ctypes.CDLL(str(library))


def _build(kind: str, torch: Path) -> Path:
    """Compile the guard, once for a source and a version of torch."""
    seen = SOURCE.read_bytes() + (torch / "version.py").read_bytes() + str(torch).encode()
    name = f"torch_specinv_{kind}_{hashlib.sha256(seen).hexdigest()[:16]}.so"
    library = Path(tempfile.gettempdir()) / name
    if not library.exists():
        own = library.with_suffix(f".{os.getpid()}")
        upper = kind.upper()
        subprocess.run(
            [os.environ.get("CXX", "c++"), "-std=c++20", "-O0", "-fPIC", "-shared",
             f"-DDEVICE={upper}", f"-DDEVICE_IS_{upper}", f"-I{torch / 'include'}",
             str(SOURCE), "-o", str(own)],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        own.replace(library)  # whoever is first, all workers make the same
    return library
