"""The losses."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from benchmarks.fuzzing.target import WINDOW, Target, seeded
from torch_specinv import losses


def _waves(samples: int = 700) -> dict[str, Any]:
    return {"x": seeded(2, samples), "y": seeded(2, samples, seed=1)}


def _magnitudes() -> dict[str, Any]:
    return {"x": seeded(2, 33, 9).abs() + 0.1, "y": seeded(2, 33, 9, seed=1).abs() + 0.1}


_TERMS = {
    "scale": "matrix",
    "window": "window",
    "positions": "positions",
    "fft_sizes": "counts or None",
}
_SMALL: dict[str, Any] = {"fft_sizes": [64, 32], "hop_lengths": [16, 8], "win_lengths": [64, 32]}
_OF_LOSS: dict[str, Any] = {
    "window": WINDOW,
    "scale": torch.rand(8, 33),
    "positions": torch.arange(33) / 33.0,
}


def _loss(function: Any, good: Callable[[], dict[str, Any]], **kinds: str) -> Target:
    return Target(function, good, {**_TERMS, **kinds}, also=_OF_LOSS)


def _module(kind: Any, good: Callable[[], dict[str, Any]], **kinds: str) -> Target:
    def call(**keywords: Any) -> Any:
        tensors = good()
        given = {k: v for k, v in tensors.items() if k not in ("x", "y")} | keywords
        return kind(**given)(tensors["x"], tensors["y"])

    def settings() -> dict[str, Any]:
        return {k: v for k, v in good().items() if k not in ("x", "y")}

    return Target(call, settings, {**_TERMS, **kinds}, signature=kind, also=_OF_LOSS)


def of_losses() -> dict[str, Target]:
    """Return the losses, as functions and as modules."""
    spectra = lambda: {k: torch.fft.fft(v, dim=-2) for k, v in _magnitudes().items()}  # noqa: E731
    two = lambda: {**_waves(), **_SMALL}  # noqa: E731
    stereo = lambda: {"x": seeded(3, 2, 700), "y": seeded(3, 2, 700, seed=1), **_SMALL}  # noqa: E731
    one = lambda: {**_waves(), "n_fft": 64}  # noqa: E731
    random = lambda: {**_waves(), "max_n_fft": 64, "generator": torch.Generator()}  # noqa: E731
    free = lambda: {  # noqa: E731
        **_waves(),
        "transform_fn": torch.fft.rfft,
        "loss_fn": partial(losses.elementwise_loss, dims=1),
    }
    several = {"window": "window name", "scale": "matrix"}
    complex_ = {"x": "spectrum", "y": "spectrum"}
    pairs: list[tuple[Any, Any, Any, dict[str, str]]] = [
        (losses.esr_loss, losses.ESRLoss, _waves, {}),
        (losses.dc_loss, losses.DCLoss, _waves, {}),
        (losses.logcosh_loss, losses.LogCoshLoss, _waves, {"a": "positive"}),
        (losses.snr_loss, losses.SNRLoss, _waves, {}),
        (losses.sd_sdr_loss, losses.SDSDRLoss, _waves, {}),
        (losses.si_sdr_loss, losses.SISDRLoss, _waves, {}),
        (
            losses.elementwise_loss,
            losses.ElementwiseLoss,
            _magnitudes,
            {"x": "values any", "y": "values any", "metric": "choice"},
        ),
        (
            losses.spectral_convergence_loss,
            losses.SpectralConvergenceLoss,
            _magnitudes,
            {"x": "values", "y": "values"},
        ),
        (
            losses.log_magnitude_loss,
            losses.LogMagnitudeLoss,
            _magnitudes,
            {"x": "loss values", "y": "loss values", "metric": "choice", "offset": "positive"},
        ),
        (losses.phase_loss, losses.PhaseLoss, spectra, complex_),
        (
            losses.spectral_optimal_transport_loss,
            losses.SpectralOptimalTransportLoss,
            _magnitudes,
            {"x": "loss values", "y": "loss values"},
        ),
        (losses.stft_loss, losses.STFTLoss, one, {}),
        (losses.mrstft_loss, losses.MultiResolutionSTFTLoss, two, several),
        (losses.smooth_mrstft_loss, losses.SmoothMultiResolutionSTFTLoss, two, several),
        (losses.sum_difference_stft_loss, losses.SumDifferenceSTFTLoss, stereo, several),
        (losses.random_resolution_stft_loss, losses.RandomResolutionSTFTLoss, random, {}),
        (losses.multi_resolution_transport_loss, losses.MultiResolutionTransportLoss, two, several),
        (losses.time_frequency_loss, losses.TimeFrequencyLoss, free, {}),
    ]
    found: dict[str, Target] = {}
    for function, kind, good, kinds in pairs:
        found[f"losses.{function.__name__}"] = _loss(function, good, **kinds)
        found[f"losses.{kind.__name__}"] = _module(kind, good, **kinds)
    found["losses.FIRFilter"] = Target(
        lambda **k: losses.FIRFilter(**k)(seeded(2, 700)), signature=losses.FIRFilter
    )
    found["losses.FIRFilter, A"] = Target(
        lambda **k: losses.FIRFilter(**k)(seeded(2, 700)),
        lambda: {"kind": "a_weighting"},
        signature=losses.FIRFilter,
        skip=("coefficient", "kind"),
    )
    found["losses.FIRFilter.forward"] = Target(
        lambda wave: losses.FIRFilter()(wave), lambda: {"wave": seeded(2, 700)}
    )
    found["losses.a_weighting"] = Target(
        losses.a_weighting,
        lambda: {"frequencies": torch.arange(5.0) * 100},
        {"frequencies": "frequencies"},
    )
    return found
