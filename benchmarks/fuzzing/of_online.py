"""Frames as they arrive."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from benchmarks.fuzzing.target import WINDOW, Target
from torch_specinv.online import RTISI, Streaming


def of_online() -> dict[str, Target]:
    """Return the streams, and what they take in."""
    stft: dict[str, Any] = {"n_fft": 64, "window": WINDOW}
    frame = lambda: {"frames": torch.rand(2, 33)}  # noqa: E731
    return {
        "online.RTISI": Target(
            lambda **k: RTISI(**k).push(torch.rand(2, 33)), lambda: stft, signature=_rtisi
        ),
        "online.RTISI.push": Target(
            lambda frames: _push(RTISI(**stft, look_ahead=0), frames), frame, {"frames": "frame"}
        ),
        "online.Streaming": Target(
            lambda **k: Streaming(**k).push(torch.rand(2, 33)),
            lambda: stft,
            {
                "init": "choice",
                "on_nan": "choice",
                "max_iter": "count or 0",
                "rows": "count",
            },
            signature=_streaming,
        ),
        "online.Streaming, a preset": Target(
            lambda preset=None: Streaming(preset=preset, max_iter=1, look_ahead=0).push(
                torch.full((80, 1), -5.0)
            ),
            lambda: {"preset": "hifigan"},
        ),
        "online.Streaming.push": Target(
            lambda frames: _push(Streaming(**stft, look_ahead=0, algorithm="admm"), frames),
            frame,
            {"frames": "frame"},
        ),
        "online.Streaming.push, with pghi": Target(
            lambda frames: _push(Streaming(**stft, look_ahead=0, init="pghi"), frames),
            frame,
            {"frames": "frame"},
        ),
        "online.Streaming.push of a mixture": Target(
            lambda frames, mixture: _push(
                Streaming(**stft, sources=2, look_ahead=0, max_iter=2), frames, mixture
            ),
            lambda: {
                "frames": torch.rand(2, 33),
                "mixture": torch.rand(33, dtype=torch.complex64),
            },
            {"frames": "frame", "mixture": "spectrum"},
        ),
        "online.Streaming.push of a preset": Target(
            lambda frames: _push(Streaming(preset="hifigan", look_ahead=0, max_iter=2), frames),
            lambda: {"frames": torch.rand(2, 80) - 5},
            {"frames": "values"},
        ),
        "online.Streaming.latency_seconds": Target(
            lambda sr: torch.tensor(Streaming(**stft).latency_seconds(sr)),
            lambda: {"sr": 8000.0},
            {"sr": "positive"},
        ),
    }


def _push(stream: Streaming, *given: Any) -> Tensor:
    return torch.cat([stream.push(*given) for _ in range(5)], -1)


def _rtisi(
    n_fft: Any,
    look_ahead: Any = -1,
    asymmetric_window: Any = False,
    max_iter: Any = 25,
    alpha: Any = 0.99,
    window: Any = None,
    center: Any = True,
    pad_mode: Any = "reflect",
    normalized: Any = False,
    onesided: Any = None,
    hop_length: Any = None,
    win_length: Any = None,
) -> None: ...


def _streaming(
    n_fft: Any,
    algorithm: Any = "griffin_lim",
    look_ahead: Any = -1,
    max_iter: Any = 8,
    init: Any = "least_squares",
    rows: Any = None,
    constraint: Any = None,
    asymmetric_window: Any = False,
    on_nan: Any = "raise",
    alpha: Any = 0.99,
    window: Any = None,
    center: Any = True,
    pad_mode: Any = "reflect",
    normalized: Any = False,
    onesided: Any = None,
    hop_length: Any = None,
    win_length: Any = None,
) -> None: ...
