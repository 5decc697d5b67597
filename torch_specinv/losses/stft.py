"""The loss between the STFTs of two waveforms, at one resolution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import SpecInvError, check_choice, check_count
from ..transform.windows import named_window
from .common import DISTANCES, check_pair, mean_distance, reduce
from .spectra import power, safe_power, spectra
from .spectral import convergence, phase_distance

#: What a spectrogram is brought to another scale by: a matrix (bands, bins), or a function.
Scale = Tensor | Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Terms:
    r"""What the STFTs :math:`X, Y` of estimate and target are compared by; a weighted sum.

    With :math:`M = |X|^p`, brought to the scale, the terms are spectral convergence, the mean
    distance of :math:`\log(f M + \delta)`, that of M, and that of the phases.

    Parameters
    ----------
    w_sc, w_log, w_lin, w_phase : float
        Weights of spectral convergence, log-magnitude, magnitude and phase.
    log_dist, lin_dist : str
        "L1" or "L2".
    log_fac, log_eps : float
        :math:`f` and :math:`\delta`.
    power : float
        :math:`p`.
    floor : float
        :math:`|X|` is at least this; below, the gradient is 0.
    scale : Tensor or callable, optional
        A matrix (bands, bins) such as :func:`mel_scale`, or a function of M.
    scale_invariant : bool
        Whether the target is scaled, item by item, to fit the estimate best.
    norm : str
        Of spectral convergence: "item" or "batch".
    """

    w_sc: float = 1.0
    w_log: float = 1.0
    w_lin: float = 0.0
    w_phase: float = 0.0
    log_dist: str = "L1"
    lin_dist: str = "L1"
    log_fac: float = 1.0
    log_eps: float = 0.0
    power: float = 1.0
    floor: float = 1e-4
    scale: Scale | None = None
    scale_invariant: bool = False
    norm: str = "item"

    def __post_init__(self) -> None:
        check_choice("log_dist", self.log_dist, DISTANCES)
        check_choice("lin_dist", self.lin_dist, DISTANCES)
        check_choice("norm", self.norm, ("item", "batch"))
        if self.w_log and not (self.log_eps > 0 or self.floor > 0):
            raise SpecInvError("log_eps=0 and floor=0: the logarithm of silence needs one of them.")
        if not (self.power > 0 and self.log_fac > 0 and self.log_eps >= 0 and self.floor >= 0):
            raise SpecInvError(
                f"power={self.power!r}, log_fac={self.log_fac!r}, log_eps={self.log_eps!r}, "
                f"floor={self.floor!r}: expected positive numbers, or 0 for the last two."
            )

    def compare(self, spectra_x: Tensor, spectra_y: Tensor) -> Tensor:
        """Return the loss of each item (...) from spectra (..., bins, frames)."""
        x, y = self._magnitude(spectra_x), self._magnitude(spectra_y)
        if self.scale_invariant:
            energy = y.square().sum((-2, -1), keepdim=True)
            fit = (x * y).sum((-2, -1), keepdim=True) / torch.where(energy > 0, energy, 1)
            y = y * fit
        loss = x.new_zeros(x.shape[:-2])
        if self.w_sc:
            loss = loss + self.w_sc * convergence(x, y, self.norm)
        if self.w_log:
            log_x, log_y = (torch.log(self.log_fac * m + self.log_eps) for m in (x, y))
            loss = loss + self.w_log * mean_distance(log_x, log_y, self.log_dist, 2)
        if self.w_lin:
            loss = loss + self.w_lin * mean_distance(x, y, self.lin_dist, 2)
        if self.w_phase:
            loss = loss + self.w_phase * phase_distance(spectra_x, spectra_y)
        return loss

    def _magnitude(self, x: Tensor) -> Tensor:
        if self.floor:
            squares = power(x)
            # in single precision the square of a small floor is 0
            squares = squares.clamp_min(max(self.floor**2, torch.finfo(squares.dtype).tiny))
            magnitude = squares.sqrt() if self.power == 1 else squares ** (self.power / 2)
        else:
            # the gradient of a complex absolute value is 0 at 0
            magnitude = x.abs()
            if self.power != 1:
                magnitude = safe_power(magnitude, self.power)
        if self.scale is None:
            return magnitude
        if isinstance(self.scale, Tensor):
            if self.scale.ndim != 2 or self.scale.shape[1] != magnitude.shape[-2]:
                raise SpecInvError(
                    f"scale has shape {tuple(self.scale.shape)}: expected (bands, bins) with "
                    f"{magnitude.shape[-2]} bins."
                )
            # not in the half precision that autocast would choose
            with torch.autocast(magnitude.device.type, enabled=False):
                return self.scale.to(magnitude) @ magnitude
        return self.scale(magnitude)


@dataclass(frozen=True, eq=False)
class Resolution:
    """One STFT: n_fft, hop length and window (win_length,)."""

    n_fft: int
    hop_length: int
    window: Tensor

    @classmethod
    def of(
        cls,
        n_fft: int,
        hop_length: int | None,
        win_length: int | None,
        window: str | Tensor,
        like: Tensor | None = None,
    ) -> Resolution:
        """Read the numbers; a window by name is made for signals `like` the given one."""
        check_count("n_fft", n_fft)
        if isinstance(window, Tensor):
            length = len(window) if win_length is None else win_length
            if window.ndim != 1 or len(window) != length:
                raise SpecInvError(
                    f"window has shape {tuple(window.shape)}: expected (win_length,) = ({length},)."
                )
        else:
            length = check_count("win_length", n_fft if win_length is None else win_length)
            dtype = None if like is None else like.dtype
            window = named_window(window, length, dtype, None if like is None else like.device)
        if length > n_fft:
            raise SpecInvError(f"win_length={length} is larger than n_fft={n_fft}.")
        hop = max(1, n_fft // 4) if hop_length is None else check_count("hop_length", hop_length)
        return cls(n_fft, hop, window)

    def transform(self, wave: Tensor) -> Tensor:
        """Return spectra (..., bins, frames) of waves (..., samples), padded by reflection."""
        samples, length = wave.shape[-1], len(self.window)
        if samples < max(length, self.n_fft // 2 + 1):
            raise SpecInvError(
                f"x and y have {samples} samples, too few for a window of {length} with "
                f"n_fft={self.n_fft}: pad them, or use a shorter one."
            )
        return spectra(wave, self.window.to(wave), self.hop_length, self.n_fft)


def stft_loss(
    x: Tensor,
    y: Tensor,
    *,
    n_fft: int = 1024,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: str | Tensor = "hann",
    w_sc: float = 1.0,
    w_log: float = 1.0,
    w_lin: float = 0.0,
    w_phase: float = 0.0,
    log_dist: str = "L1",
    lin_dist: str = "L1",
    log_fac: float = 1.0,
    log_eps: float = 0.0,
    power: float = 1.0,
    floor: float = 1e-4,
    scale: Scale | None = None,
    scale_invariant: bool = False,
    norm: str = "item",
    weighting: Callable[[Tensor], Tensor] | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Spectral convergence plus log-magnitude distance of two STFTs.

    .. math::

        w_{sc} \frac{\lVert Y - X \rVert_F}{\lVert Y \rVert_F}
        + w_{log} \frac1K \sum_k | \log X_k - \log Y_k |
        + w_{lin} \frac1K \sum_k | X_k - Y_k | + w_{phase} \, \ell_{phase}

    with X and Y the magnitudes of estimate and target, at least `floor`.

    Parameters
    ----------
    x, y : Tensor
        Estimate and target, shape (..., samples), real.
    n_fft, hop_length, win_length : int
        Of the STFT, with centred frames and reflected ends. Default: 1024, n_fft // 4, n_fft.
    window : str or Tensor, default "hann"
        A name ("hann", "hamming", "blackman", "bartlett", "kaiser", "flattop", "ones") or a
        tensor (win_length,).
    w_sc, w_log, w_lin, w_phase : float
        Weights of the terms; the last is :func:`phase_loss`.
    log_dist, lin_dist : str, default "L1"
        "L1" or "L2".
    log_fac, log_eps : float
        Compare :math:`\log(f X + \delta)`. Default: 1 and 0.
    power : float, default 1.0
        Compare :math:`X^p` instead of X.
    floor : float, default 1e-4
        The least magnitude; below it the gradient is 0. With ``floor=0`` pass a log_eps.
    scale : Tensor or callable, optional
        A matrix (bands, bins), such as :func:`mel_scale` and :func:`chroma_scale` make, or a
        function, that brings magnitudes to another scale.
    scale_invariant : bool, default False
        Scale the target, item by item, to fit the estimate best.
    norm : str, default "item"
        Of the spectral convergence, see :func:`spectral_convergence_loss`.
    weighting : callable, optional
        Applied to both signals first, such as a :class:`FIRFilter`.
    reduction : str, default "mean"
        Over the items: "mean", "sum", or "none", which returns shape (...).

    Returns
    -------
    Tensor
        The loss, at least 0.

    Raises
    ------
    SpecInvError
        If shapes, dtypes or devices differ, the signals are shorter than the window, or a
        setting is not what it should be.

    References
    ----------
    - Arık, Jun, Diamos: "Fast spectrogram inversion using multi-head convolutional neural
      networks", 2018.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.losses import stft_loss
    >>> y = torch.randn(2, 8000, generator=torch.manual_seed(0))
    >>> stft_loss(y, y), stft_loss(0.5 * y, y, w_log=0)
    (tensor(0.), tensor(0.5000))
    """
    x, y = check_pair(x, y, 1, "samples")
    terms = Terms(
        w_sc, w_log, w_lin, w_phase, log_dist, lin_dist, log_fac, log_eps, power, floor, scale,
        scale_invariant, norm,
    )  # fmt: skip
    resolution = Resolution.of(n_fft, hop_length, win_length, window, x)
    return reduce(compare_at(x, y, [resolution], [terms], weighting), reduction)


def compare_at(
    x: Tensor,
    y: Tensor,
    resolutions: list[Resolution],
    terms: list[Terms],
    weighting: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Return the mean over resolutions of the loss of each item (...) of checked waves."""
    if weighting is not None:
        x, y = weighting(x), weighting(y)
    losses = [
        term.compare(r.transform(x), r.transform(y))
        for r, term in zip(resolutions, terms, strict=True)
    ]
    return torch.stack(losses).mean(0)
