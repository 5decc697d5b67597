"""The push interface: a frame goes in, finished samples come out."""

from __future__ import annotations

from typing import Any, Unpack

import torch
from torch import Tensor

from ..checks import check_spectrogram, lift
from ..errors import SpecInvError, check_count, check_switch
from ..solve.momentum import check_momentum
from ..tensors import Numbers, as_tensor
from ..transform.frames import resize
from ..transform.geometry import Geometry, STFTKeywords, read_geometry
from ..transform.named_windows import read_window
from ..transform.sizes import bin_count
from .core import OnlineInverter, OnlineState
from .recorded_push import RecordedPush


class RTISI:
    """Real-time iterative spectrogram inversion with look-ahead, for frames as they arrive.

    What all calls of :meth:`push` and the final :meth:`flush` return, put together, is what
    :func:`torch_specinv.RTISI_LA` returns for the whole spectrogram. The latency is that of a
    frame and of the look-ahead: see :attr:`latency`.

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
        check_count("max_iter", max_iter)
        check_momentum("alpha", alpha, "alpha=0 is the method of the paper.")
        check_switch("asymmetric_window", asymmetric_window)
        n_fft = check_count("n_fft", stft_kwargs.get("n_fft"))
        window = read_window(stft_kwargs.get("window"))
        onesided = stft_kwargs.get("onesided")
        if onesided is None:
            onesided = not (isinstance(window, Tensor) and window.is_complex())
        check_switch("onesided", onesided)
        self._settings: dict[str, Any] = {
            "asymmetric_window": asymmetric_window,
            "max_iter": max_iter,
            "alpha": alpha,
        }
        self._keywords = stft_kwargs
        self._bins = bin_count(n_fft, onesided)
        # a first reading, so that mistakes show before the first frame
        device = window.device if isinstance(window, Tensor) else torch.device("cpu")
        geometry = self._read(torch.float32, device)
        self._look_ahead = read_look_ahead(look_ahead, geometry)
        self.latency: int = (self._look_ahead - 1) * geometry.hop_length + n_fft
        """Samples between the newest sample that a frame looks at and the newest finished one."""
        self.reset()

    def reset(self) -> None:
        """Forget all frames."""
        self._inverter: OnlineInverter | None = None
        self._state: OnlineState | None = None
        self._batch = torch.Size()
        self._dtype = torch.float32
        self._pushed = 0
        self._finished = 0

    def push(self, magnitude: Numbers) -> Tensor:
        """Take in the next frame.

        Parameters
        ----------
        magnitude : Tensor
            Shape (..., bins), real and not negative.

        Returns
        -------
        Tensor
            Shape (..., samples): the samples that are finished by this frame, hop_length of them
            or, at the beginning, fewer or none.
        """
        magnitude = as_tensor(magnitude, "magnitude")
        check_spectrogram(magnitude.unsqueeze(-1), "magnitude")
        if magnitude.is_complex():
            raise SpecInvError("magnitude is complex: RTISI makes its own phase as it goes.")
        if magnitude.shape[-1] != self._bins:
            raise SpecInvError(
                f"magnitude has {magnitude.shape[-1]} bins, expected {self._bins}: push one frame "
                "(..., bins) at a time."
            )
        if self._inverter is None or self._state is None:
            self._begin(magnitude)
        elif magnitude.shape[:-1] != self._batch:
            raise SpecInvError(
                f"magnitude has batch dimensions {tuple(magnitude.shape[:-1])}, those before it "
                f"{tuple(self._batch)}: call reset() for another signal."
            )
        return self._take(lift(magnitude.reshape(-1, self._bins)), exists=True)

    def flush(self) -> Tensor:
        """Finish the frames that are still active; the next frame begins another signal.

        Returns
        -------
        Tensor
            Shape (..., samples): the rest of the signal.
        """
        if self._inverter is None or self._state is None:
            raise SpecInvError("flush() without a frame: push at least one before.")
        g = self._inverter.geometry
        length = g.hop_length * (self._pushed - 1) + g.span - 2 * g.padding
        given = max(0, self._finished - g.padding)
        silence = self._state.target[:, 0] * 0
        parts = [self._take(silence, exists=False) for _ in range(self._inverter.look_ahead)]
        rest = self._inverter.rest(self._state).to(self._dtype)
        parts.append(self._trim(rest).reshape(*self._batch, -1))
        wave = resize(torch.cat(parts, -1), max(length, 1) - given)
        self.reset()
        return wave

    def _begin(self, magnitude: Tensor) -> None:
        geometry = self._read(magnitude.dtype, magnitude.device)
        self._inverter = OnlineInverter(geometry, look_ahead=self._look_ahead, **self._settings)
        self._batch, self._dtype = magnitude.shape[:-1], magnitude.dtype
        self._state = self._inverter.begin(magnitude[..., 0].numel())
        self._recorded = RecordedPush(self._inverter)

    def _take(self, flat: Tensor, *, exists: bool) -> Tensor:
        """Push a frame, existing or absent, and return what it finishes."""
        assert self._inverter is not None
        assert self._state is not None
        present = torch.full((len(flat),), exists, device=flat.device)
        recorded = self._recorded.takes(flat, self._state.estimate, self._inverter.geometry.window)
        push = self._recorded if recorded else self._inverter.push
        self._state, samples = push(self._state, flat, present)
        self._pushed += 1
        if self._pushed <= self._inverter.look_ahead:
            samples = samples[:, :0]
        return self._trim(samples.to(self._dtype)).reshape(*self._batch, -1)

    def _trim(self, samples: Tensor) -> Tensor:
        """Drop what lies in the padding before the signal."""
        assert self._inverter is not None
        before = self._finished
        self._finished += samples.shape[-1]
        return samples[:, max(0, self._inverter.geometry.padding - before) :]

    def _read(self, dtype: torch.dtype, device: torch.device) -> Geometry:
        return read_geometry(self._bins, 1, dtype, device, None, self._keywords, check_pad=False)


def read_look_ahead(look_ahead: int, geometry: Geometry) -> int:
    """Return the look-ahead in frames, with -1 resolved."""
    look_ahead = check_count("look_ahead", look_ahead, least=-1)
    if look_ahead == -1:
        return (geometry.win_length - 1) // geometry.hop_length
    return look_ahead
