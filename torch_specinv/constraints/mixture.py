"""A mixture as users give it, a waveform or a spectrum, as a constraint on its sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from ..checks import check_finite, check_spectrogram, lift
from ..errors import SpecInvError, check_choice
from ..tensors import Numbers, as_tensor
from ..transform.stft import STFT
from .base import Constraint
from .magnitude import magnitudes_of
from .maker import ConstraintMaker, of_items
from .sources import Sources, magnitude_shares
from .weights import read_weights

#: How what is lacking is divided among the sources, with the power of the magnitudes.
DISTRIBUTIONS = {"equal": 0, "magnitude": 1, "wiener": 2}


@dataclass(frozen=True, eq=False)
class Mixture(ConstraintMaker):
    r"""Sources add up to a mixture: ``invert(magnitudes, constraint=Mixture(mixture))``.

    Then `spec` is (..., sources, bins, frames), and the wave (..., sources, samples). The sources
    of a mixture are one item, in metrics as in everything else. They start at the mixture's phase,
    and before each synthesis what is lacking of the mixture X is divided among them:

    .. math:: C_j \leftarrow C_j + \lambda \, w_j \Bigl( X - \sum_i C_i \Bigr) .

    Parameters
    ----------
    mixture : Tensor
        The waveform (..., samples), real, or its spectrum (..., bins, frames), complex; at the
        level of `spec`. The channels of a recording are further items, each with sources of its
        own: (..., channels, samples) for (..., channels, sources, bins, frames).
    weight : float or Tensor, default 1.0
        :math:`\lambda`, from 0 to 1. 1 makes the waves add up to the mixture to rounding; less
        only pulls them there, as for a mixture with noise that is none of the sources. A tensor
        (..., bins, frames) has one for each bin.
    distribution : str, default "equal"
        The shares :math:`w_j`: "equal", which is the nearest point; "magnitude", in proportion to
        the magnitudes :math:`S_j`; "wiener", to their squares.

    Raises
    ------
    SpecInvError
        If the mixture or a weight is not what it should be.

    References
    ----------
    - Gunawan, Sen: "Iterative phase estimation for the synthesis of separated sources from
      single-channel mixtures", 2010.
    - Wisdom, Hershey, Wilson, Thorpe, Chinen, Patton, Saurous: "Differentiable consistency
      constraints for improved deep speech enhancement", 2019.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv import STFT, invert
    >>> from torch_specinv.constraints import Mixture
    >>> sources = torch.randn(2, 4000, generator=torch.manual_seed(0))
    >>> stft = {"n_fft": 256, "window": torch.hann_window(256)}
    >>> magnitudes = STFT.of_wave(sources, **stft)(sources)
    >>> constraint = Mixture(sources.sum(0))
    >>> found = invert(magnitudes, "raar", constraint=constraint, verbose=False, **stft).wave
    >>> found.shape
    torch.Size([2, 4000])
    >>> torch.allclose(found.sum(0), sources.sum(0), atol=1e-5)
    True
    """

    mixture: Numbers
    weight: float | Numbers = 1.0
    distribution: str = "equal"
    dims = 3

    def __post_init__(self) -> None:
        mixture = as_tensor(self.mixture, "mixture")
        least = 2 if mixture.is_complex() else 1
        if mixture.ndim < least or mixture.numel() == 0:
            raise SpecInvError(
                f"mixture has shape {tuple(mixture.shape)} and dtype {mixture.dtype}: expected a "
                "waveform (..., samples), or a complex spectrum (..., bins, frames)."
            )
        check_finite(mixture, "mixture")
        check_choice("distribution", self.distribution, DISTRIBUTIONS)
        object.__setattr__(self, "weight", read_weights(self.weight))
        object.__setattr__(self, "mixture", mixture)

    @property
    def length(self) -> int | None:
        """Samples of the mixture, if it was given as a waveform."""
        mixture = self._tensor
        return None if mixture.is_complex() else mixture.shape[-1]

    @property
    def _tensor(self) -> Tensor:
        assert isinstance(self.mixture, Tensor)
        return self.mixture

    def check(self, spec: Tensor) -> None:
        """Raise unless `spec` (..., sources, bins, frames) holds the sources of this mixture."""
        mixture = self._tensor
        if spec.ndim < 3:
            raise SpecInvError(
                f"spec has shape {tuple(spec.shape)}: with a mixture it is (..., sources, bins, "
                "frames)."
            )
        if spec.shape[-3] < 2:
            raise SpecInvError(
                f"spec has shape {tuple(spec.shape)}, which is one source: what is left of the "
                "mixture is a second one, torch.stack([spec, residual], -3), with residual the "
                "magnitude of all else."
            )
        batch = mixture.shape[: -2 if mixture.is_complex() else -1]
        if batch != spec.shape[:-3]:
            raise SpecInvError(
                f"mixture has shape {tuple(mixture.shape)}, spec {tuple(spec.shape)}: expected "
                f"(..., samples) for (..., sources, bins, frames), with {tuple(spec.shape[:-3])} "
                "in front. Channels come before sources."
            )
        if mixture.is_complex() and mixture.shape[-2:] != spec.shape[-2:]:
            raise SpecInvError(
                f"mixture has {tuple(mixture.shape[-2:])} bins and frames, the sources "
                f"{tuple(spec.shape[-2:])}: take both by the same STFT."
            )
        if mixture.device != spec.device:
            raise SpecInvError(
                f"mixture is on {mixture.device}, spec on {spec.device}: use "
                "mixture.to(spec.device)."
            )

    def select(self, items: Tensor) -> Mixture:
        """Return the mixture of some items, with one dimension in front of the last ones."""
        dims = 2 if self._tensor.is_complex() else 1
        mixture, weight = of_items(self._tensor, items, dims), self.weight
        if isinstance(weight, Tensor) and weight.ndim > 2:
            weight = of_items(weight, items)
        return Mixture(mixture, weight, self.distribution)

    def of(self, spec: Tensor, stft: STFT) -> Constraint:
        """Return the constraint for magnitudes (batch, sources, bins, frames)."""
        target = magnitudes_of(check_spectrogram(spec))
        mixture, wave = lift(self._tensor), None
        if mixture.is_complex():
            mixture = mixture.reshape(-1, *mixture.shape[-2:]).to(target.dtype.to_complex())
        else:
            wave = mixture.reshape(-1, mixture.shape[-1]).to(target.dtype)
            if stft.frame_mask is None:
                mixture = stft.analyse(wave)
            else:
                wave = self._cut(wave, stft, target.shape[1])
                # that transform is of all sources, each of which has its mixture's length
                mixture = stft.analyse(wave.unsqueeze(1).expand(-1, target.shape[1], -1))[:, 0]
        power = DISTRIBUTIONS[self.distribution]
        shares = magnitude_shares(target.detach(), power) if power else None
        return Sources(target, mixture, wave, shares, self._weight_of(mixture))

    @staticmethod
    def _cut(wave: Tensor, stft: STFT, sources: int) -> Tensor:
        """Return mixtures (batch, samples) that are 0 behind their own ends."""
        longest = stft.geometry.length
        if wave.shape[-1] < longest:
            raise SpecInvError(
                f"mixture has {wave.shape[-1]} samples, but lengths reach {longest}: lengths count "
                "samples of the mixture."
            )
        ends = stft.lengths_and_last_frames(len(wave) * sources)[0][::sources, None]
        inside = torch.arange(longest, device=wave.device) < ends
        return torch.where(inside, wave[:, :longest], 0)

    def _weight_of(self, mixture: Tensor) -> Tensor | None:
        weight = self.weight
        if isinstance(weight, Tensor):
            if weight.ndim and weight.shape[-2:] != mixture.shape[-2:]:
                raise SpecInvError(
                    f"weight has shape {tuple(weight.shape)}: expected (..., bins, frames) with "
                    f"{tuple(mixture.shape[-2:])}."
                )
            weight = weight.to(mixture.real)
            weight = weight.reshape(-1, *mixture.shape[-2:]) if weight.ndim else weight
            if weight.ndim and len(weight) not in (1, len(mixture)):
                raise SpecInvError(
                    f"weight has {len(weight)} items, the mixture {len(mixture)}: expected one for "
                    "each, or one for all."
                )
            return weight.expand(mixture.shape)
        number = cast(float, weight)
        return None if number == 1 else mixture.real.new_full((), number).expand(mixture.shape)
