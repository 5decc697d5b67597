"""Read items: what is given of each, and with which keywords it is inverted."""

from __future__ import annotations

import json
import math
import tempfile
from collections import OrderedDict
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import SpecInvError, check_count
from ..images import ImageSpec
from ..io import image_to_spectrogram, read_audio, read_spectrogram_file
from ..mel import Preset
from ..transform.fingerprint import digest
from ..transform.stft import STFT
from .filing import Files, locate
from .item import Item
from .job import Job
from .sources.conventions import conventions_of
from .tabular import array_column, is_list, open_table
from .telling import told

#: How many parts of tables are kept.
_KEPT = 2


@dataclass(frozen=True, eq=False)
class Given:
    """What is given of an item."""

    item: Item
    spec: Tensor
    """Shape (rows, frames), or (channels, rows, frames)."""
    sr: int
    recipe: Preset | None
    """How it was made; None of audio."""
    length: int | None
    """Samples of the waveform, if they are known."""
    digest: str
    """Of the content and what is said of it; the same in whatever file it lies."""
    original: Tensor | None = None
    """The waveform (channels, samples) of audio."""
    stft: Mapping[str, Any] = field(default_factory=dict[str, Any])


class ItemReader:
    """Reads items; keeps what the next ones are likely to need."""

    def __init__(self, job: Job, systems: Sequence[Files]) -> None:
        self._job, self._systems = job, systems
        self._tables: OrderedDict[tuple[str, int], Any] = OrderedDict()

    def read(self, item: Item) -> Given:
        """Read an item.

        Raises
        ------
        SpecInvError
            If it can't be read, or is not what the settings say.
        """
        files, path = self._systems[item.system], item.place
        if "://" in path:  # as lists may have it
            files, path = locate(path)
        if item.kind == "row":
            return self._row(files, path, item)
        if item.kind == "member":
            return self._member(files, path, item)
        with files.local(path) as local:
            return self._file(local, item, item.about)

    def _file(self, path: Path, item: Item, about: Mapping[str, Any], kind: str = "") -> Given:
        kind = kind or item.kind
        if kind == "audio":
            wave, sr = read_audio(path)
            return self._audio(wave, sr, item, about)
        recipe = self._job.recipe_of(about)
        if kind == "picture":
            return self._array(read_picture(path, recipe, self._job.image), None, item, about)
        found = read_spectrogram_file(path, about.get("array") or self._job.array)
        return self._array(found.array, found.sr, item, about)

    def _member(self, files: Files, path: str, item: Item) -> Given:
        """Read a member of a tar file."""
        begin, size, ending = item.inside.split(" ", 2)
        with files.open(path) as file:
            file.seek(int(begin))
            content = file.read(int(size))
            about = dict(item.about)
            if "json" in about:
                start, count, _ = about.pop("json").split(" ", 2)
                file.seek(int(start))
                beside = json.loads(file.read(int(count)))
                about |= conventions_of(beside) if isinstance(beside, dict) else {}
        with _as_file(content, ending) as local:
            return self._file(local, item, about, kind_of_name(ending))

    def _row(self, files: Files, path: str, item: Item) -> Given:
        """Read a row of a table."""
        part, row = map(int, item.inside.split())
        table = self._part(files, path, part)
        column = array_column(table.schema, self._job.array)
        if column is None:
            raise SpecInvError(
                f"{path} has several columns of arrays: choose one of "
                f"{', '.join(table.schema.names)} with array= (--key)."
            )
        cells = table.slice(row, 1)
        plain = [name for name in table.schema.names if name != column]
        others = cells.select(plain).to_pylist()[0]
        about = {**conventions_of(others), **item.about}
        about.pop("array", None)
        value = cells.column(column)[0]
        if not value.is_valid:
            raise SpecInvError(f"{item.told} holds no array.")
        if not is_list(getattr(value.type, "storage_type", value.type)):
            return self._bytes(value.as_py(), item, about)
        return self._array(_nested(value, others.get("shape"), item), None, item, about)

    def _bytes(self, value: Any, item: Item, about: Mapping[str, Any]) -> Given:
        """Read a file that lies in a cell, as its bytes or as Hugging Face's audio and images."""
        name = ""
        if isinstance(value, dict):
            name, content = value.get("path") or "", value.get("bytes")
        else:
            content = value
        if not isinstance(content, bytes):
            raise SpecInvError(f"{item.told} holds no bytes of a file.")
        ending = PurePosixPath(name).suffix[1:] or _ending(content)
        with _as_file(content, ending) as local:
            return self._file(local, item, about, kind_of_name(ending))

    def _part(self, files: Files, path: str, part: int) -> Any:
        """Return a part of a table, kept from one row to the next."""
        key = (path, part)
        if key in self._tables:
            self._tables.move_to_end(key)
            return self._tables[key]
        with open_table(files, path) as table:
            found = self._tables[key] = table.read(part)
        while len(self._tables) > _KEPT:
            self._tables.popitem(last=False)
        return found

    def _array(self, spec: Tensor, rate: int | None, item: Item, about: Mapping[str, Any]) -> Given:
        job, recipe = self._job, self._job.recipe_of(about)
        sr = about.get("sr") or recipe.sr or job.sr or rate
        if sr is None:
            raise SpecInvError(f"{item.told} has no sample rate: pass sr= (--sr).")
        spec = spec.mT if job.transpose and spec.ndim > 1 else spec
        length = about.get("length")
        if length is not None:
            check_count("length", length)
        known = _digest(digest(spec), sr, recipe, length)
        return Given(item, self._lanes(spec, item), int(sr), recipe, length, known)

    def _audio(self, wave: Tensor, sr: int, item: Item, about: Mapping[str, Any]) -> Given:
        job = self._job
        if job.recipe_of(about) != Preset.plain(job.sr, **job.stft):
            raise SpecInvError(f"{item.told} is audio, but a recipe is for arrays.")
        if about.get("sr", job.sr) not in (None, sr):
            raise SpecInvError(
                f"sr={about.get('sr', job.sr)}, but {item.told} is sampled at {sr} Hz."
            )
        stft: dict[str, Any] = {"n_fft": 1024, "window": "hann", **job.stft}
        spec = STFT.of_wave(wave, **stft).analyse(wave).abs()
        known = _digest(digest(wave), sr)
        return Given(item, spec, sr, None, wave.shape[-1], known, wave, stft)

    def _lanes(self, spec: Tensor, item: Item) -> Tensor:
        """Return ([channels,] rows, frames)."""
        if spec.ndim < 3:
            return spec
        batch = [size for size in spec.shape[:-2] if size != 1]
        if not batch:
            return spec.reshape(spec.shape[-2:])
        if len(batch) > 1 or not self._job.channels:
            raise SpecInvError(
                f"{item.told} holds shape {tuple(spec.shape)}, and one item is one waveform: with "
                "channels=True (--channels) the dimension before (rows, frames) is that of the "
                "channels."
            )
        return spec.reshape(batch[0], *spec.shape[-2:])


def read_picture(path: Path, recipe: Preset, changes: Mapping[str, Any]) -> Tensor:
    """Read a picture: magnitudes, or what the recipe writes down before its logarithm."""
    own = recipe.image
    if own is None and recipe.values.power != 1:
        own = ImageSpec(power=recipe.values.power)
    given: Any = dict(changes)
    return image_to_spectrogram(path, own, **given)


def kind_of_name(ending: str) -> str:
    """Return how a file within another is read, by the end of its name."""
    from .sources.find import kind_of

    kind = kind_of(f"x.{ending}")
    if kind is None:
        raise SpecInvError(f"files that end in .{ending} are not read.")
    return kind


@contextmanager
def _as_file(content: bytes, ending: str) -> Generator[Path]:
    """Yield a file with some content, for readers that take no bytes."""
    with tempfile.TemporaryDirectory(prefix="specinv-") as folder:
        path = Path(folder, f"item.{ending.rpartition('.')[2]}")
        path.write_bytes(content)
        yield path


def _ending(content: bytes) -> str:
    """Return what the name of a file would end in, by its first bytes."""
    for magic, ending in (
        (b"\x93NUMPY", "npy"), (b"RIFF", "wav"), (b"fLaC", "flac"), (b"OggS", "ogg"),
        (b"\x89PNG", "png"), (b"\xff\xd8", "jpg"), (b"ID3", "mp3"), (b"PK", "npz"),
    ):  # fmt: skip
        if content.startswith(magic):
            return ending
    raise SpecInvError("the bytes in a cell are of no file that is known: save .npy or .wav there.")


def _nested(value: Any, shape: Any, item: Item) -> Tensor:
    """Return the numbers of a cell with lists of lists, or of one with a shape beside it."""
    from pyarrow import compute

    length_of: Any = vars(compute)["list_value_length"]
    sizes: list[int] = []
    cell = value.values
    count = 1
    while hasattr(cell, "flatten") and hasattr(cell.type, "value_type"):
        if len(set(length_of(cell).to_pylist())) != 1:
            raise SpecInvError(f"{item.told} holds lists of different lengths.")
        sizes.append(len(cell) // count)
        count = len(cell)
        cell = cell.flatten()
    sizes.append(len(cell) // max(count, 1))
    if cell.null_count:
        raise SpecInvError(f"{item.told} holds missing values.")
    numbers = np.asarray(cell.to_numpy(zero_copy_only=False))
    wanted = tuple(map(int, shape)) if isinstance(shape, (list, tuple)) else tuple(sizes)
    if math.prod(wanted) != numbers.size:
        raise SpecInvError(f"{item.told} holds {numbers.size} numbers, but the shape is {wanted}.")
    return torch.from_numpy(np.array(numbers.reshape(wanted)))


def _digest(content: str, *about: Any) -> str:
    return sha256(json.dumps([content, told(about)]).encode()).hexdigest()[:16]
