r"""How near a spectrogram is to its target, in decibels and per item.

Each metric compares two real arrays (..., bins, frames), reduces the last two dimensions and
leaves the others alone, is differentiable, and never returns NaN for finite input: ratios are
kept between the machine epsilon :math:`\epsilon` of the dtype and its inverse. An exact answer
therefore reads :math:`20 \log_{10} \epsilon` (-138 dB in float32, -313 dB in float64), also where
the target is silent.
"""

from .measures import (
    FROM_ERROR,
    log_spectral_distance,
    lsd,
    sc,
    ser,
    signal_to_error_ratio,
    signal_to_noise_ratio,
    snr,
    spectral_convergence,
)
from .resolve import METRICS, Metric, register_metric, resolve_metrics

__all__ = [
    "FROM_ERROR",
    "METRICS",
    "Metric",
    "log_spectral_distance",
    "lsd",
    "register_metric",
    "resolve_metrics",
    "sc",
    "ser",
    "signal_to_error_ratio",
    "signal_to_noise_ratio",
    "snr",
    "spectral_convergence",
]
