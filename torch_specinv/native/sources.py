"""What tells the sources of the compiled code from others; the build reads this file as well."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

#: Where the build notes the hash, for installations that come without the sources.
NOTE = "_lanes.sources"


def hash_of(folder: Path) -> str | None:
    """Return a hash of the sources in a folder, or None where there are none."""
    files = sorted((*folder.glob("*.cpp"), *folder.glob("*.h")), key=lambda file: file.name)
    told = sha256()
    for file in files:
        # line ends may be converted by a version control
        content = file.read_bytes().replace(b"\r\n", b"\n")
        told.update(f"{file.name} {len(content)}\n".encode() + content)
    return told.hexdigest()[:32] if files else None


def expected(folder: Path) -> str | None:
    """Return the hash that a library beside the sources must have; None where nothing tells."""
    note = folder / NOTE
    return hash_of(folder) or (note.read_text("ascii").strip() if note.exists() else None)
