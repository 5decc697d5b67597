"""One run over a corpus: find items, choose what is not finished, invert it, keep account of it."""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from ..errors import DeviceError, SpecInvError, warn
from ..io import WriteError
from ..transform.geometry import ConventionWarning
from .attempts import Attempts
from .batches import Plan, make_plan
from .estimate import estimate
from .finished import Earlier
from .job import Job
from .journal import Journal, open_journal
from .manifest import MANIFEST, write_manifest
from .output import Output
from .progress import Progress
from .result import CorpusResult
from .rows import DONE, FAILED, alike
from .sources.find import Search, find_items
from .threads import one_thread
from .worker import Finished, Worker

#: What carries out the batches.
ENGINES = ("auto", "loop", "ray")
#: Items beyond which Ray is started without being asked for, where it is installed.
_MANY = 200
#: Warnings that are told.
_NOTES = 20


@dataclass
class Run:
    """One run over a corpus."""

    job: Job
    engine: str
    workers: int | None
    batch: int
    shard: tuple[int, int]
    limit: int | None
    recompute: bool
    retry: bool
    stop_after: int
    verbose: bool
    notes: dict[str, None] = field(default_factory=dict[str, None])

    def carry_out(self, inputs: Any, search: Search, output: Output) -> CorpusResult:
        """Invert what is not finished."""
        output.prepare()
        journal = open_journal(output.files, output.folder, self.shard)
        with contextlib.closing(journal):
            earlier = output.begin(self.job, journal, recompute=self.recompute, retry=self.retry)
            plan = self.plan(inputs, search, earlier)
            with contextlib.closing(plan):
                try:
                    progress = self._invert(plan, search, output, journal)
                except (KeyboardInterrupt, SpecInvError):
                    # as far as it goes; the next run writes it as well
                    with contextlib.suppress(SpecInvError, OSError):
                        write_manifest(output.files, output.folder, self.job.settings)
                    raise
            if self.shard == (1, 1):
                Attempts(output.files, output.folder).forget()
        write_manifest(output.files, output.folder, self.job.settings)
        for note in self.notes:
            warn(note, ConventionWarning)
        counts = progress.counts
        return CorpusResult(
            output.folder, f"{output.folder}/{MANIFEST}", counts[DONE], counts[FAILED],
            plan.finished, progress.audio, progress.seconds, progress.first, tuple(self.notes),
        )  # fmt: skip

    def estimate(self, inputs: Any, search: Search, output: Output) -> CorpusResult:
        """Say what a run would take; nothing is written."""
        plan = self.plan(inputs, search, output.earlier(self.job, retry=self.retry))
        with contextlib.closing(plan):
            cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
            workers = self.workers or (cpus if self._wants_ray(plan) else 1)
            found = estimate(plan, self.job, search.systems, workers)
        return CorpusResult(
            output.folder, f"{output.folder}/{MANIFEST}", 0, 0, plan.finished, 0.0, 0.0,
            estimate=found,
        )  # fmt: skip

    def plan(self, inputs: Any, search: Search, earlier: Earlier) -> Plan:
        """Find the items and put those that are not finished into batches."""
        return make_plan(
            find_items(inputs, search), earlier, size=self.batch, part=self.shard, limit=self.limit
        )

    def _invert(self, plan: Plan, search: Search, output: Output, journal: Journal) -> Progress:
        """Invert batches; whatever ends the run, what is finished is written down."""
        progress = Progress(plan.items, visible=self.verbose)
        alarm = Alarm(self.stop_after)
        try:
            with contextlib.closing(self._finished(plan, search, output, journal.tag)) as batches:
                for finished in batches:
                    journal.add(finished.rows)
                    progress.add(finished.rows)
                    if len(self.notes) < _NOTES:
                        self.notes.update(dict.fromkeys(finished.notes))
                    alarm.hear(finished)
        except (KeyboardInterrupt, WriteError, DeviceError) as error:
            error.add_note(f"{progress.items:,} items are finished: run the same again to go on.")
            raise
        finally:
            progress.end()
        return progress

    def _finished(
        self, plan: Plan, search: Search, output: Output, tag: str
    ) -> Generator[Finished]:
        """Yield what becomes of each batch, in any order."""
        args = (self.job, output.files, output.folder, tag, search.systems)
        if not plan.items:
            return
        if self._wants_ray(plan):
            from .ray_data import finished_on_ray

            yield from finished_on_ray(plan, args, self.job, self.workers)
            return
        with one_thread():
            worker = Worker(*args)
            for items in plan:
                yield worker(items)

    def _wants_ray(self, plan: Plan) -> bool:
        installed = importlib.util.find_spec("ray") is not None
        if self.engine == "ray" and not installed:
            raise SpecInvError("engine='ray' needs: python -m pip install 'torch_specinv[ray]'")
        many = plan.items > _MANY or "RAY_ADDRESS" in os.environ
        return self.engine == "ray" or (self.engine == "auto" and installed and many)


class Alarm:
    """Ends a run in which everything fails alike: most likely the recipe is wrong."""

    def __init__(self, most: int) -> None:
        self._most, self._count, self._over = most, 0, False
        self._error: str | None = None

    def hear(self, finished: Finished) -> None:
        """Count failures until one item is different."""
        for row in finished.rows:
            if self._over:
                return
            told = alike(row.get("error", "")) if row["status"] == FAILED else None
            self._over = told is None or (self._error is not None and told != self._error)
            self._error, self._count = told, self._count + 1
            if not self._over and self._count >= self._most:
                raise SpecInvError(
                    f"the first {self._count} items all failed alike, and the run was ended: "
                    f"{row['error']} Is the recipe right? stop_after= (--stop-after) goes on."
                )
