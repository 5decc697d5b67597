"""The setting that all parts of benchmarks/constraints.py share."""

from __future__ import annotations

import statistics

import torch
from torch import Tensor

from torch_specinv.comparing.speech import perceived
from torch_specinv.comparing.table import table

SR, N_FFT, HOP = 16000, 1024, 256
WIDE = {"n_fft": N_FFT, "hop_length": HOP, "window": torch.hann_window(N_FFT)}
NARROW = {"n_fft": 256, "hop_length": 64, "window": torch.hann_window(256)}
QUIET = {"verbose": False, "tol": 0}

Scores = dict[str, list[float]]


def pesq(truth: Tensor, found: Tensor) -> float:
    """Return PESQ, wide band."""
    score = perceived(found, truth, SR)[0]
    assert score is not None
    return score


def rows(title: str, scores: dict[str, Scores], decimals: int) -> str:
    """Return a table of means, a row for each name; "-" where nothing was measured."""
    columns = list(dict.fromkeys(column for row in scores.values() for column in row))
    return table(
        [title, *columns],
        [
            [
                name,
                *(f"{statistics.fmean(row[c]):.{decimals}f}" if c in row else "-" for c in columns),
            ]
            for name, row in scores.items()
        ],
    )
