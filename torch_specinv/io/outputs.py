"""Files that are written: checked before any work, then there whole or not at all.

While ``NAME`` is written it is called ``NAME.writing``. That is the only temporary name, so a run
that was killed leaves at most this file, and the next one finds and removes it. A run locks the
file as long as it writes.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO

from ..errors import SpecInvError
from .files import NOT_FILES, WriteError, read_path
from .locks import fcntl, names, open_locked

# What a file system says that has no second names for a file
_NO_LINKS = (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EMLINK)
# What is wrong with a path, and not with the machine
_REFUSED = (
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ENOENT, errno.ENOTDIR,
    errno.EEXIST,
)  # fmt: skip
_LONGEST_NAME = 255


def beside(path: Path, ending: str) -> Path:
    """Return the name of a file that belongs to another one.

    It is the other name with an ending, or the digest of a name that has no room for one.
    """
    name = f"{path.name}{ending}"
    if len(os.fsencode(name)) > _LONGEST_NAME:
        name = sha256(os.fsencode(path.name)).hexdigest()[:32] + ending
    return path.with_name(name)


def check_paths(paths: Sequence[str | Path], *suffixes: Collection[str], force: bool) -> list[Path]:
    """Return paths that can be written later, or raise before any work is done.

    What a run that was killed left of them is removed, so they are all of one call. `suffixes`
    are those that each path may have, or one collection for all.
    """
    files = [read_path(path) for path in paths]
    each = suffixes * len(files) if len(suffixes) == 1 else suffixes
    for path, allowed in zip(files, each, strict=True):
        _check_name(path, allowed)
    _remove_leftovers(files)
    for path in files:
        if _target(path).exists() and not force:
            raise SpecInvError(
                f"{path} exists already: choose another name or overwrite with force=True "
                "(--force)."
            )
        _try_to_write(path)
    return files


def _check_name(path: Path, suffixes: Collection[str]) -> None:
    """Raise for what is not the name of a file that could be written."""
    if path.suffix.lower() not in suffixes:
        raise SpecInvError(f"{path}: can write {', '.join(suffixes)} only.")
    size = len(os.fsencode(path.name))
    if size > _LONGEST_NAME:
        raise SpecInvError(f"{path}: a name of {size} bytes, more than {_LONGEST_NAME}.")
    try:
        target = _target(path)
        mode = target.stat().st_mode if target.exists() else stat.S_IFREG
        if not stat.S_ISREG(mode):
            raise SpecInvError(f"{path} is {NOT_FILES.get(stat.S_IFMT(mode), 'not a file')}.")
        if not target.parent.is_dir():
            raise SpecInvError(f"{path}: the folder {target.parent} does not exist.")
    except OSError as error:
        raise SpecInvError(f"{path} cannot be written: {error.strerror or error}.") from error


def _target(path: Path) -> Path:
    """Return the file that a path stands for, which may be a link to it."""
    try:
        path.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise SpecInvError(f"{path} is a symbolic link that leads back to itself.") from error
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def _try_to_write(path: Path) -> None:
    """Make the temporary file and remove it again: what keeps that from working is known early."""
    try:
        with _claimed(path):
            pass
    except OSError as error:
        if error.errno not in _REFUSED:
            raise WriteError(f"{path} cannot be written: {error.strerror or error}.") from error
        hint = {
            errno.EACCES: f" You lack the permission to write in {path.parent}.",
            errno.EROFS: f" {path.parent} is on a disk that is read only.",
        }.get(error.errno, "")
        raise SpecInvError(f"{path} cannot be written: {error.strerror or error}.{hint}") from error


@contextmanager
def _claimed(path: Path) -> Generator[tuple[Path, IO[bytes]]]:
    """Yield the temporary file of an output, empty and locked; it is removed in the end."""
    temporary = beside(_target(path), ".writing")
    file = open_locked(temporary)
    if file is None:
        raise WriteError(f"{path} is being written by another run.")
    with file:
        try:
            file.truncate(0)
            if fcntl is None:  # Windows neither renames nor removes what is open
                file.close()
            yield temporary, file
        finally:
            _remove(temporary, file)


def _remove(temporary: Path, file: IO[bytes]) -> None:
    """Remove a temporary file unless the name is another run's by now; no error hides another."""
    with contextlib.suppress(OSError):
        if names(temporary, file):
            temporary.unlink()


def _remove_leftovers(paths: Sequence[Path]) -> None:
    """Remove what a run that was killed left of the files of one call.

    Where some of the files have their names and others not, those are taken away again: they are
    known by being the temporary file as well. Where all have them, the run was complete.
    """
    complete = all(_target(path).exists() for path in paths)
    for path in paths:
        target = _target(path)
        temporary = beside(target, ".writing")
        with contextlib.suppress(OSError):
            if temporary.is_file() and (file := open_locked(temporary)):
                with file:
                    if not complete and names(target, file):
                        target.unlink()
                    _remove(temporary, file)


@contextmanager
def explained(path: Path) -> Generator[None]:
    """Say which file cannot be written, where the system only says why."""
    try:
        yield
    except OSError as error:
        raise WriteError(f"{path} cannot be written: {error.strerror or error}.") from error


def make_folder(folder: Path) -> None:
    """Make a folder, and those around it, unless it is there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except ValueError as error:  # a null byte
        raise SpecInvError(f"{str(folder)!r} is not the name of a folder: {error}.") from error
    except OSError as error:
        kind = SpecInvError if error.errno in _REFUSED else WriteError
        raise kind(f"{folder} cannot be made: {error.strerror or error}.") from error


@contextmanager
def atomic(path: Path, *, force: bool) -> Generator[Path]:
    """Yield a temporary name beside `path` that becomes `path` if all goes well."""
    with all_or_none([path], force=force) as (temporary,), explained(path):
        yield temporary


@contextmanager
def all_or_none(paths: Sequence[Path], *, force: bool) -> Generator[list[Path]]:
    """Yield temporary names that become `paths` if all goes well, or else none of them does."""
    with ExitStack() as stack:
        claims: list[tuple[Path, Path, IO[bytes]]] = []
        for path in paths:
            with explained(path):
                claims.append((path, *stack.enter_context(_claimed(path))))
        yield [temporary for _, temporary, _ in claims]
        for path, temporary, file in claims:
            with explained(path):
                if not file.closed:
                    os.fsync(file.fileno())
            if not names(temporary, file):
                raise WriteError(f"{temporary} was removed or replaced by another program.")
        _take([(path, temporary) for path, temporary, _ in claims], force=force)


def _take(pairs: Sequence[tuple[Path, Path]], *, force: bool) -> None:
    """Give temporary files their names; the temporary ones stay until all have got theirs."""
    taken: list[Path] = []
    try:
        for path, temporary in pairs:
            with explained(path):
                _give_name(temporary, path, force=force)
            taken.append(path)
    except BaseException:
        if not force:
            for path in taken:
                with contextlib.suppress(OSError):
                    _target(path).unlink()
        raise


def _give_name(temporary: Path, path: Path, *, force: bool) -> None:
    target = _target(path)
    if force:
        temporary.replace(target)
        return
    try:
        try:
            # never overwrites, and takes the name with all of the content
            os.link(temporary, target)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            if os.path.lexists(target):
                raise FileExistsError from error
            temporary.rename(target)
    except FileExistsError as error:
        raise WriteError(f"{path} was made by another process meanwhile.") from error


def write_texts(texts: Mapping[Path, str], *, force: bool = False) -> None:
    """Write text files in UTF-8: all of them or nothing."""
    with all_or_none([*texts], force=force) as temporaries:
        for temporary, (path, text) in zip(temporaries, texts.items(), strict=True):
            with explained(path):
                temporary.write_text(text, encoding="utf-8")
