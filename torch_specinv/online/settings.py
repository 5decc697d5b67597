"""How the settings of a stream are read: the rule, the look-ahead, the STFT."""

from __future__ import annotations

import os
from typing import Any, cast

from ..constraints.read import MakeConstraint
from ..errors import SpecInvError, check_choice, check_count, check_keywords
from ..mel import Preset
from ..solve.algorithm import ALGORITHMS, Algorithm, PointwiseAlgorithm, make_algorithm
from ..solve.backend import VARIABLE
from ..transform.geometry import STFT_KEYWORDS, Geometry, STFTKeywords


def read_rule(
    algorithm: str | Algorithm, keywords: dict[str, Any], argument: str = "algorithm"
) -> PointwiseAlgorithm:
    """Return the pointwise rule that a user asks for; its numbers are taken out of `keywords`."""
    if not isinstance(algorithm, Algorithm):
        ALGORITHMS.named(algorithm, argument)
    rule = make_algorithm(algorithm, keywords)
    names = [
        name
        for name, kind in ALGORITHMS.items()
        if issubclass(kind, PointwiseAlgorithm) and not kind.planned
    ]
    label = repr(algorithm) if isinstance(algorithm, str) else type(rule).__name__
    if not isinstance(rule, PointwiseAlgorithm):
        raise SpecInvError(
            f"{argument}={label} is no pointwise rule, so frames can't go through it as they "
            f"arrive. Choose from: {', '.join(names)}."
        )
    if rule.interlaced_groups() > 1:
        raise SpecInvError(
            f"{argument}={label} lets every second frame wait for the others, which frames that "
            f"arrive one by one can't do. Choose from: {', '.join(names)}."
        )
    return rule


def read_look_ahead(look_ahead: int, geometry: Geometry) -> int:
    """Return the look-ahead in frames, with -1 resolved."""
    look_ahead = check_count("look_ahead", look_ahead, least=-1)
    if look_ahead == -1:
        return (geometry.win_length - 1) // geometry.hop_length
    return look_ahead


def read_keywords(
    keywords: dict[str, Any],
    recipe: Preset | None,
    name: str | Preset | None,
    constraint: MakeConstraint | None,
) -> STFTKeywords:
    """Return the keywords of the STFT, given or of a recipe."""
    if recipe is None:
        check_keywords(keywords, STFT_KEYWORDS)
        return cast(STFTKeywords, keywords)
    given = ["constraint"] * (constraint is not None) + list(keywords)
    if given:
        raise SpecInvError(
            f"{', '.join(given)} and preset are both given, but preset already fixes them: pass "
            f"preset=torch_specinv.mel.preset({name if isinstance(name, str) else '...'!r}, ...) "
            "to change what it says."
        )
    if recipe.n_fft is None or recipe.rows is None:
        raise SpecInvError(
            f"preset={name!r} leaves open n_fft or the number of bands: pass preset="
            "torch_specinv.mel.preset(..., n_fft=..., n_mels=...) to say it."
        )
    return recipe.stft_keywords()


def read_online_backend(backend: str) -> str:
    """Return "auto", "native" or "torch"."""
    check_choice("backend", backend, ["auto", "native", "torch"])
    meaning = os.environ.get(VARIABLE) if backend == "auto" else None
    # engines for whole spectrograms, some of which streams have not
    return backend if not meaning else "auto" if meaning in ("auto", "native") else "torch"
