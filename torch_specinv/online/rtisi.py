"""RTISI-LA as frames arrive, under the name that it is known by."""

from __future__ import annotations

from typing import Unpack

from torch import Tensor

from ..errors import check_count
from ..solve.algorithm import PointwiseAlgorithm, make_algorithm
from ..solve.momentum import check_momentum
from ..transform.geometry import Geometry, STFTKeywords
from .settings import read_look_ahead
from .streaming import Streaming


class RTISI(Streaming):
    """Real-time iterative spectrogram inversion with look-ahead, for streaming.

    What all calls of :meth:`push` and the final :meth:`flush` return, put together, is what
    :func:`torch_specinv.RTISI_LA` returns for the whole spectrogram. The latency is that of a
    frame and of the look-ahead: see :attr:`latency`. It is :class:`Streaming` with the rule of fast
    Griffin-Lim; and the frame after :meth:`flush` begins another signal.

    Parameters
    ----------
    look_ahead : int, default -1
        Frames after a frame that are known when it is finished; -1 means
        (win_length - 1) // hop_length, 0 is RTISI.
    asymmetric_window : bool, default False
        Whether the first guess of a new frame makes up for samples that later frames will fill.
    max_iter : int, default 25
        Iterations for each new frame.
    alpha : float or Tensor, default 0.99
        Momentum, at least 0. Values above 1 raise a warning.
    **stft_kwargs
        The keywords of :func:`torch.stft` with its defaults; n_fft is needed.

    Raises
    ------
    SpecInvError
        If an argument or a frame is not what it should be.

    References
    ----------
    - Zhu, Beauregard, Wyse: "Real-time signal estimation from modified short-time Fourier
      transform magnitude spectra", 2007.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv import RTISI_LA
    >>> from torch_specinv.online import RTISI
    >>> window = torch.hann_window(256)
    >>> wave = torch.sin(0.2 * torch.arange(2048))
    >>> spec = torch.stft(wave, 256, window=window, return_complex=True).abs()
    >>> online = RTISI(n_fft=256, look_ahead=2, max_iter=5, window=window)
    >>> parts = [online.push(frame) for frame in spec.T] + [online.flush()]
    >>> offline = RTISI_LA(spec, look_ahead=2, max_iter=5, window=window, verbose=False)
    >>> torch.allclose(torch.cat(parts), offline, atol=1e-5)
    True
    """

    def __init__(
        self,
        look_ahead: int = -1,
        asymmetric_window: bool = False,
        max_iter: int = 25,
        alpha: float | Tensor = 0.99,
        **stft_kwargs: Unpack[STFTKeywords],
    ) -> None:
        check_momentum("alpha", alpha, "alpha=0 is the method of the paper.")
        rule = make_algorithm("griffin_lim", {"alpha": alpha})
        assert isinstance(rule, PointwiseAlgorithm)
        super().__init__(
            algorithm=rule,
            look_ahead=look_ahead,
            max_iter=check_count("max_iter", max_iter),
            asymmetric_window=asymmetric_window,
            **stft_kwargs,
        )

    def flush(self) -> Tensor:
        """Finish the frames that are still active; the next frame begins another signal.

        Returns
        -------
        Tensor
            Shape (..., samples): the rest of the signal.
        """
        wave = super().flush()
        self.reset()
        return wave

    def _check_look_ahead(self, look_ahead: int, geometry: Geometry) -> int:
        return read_look_ahead(look_ahead, geometry)
