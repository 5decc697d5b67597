"""A claim: an object that says that a run is alive, where there are no locks."""

from __future__ import annotations

import contextlib
import json
import threading
import time

from .filing import Files

#: For how long a run elsewhere is believed to be alive that has said nothing, in seconds.
_ALIVE = 120
#: Seconds after which a run says it again.
_PERIOD = 10


def is_claimed(files: Files, path: str) -> bool:
    """Whether a run is alive; one that ends meanwhile is not."""
    try:
        said = float(json.loads(files.read(path))["time"])
    except (ValueError, KeyError, TypeError, OSError):
        return False
    return time.time() - said < _ALIVE


class Claim:
    """Says that a run is alive, from a thread of its own: a batch may take longer than a while.

    Parameters
    ----------
    files : Files
        Where the object is.
    path : str
        Its name.
    run : str
        What no other run is called.

    Raises
    ------
    WriteError
        If the object can't be written.
    """

    def __init__(self, files: Files, path: str, run: str) -> None:
        self._files, self._path, self._run = files, path, run
        self._over = threading.Event()
        self._say()
        self._thread = threading.Thread(target=self._repeat, name="claim", daemon=True)
        self._thread.start()

    def _say(self) -> None:
        # always as many bytes: who reads asks for the size first, and it may be written in between
        told = json.dumps({"run": self._run, "time": f"{time.time():.6f}"})
        self._files.write(self._path, told.encode())

    def _repeat(self) -> None:
        while not self._over.wait(_PERIOD):
            # what can't be reached now may be again the next time
            with contextlib.suppress(Exception):
                if self._is_ours():
                    self._say()

    def _is_ours(self) -> bool:
        """Whether no other run has taken this one for dead since."""
        if self._files.find(self._path) is None:
            return True
        try:
            return json.loads(self._files.read(self._path))["run"] == self._run
        except (ValueError, KeyError, TypeError, FileNotFoundError):
            return True

    def close(self) -> None:
        """Say nothing more, and remove the object if it is still that of this run."""
        self._over.set()
        self._thread.join()
        if self._is_ours():
            self._files.remove(self._path)
