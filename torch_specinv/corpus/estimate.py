"""What a corpus would take: a few of its items are inverted, and nothing is written."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from .batches import Plan
from .filing import Files
from .item import Item
from .job import Job
from .progress import clock
from .reading import ItemReader
from .solving import solve
from .threads import one_thread

#: Items that are tried, and one before them for what is made once.
_TRIED = 8
#: Bytes of a sample in what is written; flac and ogg take less.
_BYTES = {"wav": 4, "tar": 4, "parquet": 4, "flac": 2, "ogg": 0.3}


@dataclass(frozen=True)
class Estimate:
    """An estimate of the time and the space that a run takes.

    Attributes
    ----------
    items, finished_before : int
        Items that would be inverted, and those that are finished.
    bytes_in, bytes_out : int
        What would be read and written.
    audio : float
        Seconds of audio.
    seconds : float
        How long it would take in one process, on one thread.
    workers : int
        How many there would be.
    tried, failed : int
        Items that were tried, and those of them that failed.
    error : str
        The last error.
    """

    items: int
    finished_before: int
    bytes_in: int
    bytes_out: int
    audio: float
    seconds: float
    workers: int
    tried: int
    failed: int
    error: str = ""

    def __str__(self) -> str:
        before = f" ({self.finished_before:,} are finished)" if self.finished_before else ""
        if self.failed == self.tried and self.tried:
            return f"{self.items:,} items{before}; all of {self.tried} failed: {self.error}"
        failed = f"; {self.failed} of {self.tried} failed: {self.error}" if self.failed else ""
        took = clock(self.seconds / self.workers)
        return (
            f"{self.items:,} items{before}, {self.bytes_in / 1e9:.2f} GB to read, about "
            f"{self.audio / 3600:.2f} h of audio, {self.bytes_out / 1e9:.2f} GB to write, {took} "
            f"on {self.workers} CPUs or GPUs{failed} (not written: a dry run)"
        )


def estimate(plan: Plan, job: Job, systems: Sequence[Files], workers: int) -> Estimate:
    """Invert a few items of a plan, spread over it, and extrapolate by their sizes."""
    reader, some = ItemReader(job, systems), _spread(plan)
    seconds = audio = size = written = 0.0
    failed, error = 0, ""
    with one_thread():
        for number, item in enumerate([*some[:1], *some]):
            began = time.perf_counter()
            try:
                outcome = next(solve([reader.read(item)], job, set()))
                if outcome.error is not None or outcome.wave is None:
                    raise outcome.error or ValueError("nothing came of it")
            except Exception as problem:  # as in a run
                failed, error = failed + (number > 0), " ".join(str(problem).split())
                continue
            if number == 0:
                continue
            seconds += time.perf_counter() - began
            audio += outcome.wave.shape[-1] / outcome.given.sr
            written += outcome.wave.numel() * _BYTES[job.format]
            size += max(item.size, 1)
    share = plan.bytes / size if size else 0.0
    return Estimate(
        plan.items, plan.finished, plan.bytes, round(written * share), audio * share,
        seconds * share, workers, len(some), failed, error,
    )  # fmt: skip


def _spread(plan: Plan) -> list[Item]:
    """Return a few items from all over a plan."""
    step = max(1, plan.batches // _TRIED)
    batches = islice(plan, 0, None, step)
    some = [batch[len(batch) // 2] for batch in batches][:_TRIED]
    if plan.batches >= _TRIED:
        return some
    return [item for batch in plan for item in batch[:: max(1, plan.items // _TRIED)]][:_TRIED]
