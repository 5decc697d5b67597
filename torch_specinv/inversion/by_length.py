"""Padded batches for a transform that is not told where items end: one length after another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..checks import check_generator, real_dtype
from ..errors import SpecInvError
from ..solve.callback import Callback, Report, wants_to_stop
from ..tensors import Numbers, as_tensor
from ..transform.callables import Transform
from ..transform.frames import resize
from ..transform.ragged import read_counts
from .invert_transform import check_spec

# An array with so many more frames than the longest item is not one of these lengths
_MUCH_PADDING = 8


def solve_by_length(
    solve: Callable[[Tensor, Any, Tensor | None, Callback | None], Tensor],
    spec: Numbers,
    transform_fn: Transform,
    lengths: Numbers,
    init_x0: Numbers | None,
    generator: torch.Generator | None,
    callback: Callback | None,
) -> Tensor:
    """Solve a padded batch: items of one length together, each cut to what it has alone.

    An arbitrary transform can't be told where an item ends, so it only ever sees waves and
    spectra without padding.
    """
    spec = as_tensor(spec, "spec")
    check_spec(torch.nan_to_num(spec))
    if init_x0 is not None:
        init_x0 = as_tensor(init_x0, "init_x0", spec.device)
    check_generator(generator)
    if spec.ndim < 2:
        raise SpecInvError(f"lengths needs a batch, but spec has shape {tuple(spec.shape)}.")
    counts = read_counts(lengths, len(spec))
    if min(counts) < 1:
        raise SpecInvError(f"lengths holds {min(counts)}: a waveform has at least one sample.")
    if init_x0 is not None and (init_x0.ndim != 2 or init_x0.shape[-1] < max(counts)):
        raise SpecInvError(
            f"init_x0 has shape {tuple(init_x0.shape)}: expected ({len(spec)}, {max(counts)})."
        )
    longest = max(counts)
    frames = _count_frames(transform_fn, spec, 1, longest) if longest <= spec.shape[-1] else None
    if frames is not None and _MUCH_PADDING * frames < spec.shape[-1]:
        raise SpecInvError(
            f"lengths reach {longest} at most, which transform_fn turns into {frames} frames, but "
            f"spec has {spec.shape[-1]}: they count samples, not frames."
        )
    # each length draws its noise from where the generator stands now, as an item alone would
    draw = torch.default_generator if generator is None else generator
    stand = draw.get_state()
    stopped = False

    def stop_all(report: Report) -> bool:
        nonlocal stopped
        stopped = stopped or (callback is not None and wants_to_stop(callback, report))
        return stopped

    waves = spec.new_zeros(len(spec), max(counts), dtype=real_dtype(spec.dtype))
    for length in sorted(set(counts)):
        numbers = [i for i, count in enumerate(counts) if count == length]
        items = torch.tensor(numbers, device=spec.device)
        frames = _count_frames(transform_fn, spec, len(items), length)
        if frames > spec.shape[-1]:
            raise SpecInvError(
                f"lengths holds {length}, which transform_fn turns into {frames} frames, but spec "
                f"has {spec.shape[-1]}: lengths count samples."
            )
        start = None if init_x0 is None else init_x0[items, :length]
        draw.set_state(stand)
        part = solve(spec[items, ..., :frames], (len(items), length), start, stop_all)
        waves = waves.index_copy(0, items, resize(part, max(counts)))
    return waves


def _count_frames(transform_fn: Transform, spec: Tensor, items: int, length: int) -> int:
    """Return how many frames the transform gives for waves of `length` samples."""
    silence = spec.new_zeros(items, length, dtype=real_dtype(spec.dtype))
    try:
        with torch.no_grad():
            return transform_fn(silence).shape[-1]
    except (RuntimeError, ValueError, IndexError, AssertionError) as error:
        raise SpecInvError(
            f"lengths holds {length}, on which transform_fn fails: {error}"
        ) from error
