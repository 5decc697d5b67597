r"""The tables of a Fourier transform that leaves its bins in the order of reversed digits.

A stage of radix r divides a block of m points into r blocks of m / r:

.. math:: X[r k + j] = \sum_{i < m/r} e^{-2 \pi i \, i k r / m} \; e^{-2 \pi i \, i j / m}
    \sum_{l < r} x[i + l m / r] \, e^{-2 \pi i \, l j / r}

So the place of bin k follows from the digits of k in the number system of the radices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..transform.geometry import Geometry

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Tables:
    """The tables of a transform of n points."""

    radices: Array
    """The radix of each stage, shape (stages,), int64."""
    twiddles: Array
    """Cosine and sine for each stage and each i and j > 0 of the formula, flat, float32."""
    order: Array
    """Bin numbers in the order in which spectra are stored, shape (n // 2 + 1,), int32.

    First those between 0 and n / 2 as the transform leaves them, then 0 and, of an even n, n / 2.
    """
    places: Array
    """The places of bins k and n - k in a transform, for each bin k of `order`, flat, int32."""


def radices_of(n_fft: int) -> list[int] | None:
    """Factorise a length, or return None where it is 1 or has a prime factor above 13."""
    rest, found = n_fft, list[int]()
    for radix in (13, 11, 7, 5, 3, 4):
        while rest % radix == 0 and rest != 8:
            found.append(radix)
            rest //= radix
    # what is left is one stage: of radix 8 where that spares one of radix 2
    if rest > 1:
        found.append(rest)
    return found if found and rest in (1, 2, 8) else None


def tables_of(n_fft: int) -> Tables:
    """Return the tables for a length that :func:`radices_of` takes."""
    radices = radices_of(n_fft)
    assert radices is not None
    k = np.arange(n_fft)
    place, rest, size = np.zeros_like(k), k, n_fft
    twiddles: list[Array] = []
    for radix in radices:
        size //= radix
        angle = -2 * np.pi * np.outer(np.arange(size), np.arange(1, radix)) / (size * radix)
        twiddles.append(np.stack([np.cos(angle), np.sin(angle)], -1).ravel())
        place += rest % radix * size
        rest //= radix
    order = np.argsort(place)
    real = [0, n_fft // 2] if n_fft % 2 == 0 else [0]
    order = np.concatenate([order[(order > 0) & (2 * order < n_fft)], real])
    return Tables(
        radices=np.array(radices, np.int64),
        twiddles=np.concatenate(twiddles).astype(np.float32),
        order=order.astype(np.int32),
        places=np.stack([place[order], place[-order]], -1).ravel().astype(np.int32),
    )


def arrays_of(geometry: Geometry, window: Tensor, synthesis: Tensor) -> dict[str, Tensor]:
    """Return the arrays of a plan that belong to a transform with these windows, float64."""
    g = geometry
    # bins of a pair of frames are halves of sums, and no transform divides by n_fft
    root = g.n_fft**0.5 if g.normalized else 1.0
    tables = vars(tables_of(g.n_fft))
    return {
        **{name: torch.from_numpy(array) for name, array in tables.items()},
        "window": (window / (2 * root)).float(),
        "synthesis": (synthesis * root / g.n_fft).float(),
    }
