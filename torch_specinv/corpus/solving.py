"""Invert what was read: what is alike in one batch, all else alone."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from ..checks import real_dtype
from ..inversion.invert import invert
from ..solve.result import Inversion
from ..transform.read_geometry import read_geometry
from ..transform.sizes import bin_count
from .job import Job
from .reading import Given

#: Frames that are inverted together: on a CPU what stays in its caches, elsewhere what keeps it
#: busy. Beyond that, batches are cut.
_FRAMES = {"cpu": 4_000, "other": 400_000}


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of an item."""

    given: Given
    wave: Tensor | None
    """Shape (channels, samples); None if it failed."""
    values: dict[str, float]
    """Metrics, inconsistency and iterations by name."""
    kind: str
    """What the magnitude was taken for, where "auto" said so."""
    seconds: float
    seed: int
    error: Exception | None = None


def solve(given: Iterable[Given], job: Job, notes: set[str]) -> Iterator[Outcome]:
    """Invert items; what is said of their conventions is added to `notes`.

    Items of the same shape, recipe and length are one batch, in which each comes out as it would
    alone. On devices that are busy with large batches only, those of about the same length are,
    padded. If a batch fails, its items are tried one by one.
    """
    groups: dict[Any, list[Given]] = {}
    for each in given:
        groups.setdefault(_alike(each, job), []).append(each)
    for group in groups.values():
        most = _most(group[0], job)
        for first in range(0, len(group), most):
            yield from _together(group[first : first + most], job, notes)


def _alike(given: Given, job: Job) -> Any:
    """Return what is the same of two items that can be one batch."""
    if not job.together:
        return id(given)
    spec, length = given.spec, given.length
    frames = spec.shape[-1]
    if job.padded:
        frames, length = -(-frames // job.padded), None
    return (*spec.shape[:-1], frames, spec.dtype, length, repr(given.recipe), repr(given.stft))


def _most(given: Given, job: Job) -> int:
    frames = _FRAMES["cpu" if job.device == "cpu" else "other"]
    lanes = 1 if given.spec.ndim < 3 else given.spec.shape[0]
    return max(1, frames // max(1, lanes * given.spec.shape[-1]))


def _together(group: list[Given], job: Job, notes: set[str]) -> Iterator[Outcome]:
    """Invert items that are alike."""
    began = time.perf_counter()
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            result = _invert(group, job)
    except Exception as error:  # whatever is wrong with one of them, or a method of the user's
        if len(group) == 1:
            took = time.perf_counter() - began
            seed = seed_of(group[0], job)
            yield Outcome(group[0], None, {}, "", took, seed, error)
            return
        for each in group:
            yield from _together([each], job, notes)
        return
    notes.update(str(each.message) for each in said)
    took = (time.perf_counter() - began) / len(group)
    for number, each in enumerate(group):
        yield _outcome(each, number, len(group), result, job, took)


def _invert(group: list[Given], job: Job) -> Inversion:
    """Run a batch of items that are alike."""
    first = group[0]
    given = {"max_iter": job.max_iter(first.recipe), **job.keywords}
    metric: Any = given.pop("metric", "sc")
    metrics = [metric] if isinstance(metric, str) or callable(metric) else list(metric)
    # in this order, as in the command line: the first is the one that is shown
    given["metric"] = [*metrics, *(["sc"] if "sc" not in metrics else [])]
    if first.recipe is None:
        given |= first.stft
    elif job.own_rule:
        given |= {"window": "hann", **job.stft}
    else:
        given["preset"] = first.recipe
    spec, lengths = _batch(group, job)
    return invert(
        spec.to(job.device),
        job.algorithm,
        **lengths,
        generator=torch.Generator().manual_seed(seed_of(first, job)),
        verbose=False,
        **given,
    )


def _batch(group: list[Given], job: Job) -> tuple[Tensor, dict[str, Any]]:
    """Return the batch of some items, and the keyword for their lengths.

    Where items are padded they always are, so that one comes out as it does in any batch.
    """
    if not (job.padded and job.together):
        return torch.stack([each.spec for each in group]), {"length": group[0].length}
    frames = -(-max(each.spec.shape[-1] for each in group) // job.padded) * job.padded
    specs = [pad(each.spec, (0, frames - each.spec.shape[-1])) for each in group]
    lanes = 1 if specs[0].ndim < 3 else specs[0].shape[0]
    return torch.stack(specs), {"lengths": [_samples(each) for each in group for _ in range(lanes)]}


def _samples(given: Given) -> int:
    """Return how many samples an item has where nothing is said: the fewest for its frames."""
    if given.length is not None:
        return given.length
    assert given.recipe is not None
    rows, frames = given.spec.shape[-2:]
    stft = given.recipe.stft_keywords(rows)
    n_fft = stft.get("n_fft")
    bins = rows if n_fft is None else bin_count(n_fft)
    dtype = real_dtype(given.spec.dtype)
    g = read_geometry(bins, frames, dtype, given.spec.device, None, stft, check_pad=False)
    return g.length - 2 * given.recipe.padding


def seed_of(given: Given, job: Job) -> int:
    """Return the seed of an item: it depends on what it holds, and on nothing else."""
    return (int(given.digest, 16) + job.seed) % 2**63


def _outcome(
    given: Given, number: int, count: int, result: Inversion, job: Job, seconds: float
) -> Outcome:
    """Return one item of a result."""

    def mean(values: Tensor) -> float:
        return float(values.reshape(count, -1)[number].double().mean())

    values = {name: mean(rows[-1]) for name, rows in result.history.items()}
    values["inconsistency"] = mean(result.inconsistency)
    values["iterations"] = float(result.iterations.reshape(count, -1)[number].max())
    kinds = result.kinds[number * (len(result.kinds) // count) :][: len(result.kinds) // count]
    wave = result.wave.detach().cpu().reshape(count, -1, result.wave.shape[-1])[number]
    if job.padded and job.together:
        wave = wave[:, : _samples(given)]
    kind = ", ".join(sorted(set(kinds)))
    return Outcome(given, wave.clone(), values, kind, seconds, seed_of(given, job))
