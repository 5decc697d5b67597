"""The output of a corpus: whose it is, with which settings it was begun, and what is left over."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

from ..errors import SpecInvError
from ..io import make_folder
from ..transform.fingerprint import differing
from ..version import __version__
from .filing import Files, LocalFiles
from .finished import Earlier
from .job import Job
from .journal import OWN, SETTINGS, Journal, all_rows
from .manifest import MANIFEST, check_format
from .rows import DONE, FORMAT
from .sinks import shard_pattern


@dataclass(frozen=True)
class Output:
    """A folder for waveforms, on any file system."""

    files: Files
    folder: str

    def prepare(self) -> None:
        """Make the folder; refuse one that holds something else.

        Raises
        ------
        SpecInvError
            If there are files in it that no corpus has made.
        """
        if self.files.find(self.folder) is not None:
            raise SpecInvError(f"output={self.folder!r} is a file: expected a folder.")
        if self.files.find(f"{self.folder}/{SETTINGS}") is not None:
            return
        if self.files.is_folder(self.folder):
            there = next(
                (f for f in self.files.walk(self.folder) if f"/{OWN}/" not in f.path), None
            )
            if there is not None:
                raise SpecInvError(
                    f"output={self.folder!r} holds files already, such as {there.path}, and none "
                    "of a corpus: choose a folder that is empty or new."
                )
        elif isinstance(self.files, LocalFiles):
            from pathlib import Path

            make_folder(Path(self.folder))

    def begin(self, job: Job, journal: Journal, *, recompute: bool, retry: bool) -> Earlier:
        """Return what is finished, with these settings; what is left over is removed.

        Raises
        ------
        SpecInvError
            If something was made with other settings, and is not to be made again.
        """
        path = f"{self.folder}/{SETTINGS}"
        before = read_settings(self.files, self.folder)
        if recompute:
            journal.forget()
            if journal.part == (1, 1):
                self._forget_others(journal)
        elif before is not None and before["digest"] != job.digest:
            made = Earlier(all_rows(self.files, self.folder), before["digest"], retry=False)
            if made.done:
                names = ", ".join(differing(before["settings"], job.settings))
                raise SpecInvError(
                    f"{self.folder} holds {made.done} items that were made with other settings "
                    f"({names} differ): take the same ones, another output, or recompute=True "
                    "(--recompute)."
                )
        about = {
            "format": FORMAT, "version": __version__, "digest": job.digest,
            "settings": job.settings, "references": job.references,
        }  # fmt: skip
        if about != before:
            self.files.write(path, json.dumps(about, indent=1).encode())
        self._remove_orphans(job, journal)
        return self.earlier(job, retry=retry)

    def earlier(self, job: Job, *, retry: bool) -> Earlier:
        """Return what is finished, with these settings; nothing is changed."""
        return Earlier(all_rows(self.files, self.folder), job.digest, retry=retry)

    def _forget_others(self, journal: Journal) -> None:
        """Delete the journals of runs that are over."""
        for found in list(self.files.walk(f"{self.folder}/{OWN}")):
            if "/rows-" in found.path and not found.path.startswith(journal.own):
                self.files.remove(found.path)

    def _remove_orphans(self, job: Job, journal: Journal) -> None:
        """Delete shards of runs like this one that were killed before they were written down.

        A file of a single item is written again in its place.
        """
        if job.format not in ("tar", "parquet") or not self.files.is_folder(self.folder):
            return
        tag = "" if journal.part == (1, 1) else journal.tag
        begin, end = shard_pattern(tag, job.format)
        begin = begin.replace("--", "-")
        known = {
            row.get("output") for row in all_rows(self.files, self.folder) if row["status"] == DONE
        }
        for found in list(self.files.walk(self.folder)):
            name = os.path.basename(found.path)  # noqa: PTH119
            ours = name.startswith(begin) and name.endswith(end) and name != MANIFEST
            if ours and name not in known:
                self.files.remove(found.path)


def read_settings(files: Files, folder: str) -> dict[str, Any] | None:
    """Return the settings with which a corpus was begun, if it was."""
    path = f"{folder}/{SETTINGS}"
    if files.find(path) is None:
        return None
    try:
        about = json.loads(files.read(path))
    except ValueError as error:
        raise SpecInvError(f"{path} is damaged: {error}") from error
    check_format(about, path)
    return about
