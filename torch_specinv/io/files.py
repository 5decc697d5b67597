"""What all files have in common: they exist, or they are written all of it or nothing."""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection, Generator
from contextlib import contextmanager
from pathlib import Path

from ..errors import SpecInvError


def existing(path: str | Path) -> Path:
    """Return the path of a file that is there."""
    path = Path(path)
    if not path.is_file():
        raise SpecInvError(f"{path} does not exist or is not a file.")
    return path


def free(path: str | Path, suffixes: Collection[str], *, force: bool) -> Path:
    """Return the path of a file that can be written, or raise before any work is done."""
    path = Path(path)
    if path.suffix.lower() not in suffixes:
        raise SpecInvError(f"{path}: can write {', '.join(suffixes)} only.")
    if not path.parent.is_dir():
        raise SpecInvError(f"{path}: the folder {path.parent} does not exist.")
    if path.exists() and not force:
        raise SpecInvError(
            f"{path} exists already: choose another name or overwrite with force=True (--force)."
        )
    return path


@contextmanager
def atomic(path: Path, *, force: bool) -> Generator[Path]:
    """Yield a temporary name beside `path` that becomes `path` if all goes well."""
    temporary = path.with_name(f".{path.stem}-{secrets.token_hex(4)}{path.suffix}")
    try:
        yield temporary
        if force:
            temporary.replace(path)
        else:
            try:
                # taking the name first makes sure that nothing is overwritten
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            except FileExistsError as error:
                raise SpecInvError(f"{path} was made by somebody else meanwhile.") from error
            temporary.replace(path)
    except OSError as error:
        raise SpecInvError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)
