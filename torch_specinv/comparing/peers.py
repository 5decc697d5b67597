"""Griffin-Lim of other packages, given the same magnitude, STFT and number of iterations."""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..errors import SpecInvError
from ..transform.stft import STFT

Peer = Callable[[Tensor, STFT, int], Tensor]

# The default of both peers' papers and of librosa
_MOMENTUM = 0.99


def installed_peers() -> dict[str, Peer]:
    """Return the peers that are installed: functions of (magnitude, transform, iterations).

    Each runs fast Griffin-Lim with momentum 0.99 from random phases, with seed 0.
    """
    found: dict[str, Peer] = {"librosa": _librosa}
    try:
        importlib.import_module("torchaudio.functional")
    except (ImportError, OSError):
        return found
    return {**found, "torchaudio": _torchaudio}


def check_geometry(peer: str, stft: STFT) -> None:
    """Raise for an STFT that the peers cannot invert."""
    g = stft.geometry
    if g.normalized or not g.center or not g.onesided or g.pad_mode != "reflect":
        raise SpecInvError(
            f"{peer} inverts one-sided spectrograms with center=True, pad_mode='reflect' and "
            "normalized=False only: leave it out, or compare with these."
        )


def versions() -> dict[str, str]:
    """Return the installed versions of the packages that results depend on."""
    found: dict[str, str] = {}
    for name in (
        "torch_specinv", "torch", "numpy", "scipy", "librosa", "torchaudio", "pesq", "pystoi",
        "visqol-python", "speechmos",
    ):  # fmt: skip
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _librosa(target: Tensor, stft: STFT, budget: int) -> Tensor:
    import librosa

    g = stft.geometry
    wave: Any = librosa.griffinlim(
        target.numpy(),
        n_iter=budget,
        hop_length=g.hop_length,
        n_fft=g.n_fft,
        window=g.window.numpy(),
        center=g.center,
        pad_mode="reflect",
        momentum=_MOMENTUM,
        length=g.length,
        **_librosa_seed(librosa.griffinlim),
    )
    return torch.from_numpy(wave)


def _librosa_seed(function: Callable[..., Any]) -> dict[str, Any]:
    """Return seed 0 under the name that this version of librosa has for it.

    Newer versions call it rng, and warn of random_state before they lose it.
    """
    name = "rng" if "rng" in inspect.signature(function).parameters else "random_state"
    return {name: 0}


def _torchaudio(target: Tensor, stft: STFT, budget: int) -> Tensor:
    functional: Any = importlib.import_module("torchaudio.functional")
    g = stft.geometry
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return functional.griffinlim(
            target,
            window=g.window,
            n_fft=g.n_fft,
            hop_length=g.hop_length,
            win_length=g.n_fft,
            power=1.0,
            n_iter=budget,
            momentum=_MOMENTUM,
            length=g.length,
            rand_init=True,
        )
