"""Where waveforms go: a file each, or shards of many."""

from __future__ import annotations

import errno
import io
import json
import tarfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import SpecInvError
from ..io import WriteError, write_audio
from ..io.encode import encode_audio
from ..io.outputs import atomic, explained
from .filing import Files
from .rows import Row, measured_names

#: What can be written, and how many items are written down as finished together.
FORMATS = {"wav": 16, "flac": 16, "ogg": 16, "tar": 256, "parquet": 256}
# What is wrong with the output, and not with one name in it
_OF_THE_FOLDER = (errno.EACCES, errno.EPERM, errno.EROFS)
#: What of a row is written beside a waveform in a shard.
_BESIDE = ("key", "sr", "samples", "channels", "kind", "input", "input_digest")


@dataclass(frozen=True, eq=False)
class Sound:
    """A waveform that is to be written, and its row."""

    row: Row
    wave: Tensor
    """Shape (channels, samples), within what the format holds."""
    sr: int


class Sink(ABC):
    """Writes the waveforms of a batch, and adds to each row where its waveform is."""

    def __init__(self, files: Files, folder: str, format_: str, tag: str) -> None:
        self.files, self.folder, self.format, self.tag = files, folder, format_, tag

    @abstractmethod
    def write(self, sounds: Sequence[Sound]) -> dict[str, SpecInvError]:
        """Write waveforms; return by key why some can't be, where that is no fault of the machine.

        Raises
        ------
        WriteError
            If nothing can be written.
        """


class AudioTree(Sink):
    """A file for each item, in folders as the keys say."""

    def write(self, sounds: Sequence[Sound]) -> dict[str, SpecInvError]:
        """Write the files."""
        failed: dict[str, SpecInvError] = {}
        for sound in sounds:
            name = f"{sound.row['key']}.{self.format}"
            make = partial(_write_audio, wave=sound.wave, sr=sound.sr)
            try:
                written = self.files.deliver(f"{self.folder}/{name}", make)
            except WriteError:
                raise
            except SpecInvError as error:
                if getattr(error.__cause__, "errno", None) in _OF_THE_FOLDER:
                    raise WriteError(str(error)) from error
                failed[sound.row["key"]] = error
                continue
            sound.row.update(output=name, output_bytes=written.size, output_digest=written.digest)
        return failed


class Shards(Sink):
    """A file for a batch: all of its waveforms, or none.

    The name depends on which items are in it, so that a batch that is written twice, as where a
    worker was lost, is one file.
    """

    def write(self, sounds: Sequence[Sound]) -> dict[str, SpecInvError]:
        """Write a shard."""
        failed: dict[str, SpecInvError] = {}
        kept: list[tuple[Row, bytes]] = []
        for sound in sounds:
            if not bool(torch.isfinite(sound.wave).all()):
                failed[sound.row["key"]] = SpecInvError("the wave holds samples that are NaN.")
                continue
            kept.append((sound.row, encode_audio(sound.wave, sound.sr, ".wav", full=True)))
        if not kept:
            return failed
        keys = "\0".join(row["key"] for row, _ in kept).encode("utf-8", "surrogatepass")
        name = f"shard-{self.tag}-{sha256(keys).hexdigest()[:16]}.{self.format}"
        make = _write_tar if self.format == "tar" else _write_parquet
        written = self.files.deliver(f"{self.folder}/{name}", partial(make, kept=kept))
        for row, content in kept:
            row.update(
                output=name,
                member=member_name(row["key"]),
                output_bytes=written.size,
                output_digest=sha256(content).hexdigest()[:16],
            )
        return failed


def open_sink(files: Files, folder: str, format_: str, tag: str) -> Sink:
    """Return what writes a format."""
    return (Shards if format_ in ("tar", "parquet") else AudioTree)(files, folder, format_, tag)


def shard_pattern(tag: str, format_: str) -> tuple[str, str]:
    """Return how the names of all shards of a run begin and end."""
    return f"shard-{tag}-", f".{format_}"


def member_name(key: str) -> str:
    """Return what an item is called in a shard: WebDataset takes no dots in names."""
    if "." not in key:
        return key
    told = sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:6]
    return f"{key.replace('.', '_')}-{told}"


def _write_audio(path: Path, wave: Tensor, sr: int) -> None:
    write_audio(path, wave, sr, force=True)


def _beside(row: Row) -> dict[str, Any]:
    names = [name for name in (*_BESIDE, *measured_names(row)) if name in row]
    return {name: row[name] for name in names}


def _write_tar(path: Path, kept: Sequence[tuple[Row, bytes]]) -> None:
    """Write a shard of WebDataset: the same items, the same bytes."""
    with atomic(path, force=True) as temporary, tarfile.open(temporary, "w") as tar:
        for row, content in kept:
            name = member_name(row["key"])
            told = json.dumps(_beside(row), sort_keys=True).encode()
            for ending, data in (("wav", content), ("json", told)):
                member = tarfile.TarInfo(f"{name}.{ending}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))


def _write_parquet(path: Path, kept: Sequence[tuple[Row, bytes]]) -> None:
    """Write a table with a row an item; the audio is as Hugging Face's datasets have it."""
    import pyarrow
    from pyarrow import parquet

    rows = [
        {**_beside(row), "key": text_of(row["key"]), "input": text_of(row["input"]),
         "audio": {"bytes": content, "path": text_of(f"{member_name(row['key'])}.wav")}}
        for row, content in kept
    ]  # fmt: skip
    with atomic(path, force=True) as temporary, explained(path):
        parquet.write_table(pyarrow.Table.from_pylist(rows), temporary)


def text_of(name: str) -> str:
    """Return a name as text that any table holds; bytes that are no text are spelled out."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
