"""The inverters as modules: settings once, windows as buffers, usable inside nn.Sequential.

A module computes what the function of the same method computes; it shows no progress bar.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import torch
from torch import Tensor, nn

from .inversion.invert import invert
from .inversion.invert_transform import invert_transform
from .methods import mel_to_audio, phase_init
from .optimize.transform_problem import Loss, Transform
from .transform.geometry import STFTKeywords

__all__ = ["ADMM", "LBFGS", "RTISILA", "GriffinLim", "MelToAudio", "PhaseInit"]


class _STFTModule(nn.Module):
    """Holds the keywords of an STFT, with the window as a buffer that moves with the module."""

    window: Tensor | None

    def __init__(self, keywords: STFTKeywords) -> None:
        super().__init__()
        self._has_window = "window" in keywords
        self.register_buffer("window", keywords.pop("window", None))
        self._keywords = keywords

    def stft_kwargs(self) -> STFTKeywords:
        """Return the keywords of the STFT, with the window where the module is now."""
        return {**self._keywords, "window": self.window} if self._has_window else self._keywords

    def extra_repr(self) -> str:
        """Show the settings."""
        return ", ".join(f"{name}={value!r}" for name, value in self._keywords.items())


class _Iterative(_STFTModule):
    """An inverter by name, with its hyperparameters as attributes."""

    algorithm: str
    hyperparameters: tuple[str, ...]

    def __init__(self, settings: dict[str, Any], keywords: STFTKeywords) -> None:
        super().__init__(keywords)
        self._settings = settings

    def forward(
        self,
        spec: Tensor,
        lengths: Tensor | Sequence[int] | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the waveforms (..., samples) for spectrograms (..., bins, frames).

        `lengths` and `generator` are those of :func:`torch_specinv.invert`.
        """
        own = {name: getattr(self, name) for name in self.hyperparameters}
        keywords: dict[str, Any] = {**self._settings, **self.stft_kwargs(), **own}
        keywords.update(lengths=lengths, generator=generator)
        return invert(spec, self.algorithm, verbose=False, **keywords).wave

    def extra_repr(self) -> str:
        """Show the settings that are not defaults."""
        own = {name: getattr(self, name) for name in self.hyperparameters}
        shown = {**own, **{k: v for k, v in self._settings.items() if v is not None}}
        texts = [f"{name}={value!r}" for name, value in shown.items()]
        return ", ".join([*texts, super().extra_repr()] if self._keywords else texts)


class GriffinLim(_Iterative):
    """:func:`torch_specinv.griffin_lim` as a module.

    Parameters
    ----------
    max_iter, tol, alpha, eva_iter, init, length, checkpoint
        As for the function. `alpha` may be a parameter to be learnt.
    **stft_kwargs
        The keywords of :func:`torch.stft`; the window becomes a buffer.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.nn import GriffinLim
    >>> decoder = torch.nn.Sequential(
    ...     torch.nn.Conv1d(80, 257, 1), torch.nn.Softplus(),
    ...     GriffinLim(8, tol=0, window=torch.hann_window(512)),
    ... )
    >>> decoder(torch.rand(2, 80, 20)).shape
    torch.Size([2, 2432])
    """

    algorithm = "griffin_lim"
    hyperparameters = ("alpha",)

    def __init__(
        self,
        max_iter: int = 200,
        tol: float = 1e-6,
        alpha: float | Tensor = 0.99,
        *,
        eva_iter: int = 10,
        init: str | None = None,
        length: int | None = None,
        checkpoint: int | None = None,
        **stft_kwargs: Unpack[STFTKeywords],
    ) -> None:
        settings = {
            "max_iter": max_iter,
            "tol": tol,
            "eva_iter": eva_iter,
            "init": init,
            "length": length,
            "checkpoint": checkpoint,
        }
        super().__init__(settings, stft_kwargs)
        self.alpha = alpha


class ADMM(_Iterative):
    """:func:`torch_specinv.ADMM` as a module.

    Parameters
    ----------
    max_iter, tol, rho, eva_iter, init, length, checkpoint
        As for the function. `rho` may be a parameter to be learnt.
    **stft_kwargs
        The keywords of :func:`torch.stft`; the window becomes a buffer.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.nn import ADMM
    >>> ADMM(max_iter=8, window=torch.hann_window(64))(torch.rand(2, 33, 20)).shape
    torch.Size([2, 304])
    """

    algorithm = "admm"
    hyperparameters = ("rho",)

    def __init__(
        self,
        max_iter: int = 1000,
        tol: float = 1e-6,
        rho: float | Tensor = 0.1,
        *,
        eva_iter: int = 10,
        init: str | None = None,
        length: int | None = None,
        checkpoint: int | None = None,
        **stft_kwargs: Unpack[STFTKeywords],
    ) -> None:
        settings = {
            "max_iter": max_iter,
            "tol": tol,
            "eva_iter": eva_iter,
            "init": init,
            "length": length,
            "checkpoint": checkpoint,
        }
        super().__init__(settings, stft_kwargs)
        self.rho = rho


class RTISILA(_Iterative):
    """:func:`torch_specinv.RTISI_LA` as a module.

    Parameters
    ----------
    look_ahead, asymmetric_window, max_iter, alpha, length, checkpoint
        As for the function.
    **stft_kwargs
        The keywords of :func:`torch.stft`; the window becomes a buffer.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.nn import RTISILA
    >>> RTISILA(max_iter=4, window=torch.hann_window(64))(torch.rand(2, 33, 20)).shape
    torch.Size([2, 304])
    """

    algorithm = "rtisi_la"
    hyperparameters = ("look_ahead", "asymmetric_window", "alpha")

    def __init__(
        self,
        look_ahead: int = -1,
        asymmetric_window: bool = False,
        max_iter: int = 25,
        alpha: float | Tensor = 0.99,
        *,
        length: int | None = None,
        checkpoint: int | None = None,
        **stft_kwargs: Unpack[STFTKeywords],
    ) -> None:
        settings = {"max_iter": max_iter, "length": length, "checkpoint": checkpoint}
        super().__init__(settings, stft_kwargs)
        self.look_ahead = look_ahead
        self.asymmetric_window = asymmetric_window
        self.alpha = alpha


class PhaseInit(_STFTModule):
    """:func:`torch_specinv.phase_init` as a module.

    Parameters
    ----------
    method : str, default "spsi"
        "spsi", "pghi", "random" or "zero".
    **stft_kwargs
        The keywords of :func:`torch.stft`; the window becomes a buffer.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.nn import PhaseInit
    >>> PhaseInit(window=torch.hann_window(64))(torch.rand(2, 33, 20)).dtype
    torch.complex64
    """

    def __init__(self, method: str = "spsi", **stft_kwargs: Unpack[STFTKeywords]) -> None:
        super().__init__(stft_kwargs)
        self.method = method

    def forward(self, spec: Tensor) -> Tensor:
        """Return the complex spectra (..., bins, frames) for magnitudes of that shape."""
        return phase_init(spec, method=self.method, **self.stft_kwargs())


class MelToAudio(nn.Module):
    """:func:`torch_specinv.mel_to_audio` as a module.

    Parameters
    ----------
    sr : int, optional
        Sample rate in Hz; not with a preset.
    window : Tensor, optional
        Kept as a buffer. Default: a Hann window.
    **settings
        Those of the function, such as preset or n_fft.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.nn import MelToAudio
    >>> decoder = MelToAudio(preset="hifigan", max_iter=10)
    >>> decoder(torch.randn(2, 80, 20, generator=torch.manual_seed(0))).shape
    torch.Size([2, 5120])
    """

    window: Tensor | None

    def __init__(
        self, sr: int | None = None, *, window: Tensor | None = None, **settings: Any
    ) -> None:
        super().__init__()
        self.register_buffer("window", window)
        self._settings: dict[str, Any] = {"sr": sr, **settings}

    def forward(
        self,
        mel: Tensor,
        lengths: Tensor | Sequence[int] | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the waveforms (..., samples) for mel spectrograms (..., bands, frames)."""
        return mel_to_audio(
            mel,
            window=self.window,
            lengths=lengths,
            generator=generator,
            verbose=False,
            **self._settings,
        )

    def extra_repr(self) -> str:
        """Show the settings."""
        return ", ".join(f"{k}={v!r}" for k, v in self._settings.items() if v is not None)


class LBFGS(nn.Module):
    """:func:`torch_specinv.L_BFGS` as a module, with the transform as a submodule if it is one.

    Parameters
    ----------
    transform_fn, samples, outer_max_iter, tol, eva_iter, loss_fn, checkpoint
        As for the function.
    **lbfgs_kwargs
        Keywords of :class:`torch.optim.LBFGS`.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.nn import LBFGS
    >>> mixing = torch.nn.Linear(10, 30)
    >>> LBFGS(mixing, samples=10, outer_max_iter=20)(mixing(torch.ones(10)).detach()).shape
    torch.Size([10])
    """

    def __init__(
        self,
        transform_fn: Transform,
        samples: int | tuple[int, ...] | None = None,
        outer_max_iter: int = 1000,
        tol: float = 1e-6,
        *,
        eva_iter: int = 10,
        loss_fn: Loss | None = None,
        checkpoint: int | None = None,
        **lbfgs_kwargs: Any,
    ) -> None:
        super().__init__()
        self.transform_fn = transform_fn
        self.loss_fn = loss_fn
        self.samples = samples
        self._settings: dict[str, Any] = {
            "outer_max_iter": outer_max_iter,
            "tol": tol,
            "eva_iter": eva_iter,
            "checkpoint": checkpoint,
            **lbfgs_kwargs,
        }

    def forward(self, spec: Tensor, init_x0: Tensor | None = None) -> Tensor:
        """Return the waveform whose transform is `spec`, started from `init_x0` if given."""
        return invert_transform(
            spec,
            self.transform_fn,
            self.samples,
            init_x0,
            loss_fn=self.loss_fn,
            verbose=False,
            **self._settings,
        ).wave
