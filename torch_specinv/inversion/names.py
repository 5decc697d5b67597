"""Whose a keyword is, and what was probably meant by one that is nobody's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..errors import SpecInvError, check_keywords
from ..solve.algorithm import ALGORITHMS, Algorithm, hyperparameters
from ..transform.geometry import STFT_KEYWORDS
from .settings import DEFAULTS


def check_names(
    algorithm: str | Algorithm, keywords: dict[str, Any], others: Iterable[str] = DEFAULTS
) -> None:
    """Raise for a keyword that is neither the algorithm's, nor torch.stft's, nor of `others`."""
    known = {*STFT_KEYWORDS, *others}
    if isinstance(algorithm, str):
        known |= hyperparameters(ALGORITHMS.named(algorithm)).keys()
    for keyword in keywords.keys() - known:
        owners = [name for name, kind in ALGORITHMS.items() if keyword in hyperparameters(kind)]
        if owners:
            raise SpecInvError(
                f"{keyword!r} is a hyperparameter of {', '.join(owners)}, but the algorithm is "
                f"{algorithm!r}: choose another algorithm, or leave {keyword} out."
            )
    check_keywords(keywords, known)
