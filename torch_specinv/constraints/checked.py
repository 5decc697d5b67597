"""A constraint of a user's: what its methods return is checked, and their arguments stay."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

from torch import Tensor

from ..errors import SpecInvError, check_count, read_number
from ..plugins import calling, check_returned, class_of, guarded, name_of, private
from .base import Constraint

_C = TypeVar("_C", bound=Constraint)


class CheckedConstraint(Constraint):
    """Comes before a user's class, and looks at shapes, dtypes and devices of what it returns.

    That costs next to nothing. Values are looked at where iterations start from them; later ones
    that are not finite end an item with the status "not_finite".
    """

    def project(self, spectrum: Tensor) -> Tensor:
        """Return a spectrum of the same shape."""
        label, spectrum = self._label("project"), private(spectrum)
        with calling(label, spectrum, self.target):
            projected = super().project(spectrum)  # pyright: ignore[reportAbstractUsage]
        return check_returned(projected, label, spectrum.shape, self.target, complex_=True)

    def observe(self, spectrum: Tensor) -> Tensor:
        """Return an observation of the shape of the target."""
        label, spectrum = self._label("observe"), private(spectrum)
        with calling(label, spectrum, self.target):
            observed = super().observe(spectrum)
        return check_returned(observed, label, self.target.shape, self.target)

    def magnitude(self) -> Tensor:
        """Return a magnitude, finite and not negative."""
        label = self._label("magnitude")
        with calling(label, self.target):
            magnitude = super().magnitude()
        shape = (len(self.target), self.bins, self.target.shape[-1])
        magnitude = check_returned(magnitude, label, shape, self.target, finite=True)
        if bool((magnitude < 0).any()):
            raise SpecInvError(f"{label} returned negative values: a magnitude is never negative.")
        return magnitude

    def start(self, magnitude: Tensor, phase: Tensor) -> Tensor:
        """Return a spectrum of the same shape, finite."""
        label = self._label("start")
        with calling(label, magnitude, phase, self.target):
            start = super().start(magnitude, phase)
        shape = magnitude.shape
        return check_returned(start, label, shape, self.target, complex_=True, finite=True)

    def spread(self, factors: Tensor) -> Tensor | None:
        """Return factors for each bin, or None."""
        label = self._label("spread")
        with calling(label, factors, self.target):
            spread = super().spread(factors)
        if spread is None:
            return None
        shape = (len(self.target), self.bins, self.target.shape[-1])
        return check_returned(spread, label, shape, self.target)

    def error(self, observed: Tensor) -> Tensor:
        """Return a number for each item."""
        label = self._label("error")
        with calling(label, observed, self.target):
            error = super().error(observed)
        return check_returned(error, label, self.target.shape[:1], self.target)

    @property
    def energy(self) -> Tensor:
        """A number for each item."""
        label = self._label("energy")
        with calling(label, self.target):
            energy = super().energy
        return check_returned(energy, label, self.target.shape[:1], self.target)

    @property
    def bins(self) -> int:
        """A whole number."""
        with calling(self._label("bins")):
            return check_count(self._label("bins"), super().bins)

    def scaled(self, scale: Tensor) -> Any:
        """Return a constraint."""
        return self._part("scaled", scale, len(self.target))

    def select(self, items: Tensor | slice) -> Any:
        """Return a constraint for these items."""
        count = len(range(len(self.target))[items]) if isinstance(items, slice) else len(items)
        return self._part("select", items, count)

    def of_frames(self, frames: slice) -> Any:
        """Return a constraint for these frames."""
        return self._part("of_frames", frames, len(self.target))

    def _part(self, method: str, argument: Any, items: int) -> Any:
        """Call a method that returns a constraint for so many items."""
        label = self._label(method)
        with calling(label, argument, self.target):
            made = getattr(super(), method)(argument)
        if not isinstance(made, class_of(self, CheckedConstraint)) or len(made.target) != items:
            raise SpecInvError(
                f"{label} returned no {self._label()} for {items} items, but {type(made).__name__}."
            )
        return guarded(made, CheckedConstraint)

    def _label(self, method: str = "") -> str:
        return ".".join(filter(None, (type(self).__name__, method)))


def checked(made: _C, target: Tensor) -> _C:
    """Return a constraint whose methods are checked, if the class is a user's.

    `target` is what it was made of, (batch, rows, frames); its own target may have other rows.
    """
    label = f"{type(made).__name__}.target"
    own: Any = getattr(made, "target", None)
    shape = (len(target), *own.shape[1:2], target.shape[-1]) if isinstance(own, Tensor) else None
    check_returned(own, label, shape, target)
    names: Any = made.tensors
    if not isinstance(names, tuple) or not all(
        isinstance(name, str) and hasattr(made, name) for name in cast(Any, names)
    ):
        raise SpecInvError(
            f"{type(made).__name__}.tensors={names!r}: expected a tuple of names of fields."
        )
    degree: Any = made.degree
    if not 0 < read_number(degree) < math.inf:
        raise SpecInvError(
            f"{type(made).__name__}.degree={degree!r}: expected a positive finite number."
        )
    return guarded(made, CheckedConstraint)


def call_maker(make: Callable[[Tensor], Any], target: Tensor) -> Any:
    """Return what a user's function makes of a copy of a target."""
    with calling(f"constraint {name_of(make)}"):
        return make(target.clone())
