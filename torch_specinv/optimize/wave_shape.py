"""How long a waveform is, and what to start from, when the user does not say."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..derivatives import by_value
from ..errors import SpecInvError, check_count
from ..transform.stft import STFT
from .transform_problem import Transform, TransformProblem

#: Standard deviations of the noise among which the start is chosen.
_LEVELS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)


def read_shape(samples: Any, spec: Tensor, transform_fn: Transform) -> tuple[int, ...]:
    """Return the shape of the waveform that the transform takes."""
    if samples is None and isinstance(transform_fn, STFT):
        return (*spec.shape[:-2], transform_fn.geometry.length)
    if samples is None:
        return infer_shape(spec, transform_fn)
    if not isinstance(samples, (tuple, list, torch.Size)):
        return (check_count("samples", samples),)
    if not samples:
        raise SpecInvError("samples=() has no dimension: expected the shape of a waveform.")
    return tuple(check_count("samples", n) for n in samples)


def infer_shape(spec: Tensor, transform_fn: Transform) -> tuple[int, ...]:
    """Find the fewest samples with as many frames as `spec`, if the transform behaves like an STFT.

    The waveform is taken to be (..., samples) for a `spec` of (..., bins, frames), and the number
    of frames to grow with the samples.
    """
    lead, wanted = (*spec.shape[:-2],), spec.shape[-1]

    def frames(samples: int) -> int:
        """Return the number of frames; 0 where the transform refuses so short a waveform."""
        try:
            with torch.no_grad():
                out = transform_fn(spec.new_zeros(*lead, samples, dtype=spec.real.dtype))
            return out.shape[-1] if out.shape[:-1] == spec.shape[:-1] else 0
        except (RuntimeError, ValueError, IndexError, AssertionError, AttributeError):
            return 0

    enough = 1
    while frames(enough) < wanted and enough < 2**30:
        enough *= 2
        if enough > 2**16 * wanted:
            break
    least = enough // 2
    while enough - least > 1:
        middle = (least + enough) // 2
        least, enough = (least, middle) if frames(middle) >= wanted else (middle, enough)
    if spec.ndim < 2 or frames(enough) != wanted or frames(2 * enough + 1) == wanted:
        raise SpecInvError(
            "samples is not given and cannot be inferred: transform_fn does not turn a waveform "
            f"(..., samples) into the shape {tuple(spec.shape)} of spec for any number of "
            "samples. Pass samples, as an int or the shape of the waveform."
        )
    return (*lead, enough)


def starting_noise(problem: TransformProblem, generator: torch.Generator | None) -> Tensor:
    """Return noise (items, samples), the same for each item, at the level with the least loss."""
    like = problem.everyone
    device = generator.device if generator is not None else "cpu"

    def draw() -> Tensor:
        return torch.randn(like.shape[1], generator=generator, device=device, dtype=torch.float64)

    noise = by_value(draw)
    noise = noise.to(like).expand_as(like)
    best, least = _LEVELS[2] * noise, torch.full_like(like[:, 0], torch.inf)
    with torch.no_grad():
        for level in _LEVELS:
            try:
                losses = problem.losses(problem.transform(level * noise))
            except (RuntimeError, ValueError, IndexError, AttributeError, TypeError):
                break  # what is wrong is said where the transform is checked
            better = losses < least
            best = torch.where(better[:, None], level * noise, best)
            least = torch.where(better, losses, least)
    return best
