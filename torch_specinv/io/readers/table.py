"""The table of readers, and what they share."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from ...errors import SpecInvError
from ...registry import Registry

Reader = Callable[[Path], AbstractContextManager[Any]]

#: The readers by suffix.
READERS: Registry[Reader] = Registry("suffix")


@contextmanager
def optional(path: Path) -> Generator[None]:
    """Say how to install the package that a reader imports."""
    try:
        yield
    except ImportError as error:
        raise SpecInvError(
            f"{path} needs a package to be read ({error}): "
            "python -m pip install 'torch_specinv[files]'"
        ) from error
