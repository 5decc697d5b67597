"""The alternating direction method of multipliers as a function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from torch import Tensor

from ..inversion.invert import invert
from ..inversion.settings import Common, method
from ..metrics import Metric
from ..tensors import Numbers


@method()
def ADMM(
    spec: Numbers,
    max_iter: int = 1000,
    tol: float = 1e-6,
    rho: float | Tensor = 0.1,
    verbose: bool = True,
    eva_iter: int = 10,
    metric: str | Metric | Sequence[str | Metric] = "sc",
    **common: Unpack[Common],
) -> Tensor:
    r"""Reconstruct a waveform by the alternating direction method of multipliers.

    .. math::

        X \leftarrow P_S(Z - U), \qquad
        Z \leftarrow \frac{\rho (X + U) + P_C(X + U)}{1 + \rho}, \qquad
        U \leftarrow X + U - Z

    with :math:`P_S` the projection on the magnitude and :math:`P_C = A A^+` that on the spectra
    of waveforms; the result is :math:`A^+ X`, which is :math:`A^+ (X + U)` too, as
    :math:`A^+ U = 0`. It escapes local minima in which Griffin-Lim gets stuck.

    Parameters
    ----------
    spec : Tensor
        Shape (..., bins, frames), any floating or complex dtype, any device. Real: the magnitude
        :math:`S \ge 0`. Complex: the magnitude together with the phase to start from.
    {max_iter}
    {tol}
    rho : float or Tensor, default 0.1
        How much inconsistency is allowed, at least 0. Prefer 0.5 to 1 for noisy magnitudes.
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
    - Masuyama, Yatabe, Oikawa: "Griffin-Lim like phase recovery via alternating direction method
      of multipliers", 2019.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv import ADMM
    >>> wave = torch.sin(0.2 * torch.arange(4096))
    >>> window = torch.hann_window(512)
    >>> magnitude = torch.stft(wave, 512, window=window, return_complex=True).abs()
    >>> ADMM(magnitude, 32, rho=0.1, window=window, verbose=False).shape
    torch.Size([4096])
    """
    return invert(
        spec, "admm", max_iter=max_iter, tol=tol, eva_iter=eva_iter, metric=metric,
        verbose=verbose, rho=rho, **common,
    ).wave  # fmt: skip
