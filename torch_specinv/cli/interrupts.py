"""Ctrl-C ends a run once, wherever it comes."""

from __future__ import annotations

import signal
import sys
import threading
from _thread import interrupt_main
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

# Seconds after which an interrupt that could not be raised comes again
_AGAIN = 0.01


@contextmanager
def one_interrupt() -> Generator[None]:
    """Raise KeyboardInterrupt for the first Ctrl-C, and let later ones not disturb the clean-up.

    In a finaliser, or a callback of a C library, Python can't raise it: then it comes again.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked, over, timers = False, False, list[threading.Timer]()

    def interrupt(*_: Any) -> None:
        nonlocal asked
        if not (asked or over):
            asked = True
            raise KeyboardInterrupt

    def again() -> None:
        nonlocal asked
        asked = False
        main = threading.main_thread().ident
        if main is not None and hasattr(signal, "pthread_kill"):
            signal.pthread_kill(main, signal.SIGINT)  # which ends waiting for the system, too
        else:
            interrupt_main()

    def not_raised(what: Any) -> None:
        if issubclass(what.exc_type, KeyboardInterrupt):
            timers.append(threading.Timer(_AGAIN, again))
            timers[-1].start()
        else:
            hook(what)

    before, hook = signal.getsignal(signal.SIGINT), sys.unraisablehook
    if before is signal.SIG_IGN:  # as nohup and shells' background jobs have it
        yield
        return
    signal.signal(signal.SIGINT, interrupt)
    sys.unraisablehook = not_raised
    try:
        yield
    finally:
        over = True  # whoever calls next is not meant
        for timer in timers:
            timer.cancel()
            timer.join()
        sys.unraisablehook = hook
        signal.signal(signal.SIGINT, before if before is not None else signal.SIG_DFL)
