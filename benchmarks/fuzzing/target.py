"""What a target of the fuzz is, and of what kind arguments are by their names."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

#: Of what kind an argument of this name is, where its target does not say otherwise.
ARGUMENTS: dict[str, str] = {
    **dict.fromkeys(
        ("max_iter", "outer_max_iter", "eva_iter", "checkpoint", "n_fft", "hop_length",
         "win_length", "sr", "n_mels", "n_bands", "n_chroma", "length", "taps", "dims",
         "resolutions", "min_n_fft", "max_n_fft", "overlap", "quality", "history_size", "piece"),
        "count"),
    **dict.fromkeys(("blend", "padding", "seed", "decimals"), "count or 0"),
    "look_ahead": "count or -1", "frame_dim": "whole",
    **dict.fromkeys(
        ("tol", "alpha", "rho", "gamma", "eps", "w_sc", "w_log", "w_lin", "w_phase", "log_eps",
         "floor", "offset", "fmin", "lifter", "clamp", "q", "a", "w_sum", "w_diff"),
        "not negative"),
    **dict.fromkeys(("log_fac", "power", "factor", "fmax", "min_hop", "max_hop", "reach",
                     "max_norm", "amplitude", "max_value", "exponent", "std"), "positive"),
    **dict.fromkeys(("coefficient", "ref_level_db", "gain"), "number"),
    **dict.fromkeys(("relaxation", "cooling", "polish", "preemphasis"), "share"),
    "p": "positive",
    **dict.fromkeys(
        ("center", "normalized", "onesided", "return_complex", "verbose", "asymmetric_window",
         "exact_gradient", "zero_mean", "scale_invariant", "normalize", "balanced", "htk",
         "quantile_lowpass", "symmetric_norm", "alternating", "nyquist", "flip", "invert_colors",
         "force", "transpose"), "switch"),
    **dict.fromkeys(
        ("pad_mode", "window_align", "backend", "reduction", "log_dist", "lin_dist", "norm", "log",
          "scaling", "kind", "channels", "peak", "method", "preset", "algorithm"),
        "choice"),
    "name": "name", "cmap": "name or None", "metric": "metric",
    "spec": "spectrogram", "magnitude": "magnitude", "mfcc": "values", "frequencies": "values",
    "wave": "wave", "spectrum": "spectrum", "input": "magnitude", "target": "magnitude",
    "x": "wave", "y": "wave", "window": "window", "init_x0": "wave", "image": "picture",
    "init": "spectrum", "positions": "values", "bank": "bank", "filters": "bank",
    "lengths": "counts", "hop_lengths": "counts", "win_lengths": "counts", "fft_sizes": "counts",
    "shift": "numbers", "scale": "numbers", "limits": "numbers", "weights": "numbers",
    "range_db": "numbers", "samples": "counts", "shares": "numbers", "windows": "numbers",
    **dict.fromkeys(("callback", "transform_fn", "loss_fn", "scale_fn", "weighting", "constraint"),
                    "function"),
    "generator": "generator", "mel": "bank", "stft": "function", "resume": "function",
    "path": "path", "source": "path", "output": "path",
}  # fmt: skip


@dataclass(frozen=True)
class Target:
    """Something public, what it is called with, and which arguments to try."""

    call: Callable[..., Any]
    good: Callable[[], dict[str, Any]] = dict
    kinds: dict[str, str] = field(default_factory=dict[str, str])
    skip: tuple[str, ...] = ()
    signature: Any = None
    also: dict[str, Any] = field(default_factory=dict[str, Any])
    """Good values of arguments that are optional, to make bad ones from; not passed otherwise."""
    better: int = -1
    """The sign of what is better, where the result is a number: less of a loss."""

    def arguments(self) -> dict[str, tuple[str, Any]]:
        """Return the kind of each argument that is tried, and its default."""
        found: dict[str, tuple[str, Any]] = {}
        for p in inspect.signature(self.signature or self.call).parameters.values():
            if p.name in self.skip or p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL):
                continue
            kind = self.kinds.get(p.name) or ARGUMENTS.get(p.name)
            if kind is None:
                raise KeyError(f"{self.signature or self.call}: what kind is {p.name}?")
            found[p.name] = kind, p.default
        return found


def seeded(*shape: int, seed: int = 0) -> Tensor:
    """Return noise."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


WINDOW = torch.hann_window(64)


@cache
def magnitude() -> Tensor:
    """Return the magnitude (2, 33, frames) of two waves."""
    wave = seeded(2, 700)
    return torch.stft(wave, 64, window=WINDOW, return_complex=True).abs()


def scratch(name: str) -> str:
    """Return a name in a new folder."""
    return str(Path(tempfile.mkdtemp()) / name)


@cache
def saved() -> str:
    """Return the name of a file with a magnitude."""
    path = scratch("magnitude.npy")
    np.save(path, magnitude()[0].numpy())
    return path
