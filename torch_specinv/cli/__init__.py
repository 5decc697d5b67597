"""The command line, ``specinv``: demo, doctor, invert, invert-long, compare and info.

Exit codes: 0 done, 1 an error told in one line, 2 wrong usage.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from typing import Any

from ..errors import SpecInvError
from .commands import COMMANDS
from .parser import make_parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    try:
        parser = make_parser()
    except ImportError as error:
        return _fail(f"{error}. The command line needs: python -m pip install 'torch_specinv[cli]'")
    settings: Any = parser.parse_args(arguments)
    command = settings.subcommand
    if command is None:
        parser.print_help()
        return 2
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            COMMANDS[command](settings[command])
        except (SpecInvError, OSError) as error:
            return _fail(str(error))
        except KeyboardInterrupt as error:
            kept = getattr(error, "__notes__", ["nothing was written."])
            return _fail(f"interrupted; {' '.join(kept)}")
    return 0


def _show_warning(message: Warning | str, *_args: Any, **_kwargs: Any) -> None:
    _say(f"warning: {message}")


def _say(text: str) -> None:
    print(f"specinv: {text}", file=sys.stderr)


def _fail(text: str) -> int:
    _say(f"error: {' '.join(text.split())}")
    return 1
