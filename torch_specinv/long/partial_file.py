"""What has been computed so far, kept so that a run that was killed can go on.

Beside the output lie ``NAME.partial``, the samples as plain numbers, and ``NAME.partial.jsonl``:
what is computed, then a line for each piece that is complete, with a checksum, and at the very end
one for the output. A piece is told of only when its samples are on the disk; what was being written
when the power failed is cut off.
"""

from __future__ import annotations

import errno
import json
import zlib
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ..errors import SpecInvError
from ..io import WriteError, beside, open_locked
from ..transform.fingerprint import as_json, differing
from .held_file import HeldFile, Write, write_to_disk

# What an error says when there is no room
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def partial_path(output: Path) -> Path:
    """Return where the samples of an output are kept until it is complete."""
    return beside(output, ".partial")


def _journal_path(output: Path) -> Path:
    return beside(output, ".partial.jsonl")


def is_complete(output: Path) -> bool:
    """Whether an output was completed by a run that was killed before it could clean up."""
    try:
        lines, _ = _read_lines(_journal_path(output).read_bytes())
    except (OSError, ValueError):  # ValueError: what is no name at all
        return False
    noted = lines[-1].get("output") if lines else None
    return noted is not None and noted == _identify(output)


def _identify(path: Path) -> list[int] | None:
    """Return what tells a file from all others, and from itself once it was written to."""
    try:
        status = path.stat()
    except OSError:
        return None
    return [status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns]


def _read_lines(text: bytes) -> tuple[list[dict[str, Any]], list[int]]:
    """Return the lines of a journal as far as it goes, and where each ends, in bytes."""
    found: list[dict[str, Any]] = []
    ends: list[int] = []
    place = 0
    for line in text.splitlines(keepends=True):
        try:
            entry = json.loads(line)
        except ValueError:
            break  # the power failed here
        if not isinstance(entry, dict) or not line.endswith(b"\n"):
            break
        if found and not ("output" in entry or isinstance(entry.get("samples"), int)):
            break
        place += len(line)
        found.append(cast(dict[str, Any], entry))
        ends.append(place)
    return found, ends


class PartialFile:
    """Samples on the disk, and a record of each piece.

    Parameters
    ----------
    output : Path
        What is to be written in the end.
    identity : dict
        The :func:`~torch_specinv.transform.fingerprint.fingerprint` of what is computed: a run
        resumes where another ended if theirs are the same.
    channels : int
        Channels of the samples.
    dtype : str
        Their type, as numpy calls it.
    force : bool
        Forget what another run with other settings left.
    write : callable
        Adds bytes to a file, and comes back when they will survive a power failure.
    """

    def __init__(
        self,
        output: Path,
        identity: dict[str, Any],
        channels: int,
        dtype: str,
        *,
        force: bool,
        write: Write = write_to_disk,
    ) -> None:
        self.path = partial_path(output)
        self._channels, self._dtype = channels, np.dtype(dtype)
        self.records: list[dict[str, Any]] = []
        self.complete = False
        """Whether the output is there already, from a run with the same identity."""
        with ExitStack() as stack, self._explain_errors():
            file = open_locked(self.path)
            if file is None:
                raise SpecInvError(f"{self.path} is being written by another run.")
            stack.enter_context(file)
            self._draft = HeldFile(self.path, file, write)
            journal = _journal_path(output)
            file = stack.enter_context(journal.open("a+b", buffering=0))
            self._journal = HeldFile(journal, file, write)
            self._begin(json.loads(as_json(identity)), output, force=force)
            self._open = stack.pop_all()

    def _begin(self, identity: dict[str, Any], output: Path, *, force: bool) -> None:
        """Go on with what is there, or begin anew."""
        lines, ends = _read_lines(self._journal.read(0, self._journal.size))
        same = bool(lines) and lines[0] == identity
        records = [line for line in lines[1:] if "samples" in line]
        complete = is_complete(output)
        if same:
            self.complete = complete
            self.records = records if complete else self._sound(records)
            if not complete:
                self._journal.cut(ends[len(self.records)])
                self._draft.cut(self._bytes())
            return
        if records and not complete and not force:
            names = ", ".join(differing(lines[0], identity))
            raise SpecInvError(
                f"{self.path} was left by a run with other settings ({names} differ): with the "
                "same ones it is continued, force=True begins anew."
            )
        self._journal.cut(0)
        self._draft.cut(0)
        self._journal.add(f"{json.dumps(identity)}\n".encode())

    @property
    def samples(self) -> int:
        """How many samples of each channel are complete."""
        return sum(record["samples"] for record in self.records)

    def append(self, samples: NDArray[Any], record: dict[str, Any]) -> None:
        """Keep samples (count, channels) and what is to be known of them."""
        content = samples.astype(self._dtype).tobytes()
        record = {"samples": len(samples), "checksum": zlib.crc32(content), **record}
        with self._explain_errors():
            self._draft.add(content)
            self._journal.add(f"{json.dumps(record)}\n".encode())
        self.records.append(record)

    def blocks(self) -> Generator[NDArray[Any]]:
        """Yield all samples (count, channels), piece by piece."""
        self._draft.check()
        self._journal.check()
        for number, (content, record) in enumerate(self._contents(self.records)):
            if zlib.crc32(content) != record["checksum"]:
                raise WriteError(
                    f"{self.path} was changed by another program, in piece {number}. Run the same "
                    "again: what is sound of it is used, the rest is computed again."
                )
            yield np.frombuffer(content, self._dtype).reshape(-1, self._channels)

    def note_output(self, temporary: Path) -> None:
        """Write down which file the output is, before it gets its name."""
        with self._explain_errors():
            self._journal.add(f"{json.dumps({'output': _identify(temporary)})}\n".encode())

    def close(self) -> None:
        """Let other runs have the draft."""
        self._open.close()

    def forget(self) -> None:
        """Count nothing as complete."""
        self.records = []

    def remove(self) -> None:
        """Delete what is no longer needed; by the journal a run that is killed here is known."""
        self._draft.remove()
        self._journal.remove()

    def _bytes(self) -> int:
        """Return how large the samples of all records are."""
        return self.samples * self._channels * self._dtype.itemsize

    def _contents(self, records: list[dict[str, Any]]) -> Generator[tuple[bytes, dict[str, Any]]]:
        """Yield the bytes of each piece, fewer than there should be where the file ends."""
        begin = 0
        for record in records:
            end = begin + record["samples"] * self._channels * self._dtype.itemsize
            yield self._draft.read(begin, end), record
            begin = end

    def _sound(self, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the records of pieces that are on the disk as they were written."""
        sound: list[dict[str, Any]] = []
        for content, record in self._contents(records):
            if zlib.crc32(content) != record.get("checksum"):
                break
            sound.append(record)
        return sound

    @contextmanager
    def _explain_errors(self) -> Generator[None]:
        """Say what is kept where writing fails."""
        try:
            yield
        except OSError as error:
            cure = "make room and run the same again" if error.errno in _FULL else "run it again"
            what = f"{self.samples} samples are kept there: {cure} to go on"
            what = what if self.records else cure.capitalize()
            raise WriteError(
                f"{self.path} cannot be written: {error.strerror or error}. {what}."
            ) from error
