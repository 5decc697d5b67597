r"""How near a spectrogram is to its target, per item.

Each metric of the package compares two real arrays (..., bins, frames), reduces the last two
dimensions and leaves the others alone, is differentiable, and never returns NaN for finite input:
ratios are kept between the machine epsilon :math:`\epsilon` of the dtype and its inverse. Values
are in decibels. An exact answer therefore reads :math:`20 \log_{10} \epsilon` (-138 dB in float32,
-313 dB in float64), also where the target is silent. :func:`metric_info` tells which direction is
better, and the unit.
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
from .resolve import (
    METRICS,
    Metric,
    MetricInfo,
    metric_info,
    register_metric,
    resolve_metrics,
)

__all__ = [
    "FROM_ERROR",
    "METRICS",
    "Metric",
    "MetricInfo",
    "log_spectral_distance",
    "lsd",
    "metric_info",
    "register_metric",
    "resolve_metrics",
    "sc",
    "ser",
    "signal_to_error_ratio",
    "signal_to_noise_ratio",
    "snr",
    "spectral_convergence",
]
