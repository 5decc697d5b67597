"""The losses as modules: settings once; windows, filters and scales move with the module."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from ..errors import check_keywords
from ..transform.windows import named_window
from . import (
    interface,
    random_resolution,
    resolutions,
    spectral,
    stereo,
    stft,
    time,
    transport,
)


class _Loss(nn.Module):
    """A function of (x, y) with its keywords as settings; tensors among them are buffers."""

    function: ClassVar[Callable[..., Tensor]]
    defaults: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls) -> None:
        parameters = list(inspect.signature(cls.function).parameters.values())[2:]
        cls._known = {p.name: p for p in parameters if p.kind is not p.VAR_KEYWORD}
        # what help() and editors show
        cls.__signature__ = inspect.Signature(
            [p.replace(kind=p.KEYWORD_ONLY) for p in cls._known.values()]
        )

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        check_keywords(settings, self._accepted())
        self._shown = dict(settings)
        self._settings: dict[str, Any] = {}
        for name, value in self._prepare({**self.defaults, **settings}).items():
            if isinstance(value, Tensor):
                self.register_buffer(name, value)
            elif isinstance(value, nn.Module):
                self.add_module(name, value)
            elif isinstance(value, list) and all(isinstance(v, Tensor) for v in value):
                for i, tensor in enumerate(value):
                    self.register_buffer(f"{name}_{i}", tensor)
                self._settings[name] = len(value)
                continue
            else:
                self._settings[name] = value
                continue
            self._settings[name] = None

    _known: ClassVar[dict[str, inspect.Parameter]]

    @classmethod
    def _accepted(cls) -> set[str]:
        return set(cls._known)

    def _prepare(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Turn names into tensors."""
        return settings

    def _keywords(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in self._settings.items():
            if hasattr(self, f"{name}_0"):
                found[name] = [getattr(self, f"{name}_{i}") for i in range(value)]
            else:
                found[name] = getattr(self, name, value) if value is None else value
        return found

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the loss of an estimate and a target."""
        return type(self).function(x, y, **self._keywords())

    def extra_repr(self) -> str:
        """Show the settings that were given."""
        plain = {k: v for k, v in self._shown.items() if not isinstance(v, (Tensor, nn.Module))}
        return ", ".join(f"{name}={value!r}" for name, value in plain.items())


class ESRLoss(_Loss):
    """:func:`esr_loss` as a module.

    Parameters
    ----------
    **settings
        The keywords of the function.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import ESRLoss, FIRFilter
    >>> loss = ESRLoss(weighting=FIRFilter("highpass"))
    >>> loss(torch.zeros(3, 100), torch.ones(3, 100))
    tensor(1.)
    """

    function = staticmethod(time.esr_loss)


class DCLoss(_Loss):
    """:func:`dc_loss` as a module; its keywords are the settings.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import DCLoss
    >>> DCLoss()(torch.zeros(3, 100), torch.ones(3, 100))
    tensor(1.)
    """

    function = staticmethod(time.dc_loss)


class LogCoshLoss(_Loss):
    """:func:`logcosh_loss` as a module; its keywords are the settings.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import LogCoshLoss
    >>> LogCoshLoss(a=2.0)
    LogCoshLoss(a=2.0)
    """

    function = staticmethod(time.logcosh_loss)


class SNRLoss(_Loss):
    """:func:`snr_loss` as a module; its keywords are the settings.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import SNRLoss
    >>> SNRLoss(zero_mean=False)(torch.full((100,), 0.9), torch.ones(100))
    tensor(-20.0000)
    """

    function = staticmethod(time.snr_loss)


class SISDRLoss(_Loss):
    """:func:`si_sdr_loss` as a module; its keywords are the settings.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import SISDRLoss
    >>> x, y = torch.randn(2, 100, generator=torch.manual_seed(0))
    >>> bool(SISDRLoss()(2 * x, y) == SISDRLoss()(x, y))
    True
    """

    function = staticmethod(time.si_sdr_loss)


class SDSDRLoss(_Loss):
    """:func:`sd_sdr_loss` as a module; its keywords are the settings.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import SDSDRLoss
    >>> SDSDRLoss(reduction="none")(*torch.randn(2, 3, 100)).shape
    torch.Size([3])
    """

    function = staticmethod(time.sd_sdr_loss)


class ElementwiseLoss(_Loss):
    """:func:`elementwise_loss` as a module; its keywords are the settings.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import ElementwiseLoss
    >>> ElementwiseLoss(metric="L2")(torch.zeros(3, 5, 7), torch.ones(3, 5, 7))
    tensor(1.)
    """

    function = staticmethod(spectral.elementwise_loss)


class LogMagnitudeLoss(_Loss):
    """:func:`log_magnitude_loss` of two magnitudes as a module; its keywords are the settings.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import LogMagnitudeLoss
    >>> LogMagnitudeLoss(offset=1.0)(torch.zeros(3, 5, 7), torch.ones(3, 5, 7))
    tensor(0.6931)
    """

    function = staticmethod(spectral.log_magnitude_loss)


class PhaseLoss(_Loss):
    """:func:`phase_loss` of two complex spectra as a module; its keywords are the settings.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import PhaseLoss
    >>> PhaseLoss()(torch.ones(5, 7) + 0j, -torch.ones(5, 7) + 0j)
    tensor(2.)
    """

    function = staticmethod(spectral.phase_loss)


class TimeFrequencyLoss(_Loss):
    """:func:`time_frequency_loss` as a module; its keywords are the settings.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import ElementwiseLoss, TimeFrequencyLoss
    >>> loss = TimeFrequencyLoss(transform_fn=torch.fft.rfft, loss_fn=ElementwiseLoss(dims=1))
    >>> bool(loss(torch.zeros(8), torch.ones(8)) > 0)
    True
    """

    function = staticmethod(interface.time_frequency_loss)


class SpectralConvergenceLoss(_Loss):
    """:func:`spectral_convergence_loss` of two magnitudes as a module.

    Parameters
    ----------
    **settings
        The keywords of the function.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import SpectralConvergenceLoss
    >>> SpectralConvergenceLoss()(torch.zeros(2, 5, 7), torch.ones(2, 5, 9))
    tensor(1.)
    """

    function = staticmethod(spectral.spectral_convergence_loss)


class SpectralOptimalTransportLoss(_Loss):
    """:func:`spectral_optimal_transport_loss` of two magnitudes as a module.

    Parameters
    ----------
    **settings
        The keywords of the function.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import SpectralOptimalTransportLoss
    >>> x, y = torch.eye(8)[2:4, :, None]
    >>> SpectralOptimalTransportLoss(p=1)(x, y)
    tensor(0.1250)
    """

    function = staticmethod(transport.spectral_optimal_transport_loss)


class MultiResolutionTransportLoss(_Loss):
    """:func:`multi_resolution_transport_loss` of two waveforms as a module.

    Parameters
    ----------
    **settings
        The keywords of the function. The windows are buffers.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import MultiResolutionTransportLoss
    >>> bool(MultiResolutionTransportLoss(p=1)(*torch.randn(2, 3, 4000)) > 0)
    True
    """

    function = staticmethod(transport.multi_resolution_transport_loss)

    def _prepare(self, settings: dict[str, Any]) -> dict[str, Any]:
        chosen = {name: p.default for name, p in self._known.items()} | settings
        sizes = chosen["fft_sizes"]
        wins = sizes if chosen["win_lengths"] is None else chosen["win_lengths"]
        made = resolutions.read_resolutions(chosen["hop_lengths"], wins, sizes, chosen["window"])
        return {**settings, "window": [resolution.window for resolution in made]}


class STFTLoss(_Loss):
    """:func:`stft_loss` of two waveforms as a module, with the window and the scale as buffers.

    Parameters
    ----------
    **settings
        The keywords of the function.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import STFTLoss, mel_scale
    >>> loss = STFTLoss(n_fft=512, scale=mel_scale(16000, 512, 40))
    >>> bool(loss(*torch.randn(2, 3, 4000)) > 0)
    True
    """

    function = staticmethod(stft.stft_loss)

    def _prepare(self, settings: dict[str, Any]) -> dict[str, Any]:
        chosen = {name: p.default for name, p in self._known.items()} | settings
        window, win_length = chosen["window"], chosen["win_length"]
        if isinstance(window, str):
            length = chosen["n_fft"] if win_length is None else win_length
            window = named_window(window, length)
        stft.Terms(**{name: chosen[name] for name in stft.Terms.__dataclass_fields__})
        stft.Resolution.of(chosen["n_fft"], chosen["hop_length"], win_length, window)
        return {**settings, "window": window}


class MultiResolutionSTFTLoss(_Loss):
    """:func:`mrstft_loss` of two waveforms as a module, with the windows as buffers.

    Parameters
    ----------
    **settings
        The keywords of the function. With ``**PARALLEL_WAVEGAN`` it is the loss of that vocoder,
        which other packages know by this name.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import PARALLEL_WAVEGAN, MultiResolutionSTFTLoss
    >>> loss = MultiResolutionSTFTLoss(**PARALLEL_WAVEGAN)
    >>> bool(loss(*torch.randn(2, 3, 4000)) > 0)
    True
    """

    function = staticmethod(resolutions.mrstft_loss)

    def _prepare(self, settings: dict[str, Any]) -> dict[str, Any]:
        chosen = {name: p.default for name, p in self._known.items()} | settings
        names = stft.Terms.__dataclass_fields__.keys() - {"scale"}
        stft.Terms(**{name: chosen[name] for name in names})
        made = resolutions.read_resolutions(
            chosen["hop_lengths"], chosen["win_lengths"], chosen["fft_sizes"], chosen["window"]
        )
        prepared = {**settings, "window": [resolution.window for resolution in made]}
        if isinstance(chosen["scale"], Sequence):
            prepared["scale"] = list(chosen["scale"])
        return prepared


class SmoothMultiResolutionSTFTLoss(MultiResolutionSTFTLoss):
    """:func:`smooth_mrstft_loss` of two waveforms as a module, with the windows as buffers.

    Parameters
    ----------
    **settings
        Keywords of :func:`mrstft_loss`, to change some of them.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import SmoothMultiResolutionSTFTLoss
    >>> bool(SmoothMultiResolutionSTFTLoss()(*torch.randn(2, 3, 4000)) > 0)
    True
    """

    defaults = resolutions.SMOOTH


class SumDifferenceSTFTLoss(_Loss):
    """:func:`sum_difference_stft_loss` of two stereo waveforms as a module.

    Parameters
    ----------
    w_sum, w_diff : float, default 1.0
        Weights of the sum and the difference of the channels.
    **settings
        Keywords of :func:`mrstft_loss`. Default: ``PARALLEL_WAVEGAN``.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import SumDifferenceSTFTLoss
    >>> bool(SumDifferenceSTFTLoss()(*torch.randn(2, 3, 2, 4000)) > 0)
    True
    """

    function = staticmethod(stereo.sum_difference_stft_loss)

    @classmethod
    def _accepted(cls) -> set[str]:
        return set(cls._known) | set(MultiResolutionSTFTLoss._known)

    def _prepare(self, settings: dict[str, Any]) -> dict[str, Any]:
        own = {name: value for name, value in settings.items() if name in self._known}
        others = {name: value for name, value in settings.items() if name not in own}
        inner = MultiResolutionSTFTLoss(**{**resolutions.PARALLEL_WAVEGAN, **others})
        return {**own, **inner._keywords()}


class RandomResolutionSTFTLoss(_Loss):
    """:func:`random_resolution_stft_loss` of two waveforms as a module.

    Parameters
    ----------
    **settings
        The keywords of the function. A generator goes on from call to call.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import RandomResolutionSTFTLoss
    >>> loss = RandomResolutionSTFTLoss(generator=torch.Generator().manual_seed(0))
    >>> x, y = torch.randn(2, 3, 4000)
    >>> bool(loss(x, y) != loss(x, y))
    True
    """

    function = staticmethod(random_resolution.random_resolution_stft_loss)
