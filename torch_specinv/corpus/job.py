"""What is done to every item: the settings of a corpus, which travel to other processes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from ..forks import cached_property
from ..inversion.settings import DEFAULTS
from ..mel import Preset, preset
from ..methods.mel_to_audio import MAX_ITER
from ..solve.algorithm import Algorithm, make_algorithm
from ..transform.fingerprint import as_json
from ..version import __version__
from .telling import told

#: Starts that draw no random numbers, so that items with one can be inverted together.
_SURE = ("pghi", "locked", "learned", "spsi", "zero")


@dataclass(frozen=True, eq=False)
class Job:
    """The settings. All of it can be pickled, if what the user passed can."""

    algorithm: str | Algorithm
    recipe: Preset
    """How arrays were made, unless an item says otherwise."""
    stft: Mapping[str, Any]
    """The keywords of the STFT of audio."""
    keywords: Mapping[str, Any]
    """Common keywords and hyperparameters."""
    sr: int | None = None
    array: str | None = None
    """Which array of a file that holds several, or which column."""
    transpose: bool = False
    channels: bool = False
    image: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """How pictures were drawn."""
    format: str = "wav"
    peak: str = "keep"
    seed: int = 0
    device: str = "cpu"
    references: str | None = None
    """The folder of originals, to measure against."""
    speech: bool = False

    def recipe_of(self, about: Mapping[str, Any]) -> Preset:
        """Return the recipe of an item, of which a list may say more."""
        changes = {
            name: value
            for name, value in about.items()
            if name not in ("preset", "length", "array", "sr", "json")
        }
        named = about.get("preset")
        if named is None and not changes:
            return self.recipe
        found = self.recipe if named is None else preset(str(named))
        return preset(found, **changes)

    def max_iter(self, recipe: Preset | None) -> int:
        """Return how many iterations are made where the user says nothing."""
        if "max_iter" in self.keywords:
            return self.keywords["max_iter"]
        return MAX_ITER if recipe is not None and recipe.is_mel else DEFAULTS["max_iter"]

    @property
    def own_rule(self) -> bool:
        """Whether the user says what is known of spectra, which a recipe would say as well."""
        return any(self.keywords.get(name) is not None for name in ("constraint", "mel"))

    @property
    def padded(self) -> int:
        """To a multiple of how many frames items are padded; 0 where they are not.

        On a CPU a batch is hardly quicker than its items, so that only those of one shape are
        computed together, each as in :func:`torch_specinv.invert`.
        """
        return 0 if self.device.startswith("cpu") else 64

    @cached_property
    def together(self) -> bool:
        """Whether items can be inverted in one batch without a trace of each other."""
        given = self.keywords
        if self.own_rule:
            return False
        start = given.get("init")
        if start is None:
            names = {field.name for field in dataclasses.fields(self._made)}
            own = {name: value for name, value in given.items() if name in names}
            start = make_algorithm(self.algorithm, own).default_start
        return start in _SURE

    @property
    def _made(self) -> Any:
        return make_algorithm(self.algorithm, {})

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The settings on which results depend, as JSON can hold them."""
        left_out = ("references", "speech")
        fields = {
            field.name: told(getattr(self, field.name))
            for field in dataclasses.fields(self)
            if field.name not in left_out
        }
        return {**_flat(fields), "version": __version__}

    @cached_property
    def digest(self) -> str:
        """Tells whether two runs have the same settings."""
        return sha256(as_json(self.settings).encode()).hexdigest()[:16]


def _flat(fields: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Return nested settings with names such as "recipe.values.power"."""
    found: dict[str, Any] = {}
    for name, value in fields.items():
        inner = _flat(value, f"{before}{name}.") if isinstance(value, dict) else None
        found.update(inner if inner else {before + name: value})
    return found
