r"""What a window and a hop can and cannot do together.

The squared windows of overlapping frames add up to :math:`\sum_k |w[n + ka]|^2` at sample n, the
*envelope*, with :math:`a` the hop length. Its least and its greatest value are the frame bounds of
the transform, in the sense of frame theory.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..checks import check_finite
from ..errors import SpecInvError, check_count
from ..forks import cached_property
from ..tensors import Numbers, as_tensor
from .sizes import ceil_div

#: A sample whose envelope is less than this share of the usual one is poorly covered: errors of the
#: spectrum grow more than tenfold there.
POORLY_COVERED = 1e-2


def lost_share(dtype: torch.dtype) -> float:
    """Return the share of the usual envelope below which a sample holds nothing but rounding."""
    return torch.finfo(dtype).eps ** 2


def periodic_envelope(window: Tensor, hop_length: int) -> Tensor:
    """Return the envelope far from both ends, one period of `hop_length` samples."""
    power = window.abs().square()
    blocks = ceil_div(len(power), hop_length)
    power = torch.nn.functional.pad(power, (0, blocks * hop_length - len(power)))
    return power.view(blocks, hop_length).sum(0)


def support_of(window: Tensor, hop_length: int) -> tuple[int, int]:
    """Return begin and end of the part of a window that is not 0.

    It is the whole window, where leaving out zeros does not make a frame shorter by a hop.
    """
    places = window.abs().nonzero().flatten()
    begin, end = int(places[0]), int(places[-1]) + 1
    if ceil_div(end - begin, hop_length) < ceil_div(len(window), hop_length):
        return begin, end
    return 0, len(window)


def frame_bounds(window: Numbers, hop_length: int) -> tuple[float, float]:
    r"""Return the frame bounds of a window and a hop.

    For every real signal :math:`x` and its two-sided STFT :math:`X` with ``normalized=True``,
    :math:`A \lVert x \rVert^2 \le \lVert X \rVert^2 \le B \lVert x \rVert^2`, where

    .. math:: A, B = \min_n, \max_n \sum_k |w[n + k a]|^2 .

    Equal bounds make a tight frame; :math:`A = 0` means that samples are lost and no method
    can bring them back. (Without ``normalized`` both are larger by a factor of n_fft.)

    Parameters
    ----------
    window : Tensor
        Shape (win_length,), real or complex.
    hop_length : int
        Samples between frames.

    Returns
    -------
    tuple of float
        The lower and the upper bound.

    Raises
    ------
    SpecInvError
        If `window` is not one-dimensional or `hop_length` is not positive.

    References
    ----------
    - Daubechies, Grossmann, Meyer: "Painless nonorthogonal expansions", 1986.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.transform.windows import frame_bounds
    >>> lower, upper = frame_bounds(torch.hann_window(512), 128)
    >>> print(f"{lower:.4f} {upper:.4f}")
    1.5000 1.5000
    >>> frame_bounds(torch.ones(512), 300)
    (1.0, 2.0)
    """
    hop_length = check_count("hop_length", hop_length)
    window = as_tensor(window, "window")
    if window.ndim != 1 or len(window) == 0:
        raise SpecInvError(f"window has shape {tuple(window.shape)}: expected (win_length,).")
    check_finite(window, "window")
    envelope = periodic_envelope(window, hop_length)
    return float(envelope.min()), float(envelope.max())


def largest_hop(window: Tensor, below: int) -> int:
    """Return the largest hop smaller than `below` with which `window` loses no sample."""
    for hop_length in range(below - 1, 1, -1):
        envelope = periodic_envelope(window, hop_length)
        if float(envelope.min()) > lost_share(envelope.dtype) * float(envelope.max()):
            return hop_length
    return 1


def centroid(window: Tensor) -> float:
    r"""Return the centre of energy of a window in samples, :math:`\sum n|w|^2 / \sum |w|^2`.

    The phase of neighbouring bins of one sinusoid differs by :math:`-2\pi c / n_{fft}`.
    """
    place, energy = _energy(window)
    return float((place * energy).sum() / energy.sum())


def gaussian_width(window: Tensor) -> float:
    r"""Return :math:`\gamma` of the Gaussian with the second moment of a window.

    :math:`e^{-\pi (n-c)^2 / \gamma}` has the centroid c and the second moment of the window's
    energy with

    .. math:: \gamma = 4 \pi \frac{\sum (n - c)^2 |w|^2}{\sum |w|^2} .

    0 where no Gaussian is near: for complex windows, and for those of one sample.
    """
    if window.is_complex():
        return 0.0
    place, energy = _energy(window)
    return float(4 * math.pi * ((place - centroid(window)) ** 2 * energy).sum() / energy.sum())


def gaussian_likeness(window: Tensor) -> float:
    r"""Return how much a window is like the Gaussian of :func:`gaussian_width`, from 0 to 1.

    .. math:: \frac{(\sum w g)^2}{\sum w^2 \, \sum g^2}

    Above 0.99 for windows that fade smoothly, 0.96 for ones; 0 for those without such a width.
    """
    width = gaussian_width(window)
    if width == 0:
        return 0.0
    place, energy = _energy(window)
    gaussian = torch.exp(-math.pi * (place - centroid(window)).square() / width)
    product = (energy.sqrt() * gaussian).sum().square()
    return float(product / (energy.sum() * gaussian.square().sum()))


class WindowShape:
    """What a window is like, found out once for each geometry; its numbers are plain ones."""

    def __init__(self, window: Tensor, hop_length: int) -> None:
        self._window, self._hop_length = window, hop_length

    @cached_property
    def support(self) -> tuple[int, int]:
        """See :func:`support_of`."""
        return support_of(self._window, self._hop_length)

    @cached_property
    def centroid(self) -> float:
        """See :func:`centroid`."""
        return centroid(self._window)

    @cached_property
    def width(self) -> float:
        """See :func:`gaussian_width`."""
        return gaussian_width(self._window)

    @cached_property
    def likeness(self) -> float:
        """See :func:`gaussian_likeness`."""
        return gaussian_likeness(self._window)


def _energy(window: Tensor) -> tuple[Tensor, Tensor]:
    """Return the places and the energy of a window's samples in double precision."""
    energy = window.detach().cpu().abs().double().square()
    return torch.arange(len(energy), dtype=energy.dtype, device=energy.device), energy
