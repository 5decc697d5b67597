r"""What somebody's recipe did to a magnitude, and how to undo it.

.. math:: Y = B |S|^p , \qquad \text{recorded} = \frac{\log_b \max(Y + o, c) - s}{d}

with the mel bank B, a power p, an offset o, a clamp c, and a shift and a scale.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..errors import SpecInvError, check_choice, check_count, check_switch
from ..tensors import Numbers, as_tensor
from ..transform.filter_banks import check_norm, mel_scale
from ..transform.frequencies import read_range
from ..transform.product import product
from ..transform.sizes import bin_count
from ..transform.speech_banks import BANKS, speech_scale
from .levels import Levels
from .matrix import Matrix


@dataclass(frozen=True)
class MelSpec(Levels):
    """The conventions of a mel spectrogram: its bank, and those of its values.

    Parameters
    ----------
    sr : int
        Sample rate in Hz.
    fmin : float, default 0.0
        Lower edge of the lowest band in Hz.
    fmax : float, optional
        Upper edge of the highest band in Hz. Default: half the sample rate.
    htk : bool, default False
        HTK's formula of the mel scale instead of Slaney's. Of librosa's filters only.
    norm : str, optional
        "slaney" (default) divides bands by their width, None does not. Of librosa's filters only.
    filters : str or Tensor, default "librosa"
        Whose triangles: "librosa", which are torchaudio's as well, "kaldi", "htk" or
        "python_speech_features", see :func:`torch_specinv.transform.speech_banks.speech_scale`. Or
        any bank as a matrix (bands, bins) that is not negative; then nothing else matters of what
        says how bands lie.
    power, log, clamp, offset, reach, shift, scale, limits
        Of the values, see :class:`torch_specinv.mel.Levels`; `power` is that of the magnitudes
        before they are added up.

    Raises
    ------
    SpecInvError
        If a number is not what it should be, or the logarithm or the filters are unknown.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.mel import MelSpec
    >>> mel = MelSpec(22050, fmax=8000, log="ln", clamp=1e-5)
    >>> magnitude = torch.rand(513, 7, generator=torch.manual_seed(0))
    >>> recorded = mel.record(magnitude, 80)
    >>> recorded.shape
    torch.Size([80, 7])
    >>> bool(torch.allclose(mel.restore(recorded), mel.bank(1024, 80) @ magnitude))
    True
    """

    sr: int
    fmin: float = 0.0
    fmax: float | None = None
    htk: bool = False
    norm: str | None = "slaney"
    filters: str | Tensor | Matrix = "librosa"

    def __post_init__(self) -> None:
        super().__post_init__()
        read_range(self.sr, self.fmin, self.fmax)
        check_switch("htk", self.htk)
        check_norm(self.norm)
        if isinstance(self.filters, str):
            check_choice("filters", self.filters, ["librosa", *BANKS])
        elif not isinstance(self.filters, Matrix):
            # a dataclass field that is a tensor could be neither compared nor hashed
            given: Any = self.filters
            if isinstance(given, Tensor) and given.requires_grad:
                raise SpecInvError(
                    "filters is a bank that requires a gradient, which a MelSpec does not carry: "
                    "pass it to invert as mel=bank, or filters=bank.detach()."
                )
            object.__setattr__(self, "filters", Matrix.of(self.filters, "filters"))

    def bank(self, n_fft: int | None, n_mels: int) -> Tensor:
        """Return the filter bank, shape (n_mels, n_fft // 2 + 1).

        Only a bank that is a matrix tells n_fft.
        """
        if isinstance(self.filters, Matrix):
            return self.filters.fit(n_mels, n_fft, "filters")
        if n_fft is None:
            raise SpecInvError("n_fft is needed with mel=: the bands do not tell it.")
        key, kept = (n_fft, n_mels), vars(self).get("_bank")
        if kept is None or kept[0] != key:
            kept = vars(self)["_bank"] = key, self._make_bank(n_fft, n_mels)
        return kept[1].clone()

    def _make_bank(self, n_fft: int, n_mels: int) -> Tensor:
        if isinstance(self.filters, str) and self.filters in BANKS:
            return speech_scale(
                self.filters, self.sr, n_fft, n_mels, fmin=self.fmin, fmax=self.fmax
            )
        with warnings.catch_warnings():
            # MelBands warns of empty bands, where they matter
            warnings.filterwarnings("ignore", "Empty filters")
            return mel_scale(
                self.sr, n_fft, n_mels, fmin=self.fmin, fmax=self.fmax, htk=self.htk, norm=self.norm
            )

    def record(self, magnitude: Numbers, n_mels: int, n_fft: int | None = None) -> Tensor:
        """Return the mel spectrogram of a magnitude.

        Parameters
        ----------
        magnitude : Tensor
            Shape (..., bins, frames), real and not negative.
        n_mels : int
            Bands.
        n_fft : int, optional
            Samples of a frame; needed only when odd, as bins do not tell.

        Returns
        -------
        Tensor
            Shape (..., n_mels, frames), in the dtype of `magnitude`.

        Raises
        ------
        SpecInvError
            If `n_fft` has another number of bins.
        """
        magnitude = as_tensor(magnitude, "magnitude")
        if magnitude.ndim < 2 or magnitude.numel() == 0 or magnitude.is_complex():
            raise SpecInvError(
                f"magnitude has shape {tuple(magnitude.shape)} and dtype {magnitude.dtype}: "
                "expected real (..., bins, frames)."
            )
        bins = magnitude.shape[-2]
        n_fft = max(2 * (bins - 1), 1) if n_fft is None else check_count("n_fft", n_fft)
        if bin_count(n_fft) != bins:
            raise SpecInvError(
                f"n_fft={n_fft} has {bin_count(n_fft)} bins, but magnitude has shape "
                f"{tuple(magnitude.shape)}. Transposed?"
            )
        bank = self._bank_like(n_fft, check_count("n_mels", n_mels), magnitude)
        # the least value of a logarithm would hide what is negative
        powers = torch.where(magnitude < 0, torch.nan, magnitude) ** self.power
        return self.write(product(bank, powers))

    def _bank_like(self, n_fft: int, n_mels: int, like: Tensor) -> Tensor:
        """Return the bank in a dtype and on a device, kept for the next call of the kind."""
        kept: dict[Any, Tensor] = vars(self).setdefault("_banks", {})
        key = n_fft, n_mels, like.dtype, like.device, torch.is_inference_mode_enabled()
        if key not in kept:
            kept.clear()
            kept[key] = self.bank(n_fft, n_mels).to(like)
        return kept[key]
