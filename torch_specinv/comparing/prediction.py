"""Arrays whose sound nobody has: predicted spectrograms, with the recipe of their values."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from ..constraints import Constraint, MelBands
from ..errors import SpecInvError
from ..forks import cached_property
from ..inversion.request import Request
from ..mel import Preset
from ..solve import ALGORITHMS
from ..solve.problem import SpectrogramProblem
from ..transform.named_windows import named_window
from ..transform.stft import STFT


@dataclass(frozen=True, eq=False)
class Prediction:
    """A spectrogram to compare methods on; what counts is how near a wave comes to it.

    Parameters
    ----------
    name : str
        What to call it.
    spec : Tensor
        Shape (rows, frames), as it was written down. The phase of a complex one is discarded.
    sr : int
        Sample rate in Hz.
    preset : Preset
        Its recipe, such as ``preset("hifigan")`` or ``Preset.plain(16000, hop_length=256)``.

    speech : bool, default False
        Whether to measure DNSMOS, which is for speech.

    Raises
    ------
    SpecInvError
        If it has other dimensions, or the recipe can't have made it.
    """

    name: str
    spec: Tensor
    sr: int
    preset: Preset
    speech: bool = False

    def __post_init__(self) -> None:
        spec = self.spec.abs() if self.spec.is_complex() else self.spec
        if spec.ndim != 2:
            raise SpecInvError(
                f"{self.name} has shape {tuple(spec.shape)}: expected (rows, frames)."
            )
        object.__setattr__(self, "spec", spec.float() if spec.is_floating_point() else spec)
        self._request("griffin_lim").check(self._problem)

    def _request(self, algorithm: str) -> Request:
        return Request.read(self.spec, algorithm, {"preset": self.preset, "verbose": False})

    @cached_property
    def _problem(self) -> SpectrogramProblem:
        return self._request("griffin_lim").problem()

    @property
    def stft(self) -> STFT:
        """The transform of the waves that methods find, before :meth:`finish`."""
        return self._problem.stft

    @cached_property
    def constraint(self) -> Constraint:
        """What is known of their spectra, a batch of one."""
        return self._problem.constraint.scaled(1 / self._problem.scale)

    @property
    def target(self) -> Tensor:
        """The magnitude, or the bands: what counts, without logarithms."""
        return self.constraint.target[0]

    @cached_property
    def magnitude(self) -> Tensor:
        """What methods are given that know nothing of mel bands.

        Shape (bins, frames). Of bands it is the magnitude that our methods start from.
        """
        return self.constraint.magnitude()[0]

    @property
    def how(self) -> dict[str, MelBands]:
        """The keywords by which :func:`torch_specinv.invert` is told of mel bands."""
        if not self.preset.is_mel:
            return {}
        g = self.stft.geometry
        usual = self.preset.n_mels is not None
        return {"constraint": MelBands(self.preset.mel, g.n_fft, g.window, usual)}

    @property
    def given(self) -> Tensor:
        """What :func:`torch_specinv.invert` is given with these keywords."""
        return self.spec if self.preset.is_mel else self.target

    def observe(self, wave: Tensor) -> Tensor:
        """Return what would have been known of a wave (samples,), to compare with the target."""
        return self.constraint.observe(self.stft.analyse(wave)[None])[0]

    def finish(self, wave: Tensor) -> Tensor:
        """Return a wave as it is heard: without pre-emphasis, scale and padding of the recipe."""
        n_fft, preset = self.stft.geometry.n_fft, self.preset
        window = named_window(preset.window, preset.win_length or n_fft)
        return preset.finish(wave, n_fft, None, window)

    def beginning(self, seconds: float) -> Prediction:
        """Return as many of the first frames as begin within some seconds, at least one."""
        frames = max(1, round(seconds * self.sr / self.stft.geometry.hop_length))
        return replace(self, spec=self.spec[:, :frames])

    def check_method(self, name: str) -> None:
        """Raise if an algorithm cannot invert such spectrograms."""
        if name in ALGORITHMS:
            self._request(name).solver(self._problem)
