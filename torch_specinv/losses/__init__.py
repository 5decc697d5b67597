"""Losses between waveforms and between spectrograms, for training and as objectives of inversion.

Each is a function that leaves the batch alone, and a module that keeps settings, windows and
filters. The first argument is the estimate, the second the target.
"""

from ..transform.filter_banks import chroma_scale, mel_scale
from .interface import TimeFrequencyLoss, time_frequency_loss
from .random_resolution import RandomResolutionSTFTLoss, random_resolution_stft_loss
from .ratios import SDSDRLoss, SISDRLoss, SNRLoss, sd_sdr_loss, si_sdr_loss, snr_loss
from .resolutions import (
    PARALLEL_WAVEGAN,
    MultiResolutionSTFTLoss,
    SmoothMultiResolutionSTFTLoss,
    mrstft_loss,
    smooth_mrstft_loss,
)
from .spectral import (
    ElementwiseLoss,
    LogMagnitudeLoss,
    PhaseLoss,
    SpectralConvergenceLoss,
    elementwise_loss,
    log_magnitude_loss,
    phase_loss,
    spectral_convergence_loss,
)
from .stereo import SumDifferenceSTFTLoss, sum_difference_stft_loss
from .stft import STFTLoss, stft_loss
from .time import DCLoss, ESRLoss, LogCoshLoss, dc_loss, esr_loss, logcosh_loss
from .transport import (
    MultiResolutionTransportLoss,
    SpectralOptimalTransportLoss,
    multi_resolution_transport_loss,
    spectral_optimal_transport_loss,
)
from .weighting import FIRFilter, a_weighting

__all__ = [
    "PARALLEL_WAVEGAN",
    "DCLoss",
    "ESRLoss",
    "ElementwiseLoss",
    "FIRFilter",
    "LogCoshLoss",
    "LogMagnitudeLoss",
    "MultiResolutionSTFTLoss",
    "MultiResolutionTransportLoss",
    "PhaseLoss",
    "RandomResolutionSTFTLoss",
    "SDSDRLoss",
    "SISDRLoss",
    "SNRLoss",
    "STFTLoss",
    "SmoothMultiResolutionSTFTLoss",
    "SpectralConvergenceLoss",
    "SpectralOptimalTransportLoss",
    "SumDifferenceSTFTLoss",
    "TimeFrequencyLoss",
    "a_weighting",
    "chroma_scale",
    "dc_loss",
    "elementwise_loss",
    "esr_loss",
    "log_magnitude_loss",
    "logcosh_loss",
    "mel_scale",
    "mrstft_loss",
    "multi_resolution_transport_loss",
    "phase_loss",
    "random_resolution_stft_loss",
    "sd_sdr_loss",
    "si_sdr_loss",
    "smooth_mrstft_loss",
    "snr_loss",
    "spectral_convergence_loss",
    "spectral_optimal_transport_loss",
    "stft_loss",
    "sum_difference_stft_loss",
    "time_frequency_loss",
]
