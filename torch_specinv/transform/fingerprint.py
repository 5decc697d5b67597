"""What a run, a partial file or a measurement was made of, to tell whether another is the same."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .geometry import Geometry


def fingerprint(geometry: Geometry | None, **about: Any) -> dict[str, Any]:
    """Return, by name, all that must be the same in two problems for them to be one.

    Parameters
    ----------
    geometry : Geometry, optional
        The STFT, if there is one: its numbers, and its window.
    **about
        Everything else. Tensors stay tensors. The entries of a dict have names of their own, such
        as "algorithm.alpha".

    Returns
    -------
    dict
        For :func:`differing` and :func:`as_json`.
    """
    if geometry is not None:
        about = {"geometry": geometry.numbers, "window": geometry.window, **about}
    found: dict[str, Any] = {}
    for name, value in about.items():
        if isinstance(value, dict):
            found.update({f"{name}.{key}": entry for key, entry in value.items()})
        else:
            found[name] = value
    return {
        name: value.detach() if isinstance(value, Tensor) else value
        for name, value in found.items()
    }


def settings_of(value: Any) -> dict[str, Any]:
    """Return the class and the fields of a dataclass, such as an algorithm."""
    fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return {"class": type(value).__name__, **fields}


def differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """Return the names of what is not the same in two fingerprints, in alphabetical order."""
    return sorted(name for name in a.keys() | b.keys() if not _same(a.get(name), b.get(name)))


def as_json(found: Mapping[str, Any]) -> str:
    """Return a fingerprint as a line of text: the same problem, the same text.

    Tensors and arrays are told by a digest, and what JSON has no form for by its repr.
    """
    return json.dumps(found, sort_keys=True, default=_plain)


def digest(tensor: Tensor) -> str:
    """Return a digest of the shape, the dtype and the values of a tensor."""
    flat = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous().reshape(-1)
    told = sha256(f"{tensor.dtype} {tuple(tensor.shape)} ".encode())
    told.update(flat.view(torch.uint8).numpy().tobytes())
    return told.hexdigest()[:16]


def _plain(value: Any) -> str:
    if isinstance(value, np.ndarray):  # its repr leaves out the middle, and digits
        content = repr((str(value.dtype), value.shape, value.tolist()))
        return f"array {sha256(content.encode()).hexdigest()[:16]}"
    return digest(value) if isinstance(value, Tensor) else repr(value)


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        if a.shape != b.shape or a.dtype != b.dtype or a.device != b.device:
            return False
        # what a constraint does not know may be NaN
        nan_alike = a.is_floating_point() and torch.allclose(a, b, rtol=0, atol=0, equal_nan=True)
        return torch.equal(a, b) or nan_alike
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")
    return type(a) is type(b) and bool(a == b)
