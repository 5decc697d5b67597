"""Batches that were begun and not ended: an item that kills its process is found by them.

While a batch is inverted there is a small file in ``OUT/_corpus/attempts``. If the process dies it
stays. A batch that was lost twice is inverted item by item, and an item that was lost three times
fails, so that neither a cluster tries it forever nor the next run dies of it.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from hashlib import sha256

from ..errors import DeviceError
from .filing import Files
from .item import Item
from .journal import OWN

#: How often a batch may be lost before it is taken apart, and an item before it fails.
BATCH, ITEM = 2, 3


class Attempts:
    """The marks of an output."""

    def __init__(self, files: Files, folder: str) -> None:
        self._files, self._folder = files, f"{folder}/{OWN}/attempts"

    def lost(self, items: Sequence[Item]) -> int:
        """Return how often these items were begun together, and not ended."""
        return len(self._marks(_name(items)))

    @contextmanager
    def trying(self, items: Sequence[Item]) -> Generator[None]:
        """Leave a mark until these items are ended; an error is an end as well.

        A device that broke is as a process that died.
        """
        name = _name(items)
        self._files.mark(f"{self._folder}/{name}-{uuid.uuid4().hex[:8]}")
        try:
            yield
        except DeviceError:
            raise
        except BaseException:
            self.forget(name)
            raise
        self.forget(name)

    def forget(self, name: str = "") -> None:
        """Remove the marks of a batch, or all."""
        for path in self._marks(name):
            self._files.remove(path)

    def _marks(self, name: str) -> list[str]:
        if not self._files.is_folder(self._folder):
            return []
        with contextlib.suppress(OSError):
            found = [found.path for found in self._files.walk(self._folder)]
            return [path for path in found if os.path.basename(path).startswith(name)]  # noqa: PTH119
        return []


def _name(items: Sequence[Item]) -> str:
    keys = "\0".join(item.key for item in items).encode("utf-8", "surrogatepass")
    return sha256(keys).hexdigest()[:16]
