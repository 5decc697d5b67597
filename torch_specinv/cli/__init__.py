"""The command line, ``specinv``; the commands are listed in :data:`.parser.COMMANDS`.

Exit codes: 0 done, 1 the work failed or was interrupted, 2 what was passed is wrong; each error is
told in one line.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from typing import Any

from ..errors import SpecInvError
from ..io import WriteError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    try:
        from .parser import make_parser, module_of

        parser = make_parser()
    except ImportError as error:
        return _fail(f"{error}. The command line needs: python -m pip install 'torch_specinv[cli]'")
    given = sys.argv[1:] if arguments is None else arguments
    settings: Any = parser.parse_args(parser.spell(given))
    command = settings.subcommand
    if command is None:
        parser.print_help()
        return 2
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            module_of(command).run(settings[command])
        except (WriteError, OSError) as error:
            return _fail(str(error))
        except SpecInvError as error:
            return _fail(str(error), 2)
        except KeyboardInterrupt as error:
            kept = getattr(error, "__notes__", ["nothing was written."])
            return _fail(f"interrupted; {' '.join(kept)}")
    return 0


def _show_warning(message: Warning | str, *_args: Any, **_kwargs: Any) -> None:
    _say(f"warning: {message}")


def _say(text: str) -> None:
    print(f"specinv: {text}", file=sys.stderr)


def _fail(text: str, code: int = 1) -> int:
    _say(f"error: {' '.join(text.split())}")
    return code
