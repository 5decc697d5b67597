"""The command line, ``specinv``; the commands are listed in :data:`.parser.COMMANDS`.

Exit codes: 0 done, 1 the work failed or was interrupted, 2 what was passed is wrong; each error is
told in one line.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from ..errors import DeviceError, SpecInvError
from ..io import WriteError
from .interrupts import one_interrupt

_PACKAGE = Path(__file__).parent.parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    if arguments is not None:
        return _end(arguments)
    with one_interrupt():
        return _end(sys.argv[1:])


def _end(arguments: Sequence[str]) -> int:
    """Run the command line; tell how it ended."""
    try:
        code = _run(arguments)
        _flush()
    except BrokenPipeError:  # whoever reads the output, such as head, has enough
        _mute(sys.stdout)
        return 1
    except (WriteError, DeviceError, OSError) as error:
        return _fail(str(error))
    except SpecInvError as error:
        return _fail(str(error), 2)
    except Warning as warning:  # where Python was told that they are errors
        return _fail(str(warning), 2)
    except KeyboardInterrupt as error:
        kept = getattr(error, "__notes__", ["nothing was written."])
        return _fail(f"interrupted; {' '.join(kept)}")
    except MemoryError:
        return _fail("there is not enough memory.")
    except Exception as error:
        return _fail(f"{type(error).__name__}: {error} ({_place(error)})")
    return code


def _run(arguments: Sequence[str]) -> int:
    """Read the arguments and run the command."""
    with contextlib.suppress(AttributeError):  # of what is no file
        cast(Any, sys.stdout).reconfigure(errors="replace")  # characters that it does not have
    try:
        from .parser import make_parser, module_of

        parser = make_parser()
    except ImportError as error:
        return _fail(f"{error}. The command line needs: python -m pip install 'torch_specinv[cli]'")
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            settings: Any = parser.parse_args(parser.spell(arguments))
        except Exception as error:  # whatever a file of settings makes of the parser
            raise SpecInvError(f"the arguments, or --config, cannot be read: {error}.") from error
        command = settings.subcommand
        if command is None:
            parser.print_help()
            return 2
        module_of(command).run(settings[command])
    return 0


def _place(error: BaseException) -> str:
    """Return the line of this package at which something went wrong that nobody thought of."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_relative_to(_PACKAGE) and path != Path(__file__):
            return f"unexpected, at {path.relative_to(_PACKAGE.parent)}:{frame.lineno}"
    return "unexpected"


def _show_warning(message: Warning | str, *_args: Any, **_kwargs: Any) -> None:
    _say(f"warning: {message}")


def _say(text: str) -> None:
    try:
        print(f"specinv: {text}", file=sys.stderr)
    except OSError:  # nobody reads it, or the disk that it goes to is full
        _mute(sys.stderr)


def _flush() -> None:
    """Write what was printed, while it can be told that this is not possible."""
    try:
        if cast(Any, sys.stdout) is not None:
            sys.stdout.flush()
    except OSError:
        _mute(sys.stdout)
        raise


def _mute(stream: Any) -> None:
    """Throw away what is still to be written, of which Python would complain at its end."""
    with contextlib.suppress(OSError, ValueError):  # a stream that is no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _fail(text: str, code: int = 1) -> int:
    _say(f"error: {' '.join(text.split())}")
    return code
