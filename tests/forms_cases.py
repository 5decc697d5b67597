"""Calls of everything that takes a spectrogram, each with a small one."""

from __future__ import annotations

import numpy as np
import torch

from torch_specinv import (
    ADMM,
    L_BFGS,
    RTISI_LA,
    STFT,
    griffin_lim,
    invert,
    invert_transform,
    losses,
    mel_to_audio,
    metrics,
    nn,
    phase_init,
    wave_init,
)
from torch_specinv.mel import mfcc_to_mel
from torch_specinv.online import RTISI

SPEC = torch.rand(2, 33, 20, generator=torch.Generator().manual_seed(0))

RUN = {"max_iter": 3, "tol": 0, "verbose": False, "window": torch.hann_window(64)}

QUIET = {"outer_max_iter": 3, "verbose": False}


def transform(wave):
    window = torch.hann_window(64, dtype=wave.dtype)
    return torch.stft(wave, 64, window=window, return_complex=True).abs()


def _online(spec):
    online = RTISI(n_fft=64, max_iter=3, window=torch.hann_window(64))
    frames = np.moveaxis(spec, -1, 0) if isinstance(spec, np.ndarray) else spec.movedim(-1, 0)
    return torch.cat([*map(online.push, frames), online.flush()], -1)


CALLS = {
    "griffin_lim": lambda s: griffin_lim(s, **RUN),
    "ADMM": lambda s: ADMM(s, **RUN),
    "RTISI_LA": lambda s: RTISI_LA(s, max_iter=3, verbose=False, window=RUN["window"]),
    "invert": lambda s: invert(s, **RUN).wave,
    "phase_init": lambda s: phase_init(s, window=RUN["window"]),
    "mel_to_audio": lambda s: mel_to_audio(s[..., :10, :], 16000, n_fft=64, **RUN),
    "L_BFGS": lambda s: L_BFGS(s, transform, generator=torch.manual_seed(0), **QUIET),
    "L_BFGS of an STFT": lambda s: L_BFGS(
        s, STFT.of(s, window=RUN["window"]), generator=torch.manual_seed(0), **QUIET
    ),
    "L_BFGS with lengths": lambda s: L_BFGS(
        s, transform, lengths=[304, 200], generator=torch.manual_seed(0), **QUIET
    ),
    "invert_transform": lambda s: (
        invert_transform(s, transform, generator=torch.manual_seed(0), **QUIET).wave
    ),
    "wave_init": lambda s: wave_init(s, transform, (2, 304), generator=torch.manual_seed(0)),
    "mfcc_to_mel": lambda s: mfcc_to_mel(s, 40),
    "STFT.of": lambda s: STFT.of(s, window=RUN["window"]).geometry.window,
    "STFT.synthesise": lambda s: STFT.of(SPEC, window=RUN["window"]).synthesise(s),
    "nn.GriffinLim": lambda s: nn.GriffinLim(3, tol=0, window=RUN["window"])(s),
    "nn.LBFGS": lambda s: nn.LBFGS(transform, outer_max_iter=3)(s, generator=torch.manual_seed(0)),
    "nn.PhaseInit": lambda s: nn.PhaseInit(window=RUN["window"])(s),
    "nn.MelToAudio": lambda s: nn.MelToAudio(16000, n_fft=64, max_iter=3)(s[..., :10, :]),
    "online": _online,
    "metric": lambda s: metrics.lsd(s, s**2),
    "spectral loss": lambda s: losses.log_magnitude_loss(s, s**2),
    "waveform loss": lambda s: losses.esr_loss(s, s**2, weighting=losses.FIRFilter()),
    "module of a loss": lambda s: losses.SNRLoss()(s, s**2),
}
