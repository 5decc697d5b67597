"""What turns a batch of items into waveforms and rows; one for each process."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import DeviceError, SpecInvError
from ..io import WriteError, fit_peak
from .attempts import BATCH, ITEM, Attempts
from .filing import Files
from .item import Item
from .job import Job
from .machine import is_broken, is_of_machine
from .reading import Given, ItemReader
from .rows import DONE, FAILED, OF_INPUT, OF_MACHINE, Row, base_row
from .scoring import Scorer
from .sinks import Sound, open_sink
from .solving import Outcome, solve

_LONGEST = 1000


@dataclass(frozen=True)
class Finished:
    """What became of a batch."""

    rows: list[Row]
    notes: list[str]
    """Warnings, each once."""


class Worker:
    """Inverts batches of items and writes their waveforms.

    It keeps what the next batch needs as well: compiled code, transforms with their windows, mel
    banks, parts of tables.

    Parameters
    ----------
    job : Job
        What is done to every item.
    files : Files
        The file system of the output.
    folder : str
        The output.
    tag : str
        What the names of shards of this run have in common.
    systems : sequence of Files
        The file systems of the inputs.
    """

    def __init__(
        self, job: Job, files: Files, folder: str, tag: str, systems: Sequence[Files]
    ) -> None:
        self._job = job
        self._reader = ItemReader(job, systems)
        self._sink = open_sink(files, folder, job.format, tag)
        self._attempts = Attempts(files, folder)
        self._scorer = Scorer(job) if job.references is not None else None

    def __call__(self, items: Sequence[Item]) -> Finished:
        """Invert a batch; items of which the process died before are tried one by one, or fail.

        Raises
        ------
        WriteError
            If the output can't be written: the fault of the machine, and the end of the run. What
            is wrong with an item is told in its row.
        DeviceError
            If the device broke: the end of the run as well.
        """
        lost = self._attempts.lost(items)
        if len(items) > 1 and lost >= BATCH:
            parts = [self([item]) for item in items]
            notes = {note for part in parts for note in part.notes}
            return Finished([row for part in parts for row in part.rows], sorted(notes))
        if lost >= ITEM:
            died = SpecInvError(f"the process died {lost} times while this item was inverted.")
            return Finished([self._failed(items[0], died)], [])
        with self._attempts.trying(items):
            return self._invert(items)

    def _invert(self, items: Sequence[Item]) -> Finished:
        """Read, invert and write a batch."""
        rows: dict[str, Row] = {}
        given: list[Given] = []
        taken: dict[str, float] = {}
        told: dict[str, list[str]] = {}
        for item in items:
            began = time.perf_counter()
            try:
                with warnings.catch_warnings(record=True) as said:
                    warnings.simplefilter("always")
                    given.append(self._reader.read(item))
                told[item.key] = [str(each.message) for each in said]
            except Exception as error:  # whatever a reader makes of a damaged file
                rows[item.key] = self._failed(item, error)
            taken[item.key] = time.perf_counter() - began
        notes: set[str] = set()
        sounds: list[Sound] = []
        for outcome in solve(given, self._job, notes):
            key = outcome.given.item.key
            try:
                if outcome.error is not None:
                    raise outcome.error
                sounds.append(self._sound(outcome, taken[key], told[key]))
                rows[key] = sounds[-1].row
            except Exception as error:
                rows[key] = self._failed(outcome.given.item, error, outcome)
        failed = self._sink.write(sounds)
        by_key = {item.key: item for item in items}
        for key, error in failed.items():
            rows[key] = self._failed(by_key[key], error)
        return Finished([rows[item.key] for item in items], sorted(notes))

    def _sound(self, outcome: Outcome, reading: float, told: list[str]) -> Sound:
        """Return a waveform and its row."""
        assert outcome.wave is not None
        given, wave = outcome.given, outcome.wave
        peak = float(wave.abs().max())
        values = {name: round(value, 4) for name, value in outcome.values.items()}
        if self._scorer is not None:
            try:
                values |= self._scorer(given, wave)
            except SpecInvError as error:
                told.append(str(error))
        row = {
            **self._about(given.item),
            "status": DONE,
            "sr": given.sr,
            "samples": wave.shape[-1],
            "channels": len(wave),
            "kind": outcome.kind,
            "peak": peak,
            "seconds": round(outcome.seconds + reading, 6),
            "input_digest": given.digest,
            "seed": outcome.seed,
            "note": " ".join(told) or None,
            **values,
        }
        return Sound(row, fit_peak(wave, self._job.peak), given.sr)

    def _failed(self, item: Item, error: Exception, outcome: Outcome | None = None) -> Row:
        """Return the row of an item that failed."""
        if isinstance(error, (WriteError, DeviceError)):
            raise error
        if is_broken(error):
            reason = str(error).strip().partition("\n")[0]
            raise DeviceError(
                f"{self._job.device} is of no use to this process any more: {reason} "
                "Run the same again: what is finished is kept."
            ) from error
        ours = isinstance(error, SpecInvError)
        text = " ".join(str(error).split())[:_LONGEST]
        row = {
            **self._about(item),
            "status": FAILED,
            "error": text if ours else f"{type(error).__name__}: {text}",
            "fault": OF_MACHINE if is_of_machine(error) else OF_INPUT,
        }
        if outcome is not None:
            row |= {"input_digest": outcome.given.digest, "seed": outcome.seed}
        return row

    def _about(self, item: Item) -> Row:
        return {
            "key": item.key, **base_row(self._job.digest), "input": item.place,
            "inside": item.inside, "stamp": item.stamp,
        }  # fmt: skip
