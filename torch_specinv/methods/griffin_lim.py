"""Griffin-Lim and fast Griffin-Lim as a function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from torch import Tensor

from ..inversion.invert import invert
from ..inversion.settings import Common, method
from ..metrics import Metric
from ..tensors import Numbers


@method()
def griffin_lim(
    spec: Numbers,
    max_iter: int = 200,
    tol: float = 1e-6,
    alpha: float | Tensor = 0.99,
    verbose: bool = True,
    eva_iter: int = 10,
    metric: str | Metric | Sequence[str | Metric] = "sc",
    **common: Unpack[Common],
) -> Tensor:
    r"""Reconstruct a waveform by (fast) Griffin-Lim.

    .. math:: t_k = A^+ P_S(A y_{k-1}), \qquad y_k = t_k + \alpha (t_k - t_{k-1})

    with :math:`A` the STFT, :math:`A^+` its exact least-squares inverse and :math:`P_S` the
    projection that keeps each bin's phase and sets its magnitude to :math:`S`.

    Parameters
    ----------
    spec : Tensor
        Shape (..., bins, frames), any floating or complex dtype, any device. Real: the magnitude
        :math:`S \ge 0`. Complex: the magnitude together with the phase to start from.
    {max_iter}
    {tol}
    alpha : float or Tensor, default 0.99
        Momentum, at least 0. 0 is plain Griffin-Lim; values above 1 stall, and
        raise a warning.
    {verbose}
    {eva_iter}
    {metric}
    {keywords}

    Returns
    -------
    Tensor
        The waveforms (..., samples) in the dtype and on the device of `spec`: the best iterate.

    Raises
    ------
    SpecInvError
        If an argument is not what it should be; before any work is done.

    References
    ----------
    - Griffin, Lim: "Signal estimation from modified short-time Fourier transform", 1984.
    - Perraudin, Balazs, Søndergaard: "A fast Griffin-Lim algorithm", 2013.

    See Also
    --------
    torch_specinv.invert : The same, with history and status of each item.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv import griffin_lim
    >>> wave = torch.sin(0.2 * torch.arange(4096))
    >>> window = torch.hann_window(512)
    >>> magnitude = torch.stft(wave, 512, window=window, return_complex=True).abs()
    >>> griffin_lim(magnitude, 32, window=window, verbose=False).shape
    torch.Size([4096])
    """
    return invert(
        spec, "griffin_lim", max_iter=max_iter, tol=tol, eva_iter=eva_iter, metric=metric,
        verbose=verbose, alpha=alpha, **common,
    ).wave  # fmt: skip
