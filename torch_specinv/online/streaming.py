"""The push interface: frames go in, finished samples come out."""

from __future__ import annotations

from typing import Any, Literal, Self

import torch
from torch import Tensor

from ..checks import lift
from ..constraints.read import MakeConstraint
from ..errors import SpecInvError, check_choice, check_positive
from ..mel import Preset
from ..solve.algorithm import PointwiseAlgorithm
from ..tensors import Numbers
from ..transform.geometry import Geometry
from .guess import Guess
from .mixed import with_mixture
from .session import Session
from .settings import read_look_ahead
from .shapes import good_frames, read_frames
from .stream_setup import StreamSetup


class Streaming:
    r"""Inversion in real time: frames in, finished samples out, with a stated latency.

    Any pointwise rule runs on the last look_ahead + 1 frames, while all earlier ones stay as they
    are. What all calls of :meth:`push` and the final :meth:`flush` return, put together, is what
    ``invert(spec, "rtisi_la", rule=..., guess=...)`` returns for the whole spectrogram.

    Parameters
    ----------
    algorithm : str or PointwiseAlgorithm, default "griffin_lim"
        "griffin_lim" (fast with its default alpha), "agla", "admm", "raar", "difference_map", or a
        pointwise rule. Hyperparameters of a name are keywords here. On exact
        magnitudes "admm" was measured to be nearer, most of all with little look-ahead.
    look_ahead : int, default -1
        Frames after a frame that are known when it is finished, at most (span - 1) // hop_length,
        where the span is n_fft (win_length with ``window_align="start"``). -1 is that number.
    max_iter : int, default 8
        Iterations for each new frame. 0 leaves the first phase as it is.
    init : str or Guess, default "least_squares"
        The first phase of a new frame: "least_squares" of what the earlier frames say of it; "pghi"
        or "spsi", which go on from the frame before; "zero".
    preset : str or Preset, optional
        What the frames are, such as "hifigan"; instead of the keywords of the STFT.
    constraint : callable, optional
        As in :func:`torch_specinv.invert`: makes a :class:`torch_specinv.Constraint` of what was
        observed, (batch, rows, frames). It is called for a few frames at a time.
    rows : int, optional
        The rows that `constraint` reads of a frame. Default: the bins of n_fft. More are of use
        where something else is known of each frame, such as some phases.
    sources : int, optional
        How many sources add up to a mixture, which is pushed with them: frames are (..., sources,
        bins), linear magnitudes. In every iteration what is lacking of the mixture is divided
        among them (MISI, where the rule is Griffin-Lim), and phases start from its own.
    asymmetric_window : bool, default False
        Whether "least_squares" makes up for samples that later frames will fill.
    on_nan : "raise" or "hold", default "raise"
        What to do with a frame of NaN or infinity: raise, or take the last good frame of that
        stream once more; :attr:`held` counts.
    backend : str, default "auto"
        What carries out the iterations: "native", compiled code, for float32 on a CPU, magnitudes
        and rules that are numbers ("griffin_lim", "raar", "difference_map", "admm"); "torch"; or
        "auto", the first of these that can. ``TORCH_SPECINV_BACKEND`` says what "auto" means.
    **keywords
        Those of :func:`torch.stft` with its defaults, of which n_fft is needed; and hyperparameters
        of `algorithm`.

    Raises
    ------
    SpecInvError
        If an argument or a frame is not what it should be; before any work is done.

    References
    ----------
    - Peer, Welker, Peer, Gerkmann: "A flexible online framework for projection-based STFT phase
      retrieval", 2023.
    - Průša, Søndergaard: "Real-time spectrogram inversion using phase gradient heap integration",
      2016.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.online import Streaming
    >>> window = torch.hann_window(256)
    >>> wave = torch.sin(0.2 * torch.arange(2048))
    >>> spec = torch.stft(wave, 256, window=window, return_complex=True).abs()
    >>> stream = Streaming(n_fft=256, window=window, algorithm="raar", look_ahead=1)
    >>> parts = [stream.push(frame) for frame in spec.T] + [stream.flush()]
    >>> torch.cat(parts).shape, stream.latency
    (torch.Size([2048]), 256)
    """

    def __init__(
        self,
        *,
        algorithm: str | PointwiseAlgorithm = "griffin_lim",
        look_ahead: int = -1,
        max_iter: int = 8,
        init: str | Guess = "least_squares",
        preset: str | Preset | None = None,
        constraint: MakeConstraint | None = None,
        rows: int | None = None,
        sources: int | None = None,
        asymmetric_window: bool = False,
        on_nan: Literal["raise", "hold"] = "raise",
        backend: str = "auto",
        **keywords: Any,
    ) -> None:
        self._on_nan = check_choice("on_nan", on_nan, ("raise", "hold"))
        self._setup = StreamSetup(
            algorithm=algorithm,
            look_ahead=look_ahead,
            max_iter=max_iter,
            init=init,
            preset=preset,
            constraint=constraint,
            rows=rows,
            sources=sources,
            asymmetric_window=asymmetric_window,
            backend=backend,
            keywords=keywords,
            check_look_ahead=self._check_look_ahead,
        )
        g = self._setup.geometry
        self.look_ahead: int = self._setup.look_ahead
        """Frames that are known after the one that is finished."""
        self.hop_length: int = g.hop_length
        """Samples that a frame finishes."""
        self.latency: int = g.n_fft + (self.look_ahead - 1) * g.hop_length
        """Samples between the newest sample that a frame looks at and the newest finished one:
        n_fft + (look_ahead - 1) hop_length, centred or not."""
        self.reset()

    def _check_look_ahead(self, look_ahead: int, geometry: Geometry) -> int:
        most = (geometry.span - 1) // geometry.hop_length
        look_ahead = read_look_ahead(look_ahead, geometry)
        if look_ahead > most:
            raise SpecInvError(
                f"look_ahead={look_ahead}: at most {most} frames overlap with the one that is "
                f"finished (n_fft={geometry.n_fft}, hop_length={geometry.hop_length}), and later "
                "ones only add latency."
            )
        return look_ahead

    def latency_seconds(self, sr: float | None = None) -> float:
        """Return the latency in seconds, at a sample rate in Hz; a preset brings its own.

        Raises
        ------
        SpecInvError
            If no sample rate is known, or it is not positive.
        """
        if sr is None:
            sr = None if self._setup.recipe is None else self._setup.recipe.sr
        check_positive("sr", sr, "A sample rate in Hz is needed here.")
        assert sr is not None
        return self.latency / float(sr)

    def reset(self) -> None:
        """Forget all frames."""
        self._session: Session | None = None
        self._batch: torch.Size | None = None
        self._dtype = torch.float32

    @property
    def held(self) -> int:
        """Frames of NaN that were replaced since the beginning, of all streams together."""
        return 0 if self._session is None else int(self._session.held)

    def warm_up(self, streams: int = 1, device: torch.device | str = "cpu") -> None:
        """Do once, with silence in float32, what makes the first push slower than later ones."""
        streams *= self._setup.sources or 1
        silence = torch.zeros(streams, self._setup.rows, 1, device=device)
        session = self._setup.begin(silence, check=False)
        for _ in range(2):
            session.push(silence, silence[:, :1] == 0)

    def push(self, frames: Numbers, mixture: Numbers | None = None) -> Tensor:
        """Take in the next frames.

        Parameters
        ----------
        frames : Tensor
            Shape (..., bins), one frame of each stream, or (..., bins, frames); real. Magnitudes,
            or what the preset or the constraint says. All blocks have the leading dimensions, the
            dtype and the device of the first one.
        mixture : Tensor, optional
            With `sources`: the STFT of their mixture for these frames, complex, (..., bins) or
            (..., bins, frames), without the dimension of the sources.

        Returns
        -------
        Tensor
            Shape (..., samples): the samples that are finished by these frames, hop_length for each
            or, at the beginning, fewer or none. In the dtype of the frames.

        Raises
        ------
        SpecInvError
            If frames are not what they should be, or come after :meth:`flush`.
        """
        setup, hold = self._setup, self._on_nan == "hold"
        block, batch = read_frames(frames, setup.given_rows, self._batch)
        last = None if self._session is None else self._session.last
        if last is not None and (block.dtype, block.device) != (self._dtype, last.device):
            raise SpecInvError(
                f"frames are {block.dtype} on {block.device}, those before them {self._dtype} on "
                f"{last.device}: convert them, or move the stream with to(device)."
            )
        good = good_frames(block, hold=hold, linear=setup.reader.linear)
        if setup.sources is not None:
            block = with_mixture(block, batch, setup.sources, mixture, hold=hold)
            good = good & torch.isfinite(block).all(1, keepdim=True)
        elif mixture is not None:
            raise SpecInvError("mixture is given, but sources is not: Streaming(sources=...).")
        values = lift(torch.where(good, block, 0))
        if self._session is None:
            self._session = setup.begin(values)
            self._batch, self._dtype = batch, block.dtype
        return self._present(self._session.push(values, good))

    def flush(self) -> Tensor:
        """Finish the frames that are still active: the end of the signal.

        Returns
        -------
        Tensor
            Shape (..., samples): the rest of the signal.

        Raises
        ------
        SpecInvError
            If there was no frame, or the signal has ended already.
        """
        if self._session is None:
            raise SpecInvError("flush() without a frame: push at least one before.")
        return self._present(self._session.flush())

    def to(self, device: torch.device | str) -> Self:
        """Move what is known of the frames, and the window, to a device; return the stream."""
        device = torch.device(device)
        self._setup.move_window(device)
        if self._session is not None:
            state = self.state_dict()
            tensors = {name: x.to(device) for name, x in state.items() if isinstance(x, Tensor)}
            self.load_state_dict({**state, **tensors})
        return self

    def state_dict(self) -> dict[str, Any]:
        """Return what is known of the frames: tensors and numbers, as :func:`torch.save` takes."""
        if self._session is None or self._batch is None:
            return {}
        return {"batch": tuple(self._batch), "dtype": self._dtype, **self._session.state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where a stream with the same settings was, given its :meth:`state_dict`.

        Raises
        ------
        SpecInvError
            If the state is that of other settings.
        """
        if not state:
            self.reset()
            return
        try:
            last = state["last"]
            silence = last.new_zeros(len(last), self._setup.rows, 1)
            session = self._setup.begin(silence, check=False)
            session.load(state)
            batch, dtype = torch.Size(state["batch"]), state["dtype"]
        except (KeyError, TypeError, AttributeError) as error:
            raise SpecInvError(
                f"state is not what state_dict() returns ({type(error).__name__}: {error})."
            ) from error
        self._session, self._batch, self._dtype = session, batch, dtype

    def _present(self, wave: Tensor) -> Tensor:
        assert self._batch is not None
        return wave.to(self._dtype).reshape(*self._batch, wave.shape[-1])
