"""What the tests of losses share: the losses with settings, signals, a transform in numpy."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from torch_specinv import losses
from torch_specinv.losses import FIRFilter, mel_scale

DOUBLE = torch.float64
SMALL = {"n_fft": 64, "hop_length": 16}
RESOLUTIONS = {"hop_lengths": (16, 32), "win_lengths": (64, 100), "fft_sizes": (64, 128)}

#: Everything that takes two waveforms (..., samples)
WAVE_LOSSES = {
    "esr": losses.esr_loss,
    "esr, filtered": partial(losses.esr_loss, weighting=FIRFilter("folded_differentiator")),
    "dc": losses.dc_loss,
    "logcosh": losses.logcosh_loss,
    "snr": losses.snr_loss,
    "si_sdr": losses.si_sdr_loss,
    "sd_sdr": losses.sd_sdr_loss,
    "elementwise": partial(losses.elementwise_loss, dims=1),
    "stft": partial(losses.stft_loss, **SMALL),
    "stft, mel": partial(losses.stft_loss, **SMALL, scale=mel_scale(8000, 64, 8)),
    "stft, all terms": partial(
        losses.stft_loss, **SMALL, w_lin=0.5, w_phase=0.5, log_dist="L2", scale_invariant=True
    ),
    "mrstft": partial(losses.mrstft_loss, **RESOLUTIONS),
    "mrstft, powers": partial(losses.mrstft_loss, **RESOLUTIONS, power=2.0, lin_dist="L2"),
    "transport": partial(
        losses.multi_resolution_transport_loss, fft_sizes=(64, 128), hop_lengths=(16, 32)
    ),
}
#: Everything that takes two magnitudes (..., bins, frames)
SPECTRAL_LOSSES = {
    "sc": losses.spectral_convergence_loss,
    "log": losses.log_magnitude_loss,
    "linear": partial(losses.elementwise_loss, metric="L2"),
    "transport, 2": losses.spectral_optimal_transport_loss,
    "transport, 1": partial(losses.spectral_optimal_transport_loss, p=1),
    "transport, unbalanced": partial(
        losses.spectral_optimal_transport_loss, balanced=False, quantile_lowpass=True
    ),
}


def waves(*shape, dtype=DOUBLE, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, *shape, generator=generator, dtype=dtype)


def magnitudes(*shape, seed=0):
    return waves(*shape, seed=seed).abs() + 0.01


def numpy_stft(x, n_fft, hop, window):
    """Frames centred on multiples of the hop, ends reflected: (..., bins, frames)."""
    padded = np.pad(x, (n_fft // 2, n_fft // 2), mode="reflect")
    left = (n_fft - len(window)) // 2
    window = np.pad(window, (left, n_fft - len(window) - left))
    count = 1 + (len(padded) - n_fft) // hop
    frames = [padded[m * hop : m * hop + n_fft] * window for m in range(count)]
    return np.fft.rfft(frames, axis=-1).T


def periodic_hann(length):
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)


def zm(x):
    return x - x.mean()
