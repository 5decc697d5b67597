"""What the keyword `backend` means where the user leaves it to the package."""

from __future__ import annotations

import os
from collections.abc import Iterable

from ..errors import check_choice

#: The environment variable that says what ``backend="auto"`` means.
VARIABLE = "TORCH_SPECINV_BACKEND"


def read_backend(backend: str, known: Iterable[str]) -> tuple[str, str]:
    """Return the backend, one of those known or "auto", and how it was asked for.

    Raises
    ------
    SpecInvError
        If the name is unknown.
    """
    names = ["auto", *known]
    check_choice("backend", backend, names)
    meaning = os.environ.get(VARIABLE)
    if backend != "auto" or not meaning:
        return backend, f"backend={backend!r}"
    check_choice(VARIABLE, meaning, names)
    return meaning, f"{VARIABLE}={meaning}"
