"""The problem of a spectrogram of which more is known: see :mod:`torch_specinv.constraints`."""

from __future__ import annotations

import torch
from torch import Tensor

from ..checks import check_spectrogram
from ..constraints import ConstraintMaker
from ..errors import SpecInvError
from ..solve.problem import SpectrogramProblem
from ..transform.geometry import STFTKeywords
from ..transform.kept import kept_stft
from ..transform.ragged import ragged_stft
from ..transform.stft import STFT
from .settings import Settings


def constrained_problem(
    make: ConstraintMaker, spec: Tensor, s: Settings, stft_kwargs: STFTKeywords, *, whole: bool
) -> SpectrogramProblem:
    """Build the transform, let the maker look at all that was given, and pose the problem.

    Parameters
    ----------
    make : ConstraintMaker
        What is known.
    spec : Tensor
        As it was given, (..., rows, frames).
    s : Settings
        For `length` and `lengths`.
    stft_kwargs : STFTKeywords
        Of the transform.
    whole : bool
        Whether these are all items of a batch.
    """
    if spec.ndim < 2 or spec.numel() == 0:
        check_spectrogram(spec)
    make.check(spec)
    flat = spec.reshape(-1, *spec.shape[-make.dims :])
    shape = (*flat.shape[:-2], make.bins(flat.shape[-2]), flat.shape[-1])
    template = flat.real.detach().new_zeros(()).expand(shape)
    if s.lengths is None:
        stft = _whole_stft(make, template, s.length, stft_kwargs)
        return SpectrogramProblem.of(make.of(flat, stft), stft)
    if s.length is not None:
        raise SpecInvError("length and lengths are both given: pass lengths alone.")
    if spec.ndim <= make.dims:
        raise SpecInvError(f"lengths needs a batch, but spec has shape {tuple(spec.shape)}.")
    each = flat.shape[1:-2].numel()
    stft, _ = ragged_stft(
        template.flatten(0, -3), s.lengths, whole=whole, waves_per_item=each, **stft_kwargs
    )
    mask = stft.frame_mask.unflatten(0, (-1, each)).unsqueeze(2)

    def present(tensor: Tensor) -> Tensor:
        of_items = mask if tensor.ndim > 3 else mask[:, 0]
        return torch.where(of_items, tensor, tensor.new_zeros(()))

    # what lies behind the ends may be anything
    return SpectrogramProblem.of(make.of(present(flat), stft).map_tensors(present), stft)


def _whole_stft(
    make: ConstraintMaker, template: Tensor, length: int | None, stft_kwargs: STFTKeywords
) -> STFT:
    """Return the transform of waves of one length."""
    if make.length is None:
        return kept_stft(template, length=length, **stft_kwargs)
    if length not in (None, make.length):
        raise SpecInvError(
            f"length={length}, but the mixture has {make.length} samples: leave it out."
        )
    try:
        return kept_stft(template, length=make.length, **stft_kwargs)
    except SpecInvError as error:
        if not str(error).startswith("length="):
            raise
        raise SpecInvError(
            f"the mixture does not fit its sources: {error} Another sample rate or hop_length?"
        ) from None
