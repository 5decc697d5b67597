"""Measurements, and the file of JSON lines that keeps them."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..io import explained


@dataclass(frozen=True)
class Measurement:
    """How good a method's waveform is on a clip, and how long it took."""

    clip: str
    method: str
    iterations: int
    values: Mapping[str, float | None] = dataclasses.field(hash=False)
    """By metric: the registered ones over all frames, `sc_inner` without the frames that reach
    beyond the ends, PESQ and its like, which are None where nobody asked or nothing was
    found, and `sc_truth` and `lsd_truth` where the given magnitude was not the true one."""
    seconds: float
    """Wall-clock time, initial phase included."""
    setting: str
    """All that the measurement depends on, see :func:`~.setting.describe_setting`."""
    kind: str = "exact"
    """How the magnitude was degraded, see :class:`~.degrade.Degradation`."""

    @property
    def sc(self) -> float:
        """Spectral convergence in dB, all frames."""
        value = self.values["sc"]
        assert value is not None
        return value

    @property
    def key(self) -> tuple[str, str, int, str]:
        """What is measured once."""
        return self.clip, self.method, self.iterations, self.setting

    def line(self) -> str:
        """Return the measurement as a line of the store, values beside the other fields."""
        fields = {name: getattr(self, name) for name in FIELDS}
        before = {name: fields.pop(name) for name in ("clip", "method", "iterations")}
        return json.dumps({**before, **self.values, **fields})

    @classmethod
    def from_line(cls, line: str) -> Measurement:
        """Read a line of the store; raises ValueError if it is none."""
        try:
            row: dict[str, Any] = json.loads(line)
            row.setdefault("kind", "exact")  # older stores have no other
            fields = {name: row.pop(name) for name in FIELDS}
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"{line!r} is no measurement.") from error
        texts = (fields[name] for name in ("clip", "method", "setting", "kind"))
        numbers = (fields["seconds"], row.get("sc"), *(x for x in row.values() if x is not None))
        if (
            not all(isinstance(text, str) for text in texts)
            or not all(_is_number(number) for number in numbers)
            or not isinstance(fields["iterations"], int)
        ):
            raise ValueError(f"{line!r} is no measurement.")
        return cls(**fields, values=row)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


#: What a line of the store holds beside the values of metrics.
FIELDS = tuple(field.name for field in dataclasses.fields(Measurement) if field.name != "values")


def read_store(store: Path) -> list[Measurement]:
    """Read what has been measured; a line that is damaged, or was cut off, is left out."""
    if not store.exists():
        return []
    measured: list[Measurement] = []
    for line in store.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            measured.append(Measurement.from_line(line))
        except ValueError:
            continue
    return measured


def append(store: Path, measured: Measurement) -> None:
    """Add a line; one that was cut off by a crash is left to itself."""
    with explained(store), store.open("a+b") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 1))
        cut_off = file.read(1) not in (b"", b"\n")
        file.write(("\n" * cut_off + measured.line() + "\n").encode())
