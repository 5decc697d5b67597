"""What has been computed so far, kept so that a run that was killed can go on.

Beside the output lie ``NAME.partial``, the samples as plain numbers, and ``NAME.partial.jsonl``, a
line for each piece that is complete. A piece is told of only when its samples are on the disk;
what was being written when the power failed is cut off.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from ..errors import SpecInvError
from ..io import WriteError
from ..transform.fingerprint import as_json, differing


def _lock(file: IO[bytes]) -> bool:
    """Reserve a file until it is closed, where the system can."""
    try:
        import fcntl
    except ImportError:  # Windows
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system that has no locks
        return True
    return True


def write_to_disk(path: Path, content: bytes, mode: str) -> None:
    """Write, and come back when it is on the disk."""
    with path.open(mode) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


class PartialFile:
    """Samples on the disk, and a record of each piece.

    Parameters
    ----------
    output : Path
        What is to be written in the end.
    identity : dict
        The :func:`~torch_specinv.transform.fingerprint.fingerprint` of what is computed: a run
        goes on where another ended if theirs are the same.
    channels : int
        Channels of the samples.
    dtype : str
        Their type, as numpy calls it.
    force : bool
        Forget what another run with other settings left.
    write : callable
        Writes bytes to a file that is opened in a mode ("ab" adds to it), and comes back when they
        will survive a power failure.
    """

    def __init__(
        self,
        output: Path,
        identity: dict[str, Any],
        channels: int,
        dtype: str,
        *,
        force: bool,
        write: Callable[[Path, bytes, str], None] = write_to_disk,
    ) -> None:
        self._write = write
        self.path = output.with_name(f"{output.name}.partial")
        self._journal = output.with_name(f"{output.name}.partial.jsonl")
        self._channels, self._dtype = channels, np.dtype(dtype)
        self.records: list[dict[str, Any]] = []
        self._lock = self._open()
        try:
            self._begin(json.loads(as_json(identity)), force=force)
        except BaseException:
            self.close()
            raise

    def _begin(self, identity: dict[str, Any], *, force: bool) -> None:
        """Go on with what is there, or begin anew."""
        lines = self._lines()
        if lines and lines[0] != identity and not force:
            names = ", ".join(differing(lines[0], identity))
            raise SpecInvError(
                f"{self.path} was left by a run with other settings ({names} differ): with the "
                "same ones it is continued, force=True begins anew."
            )
        if lines and lines[0] == identity:
            self.records = lines[1:]
            self._cut_off(identity)
        else:
            with self._explain_errors():
                self._journal.unlink(missing_ok=True)
                self._lock.truncate(0)
                self._write(self._journal, (json.dumps(identity) + "\n").encode(), "wb")

    def _open(self) -> IO[bytes]:
        """Open the samples for this run alone."""
        while True:
            with self._explain_errors():
                file = self.path.open("ab")
            if not _lock(file):
                file.close()
                raise SpecInvError(f"{self.path} is being written by another run.")
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file.fileno()), self.path.stat()):
                    return file
            file.close()  # the run before has deleted it in between

    @property
    def samples(self) -> int:
        """How many samples of each channel are complete."""
        return sum(record["samples"] for record in self.records)

    def append(self, samples: NDArray[Any], record: dict[str, Any]) -> None:
        """Keep samples (count, channels) and what is to be known of them."""
        record = {"samples": len(samples), **record}
        with self._explain_errors():
            self._write(self.path, samples.astype(self._dtype).tobytes(), "ab")
            self._write(self._journal, (json.dumps(record) + "\n").encode(), "ab")
        self.records.append(record)

    def blocks(self) -> Generator[NDArray[Any]]:
        """Yield all samples (count, channels), piece by piece."""
        with self.path.open("rb") as file:
            for record in self.records:
                block = np.fromfile(file, self._dtype, record["samples"] * self._channels)
                yield block.reshape(-1, self._channels)

    def close(self) -> None:
        """Let other runs have the draft."""
        self._lock.close()

    def remove(self) -> None:
        """Delete what is no longer needed."""
        self._journal.unlink(missing_ok=True)
        try:
            self.path.unlink(missing_ok=True)
        except PermissionError:  # Windows deletes nothing that is open
            self.close()
            self.path.unlink(missing_ok=True)

    def _lines(self) -> list[dict[str, Any]]:
        """Read the journal as far as it goes."""
        if not self._journal.is_file():
            return []
        found: list[dict[str, Any]] = []
        text = self._journal.read_text(encoding="utf-8", errors="replace")
        for line in text.splitlines():
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                break  # the power failed here
            if not isinstance(entry, dict) or (found and "samples" not in entry):
                break
            found.append(cast(dict[str, Any], entry))
        return found

    def _cut_off(self, identity: dict[str, Any]) -> None:
        """Forget samples of a piece that was not completed, and lines without samples."""
        frame = self._channels * self._dtype.itemsize
        size = self.path.stat().st_size if self.path.is_file() else 0
        while self.samples * frame > size:
            self.records.pop()
        text = "".join(json.dumps(line) + "\n" for line in [identity, *self.records])
        with self._explain_errors():
            temporary = self._journal.with_name(f".{self._journal.name}")
            self._write(temporary, text.encode(), "wb")
            temporary.replace(self._journal)
            self._lock.truncate(self.samples * frame)

    @contextmanager
    def _explain_errors(self) -> Generator[None]:
        """Say what is kept where writing fails."""
        try:
            yield
        except OSError as error:
            raise WriteError(
                f"{self.path} cannot be written: {error.strerror or error}. {self.samples} samples "
                "are kept there: make room and run the same again to go on."
            ) from error
