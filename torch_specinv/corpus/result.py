"""What a run of a corpus returns."""

from __future__ import annotations

from dataclasses import dataclass

from .estimate import Estimate
from .progress import clock


@dataclass(frozen=True)
class CorpusResult:
    """The result of a run; the manifest has a row for each item.

    Attributes
    ----------
    output : str
        The folder of the waveforms.
    manifest : str
        The Parquet file with a row for each item of all runs.
    done : int
        Items that were inverted.
    failed : int
        Items that failed, whose rows say why.
    finished_before : int
        Items that an earlier run had finished.
    audio : float
        Seconds of audio that were written.
    seconds : float
        How long it took.
    first : float or None
        After how many seconds the first waveforms were there.
    notes : tuple of str
        Warnings about the conventions of items, each once.
    estimate : Estimate or None
        Of a dry run, what a run would take.
    """

    output: str
    manifest: str
    done: int
    failed: int
    finished_before: int
    audio: float
    seconds: float
    first: float | None = None
    notes: tuple[str, ...] = ()
    estimate: Estimate | None = None

    def __str__(self) -> str:
        if self.estimate is not None:
            return f"{self.output}: {self.estimate}"
        before = f", {self.finished_before:,} were finished before" if self.finished_before else ""
        speed = f", {self.audio / self.seconds:.0f} x real time" if self.seconds else ""
        failed = f"; {self.failed:,} failed: see their rows" if self.failed else ""
        return (
            f"{self.output}: {self.done:,} items, {self.audio / 3600:.2f} h of audio in "
            f"{clock(self.seconds)}{speed}{before}{failed}. {self.manifest}"
        )
