"""What is measured: a sound or a prediction, and what methods are given of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from ..transform.stft import STFT
from .degrade import Degradation, Recording
from .listening import Clip
from .prediction import Prediction


@dataclass(frozen=True, eq=False)
class Task:
    """A clip, and what is given of it."""

    clip: Clip | Prediction
    stft: STFT
    kind: str
    target: Tensor
    """What a wave is compared with: a magnitude, or bands."""
    truth: Tensor | None = None
    """The true magnitude where it is not the target."""
    phases: Mapping[str, Tensor] = field(default_factory=dict[str, Tensor])
    """Phases to measure without any iteration, by name."""

    @property
    def given(self) -> Tensor:
        """What :func:`torch_specinv.invert` is given."""
        return self.clip.given if isinstance(self.clip, Prediction) else self.target

    @property
    def how(self) -> Mapping[str, Any]:
        """The keywords of it beside those of the STFT."""
        return self.clip.how if isinstance(self.clip, Prediction) else {}

    @property
    def magnitude(self) -> Tensor:
        """What other methods are given, (bins, frames)."""
        return self.clip.magnitude if isinstance(self.clip, Prediction) else self.target

    @property
    def about(self) -> dict[str, Any]:
        """What tells the clip from others."""
        if isinstance(self.clip, Prediction):
            given = self.clip
            about = {"name": given.name, "sr": given.sr, "recipe": repr(given.preset)}
            return {**about, "array": given.spec, "speech": given.speech}
        return self.clip._asdict()

    def observe(self, wave: Tensor) -> Tensor:
        """Return what is compared with the target."""
        return self.clip.observe(wave) if isinstance(self.clip, Prediction) else self.stft(wave)

    def finish(self, wave: Tensor) -> Tensor:
        """Return a wave as it is heard."""
        return self.clip.finish(wave) if isinstance(self.clip, Prediction) else wave


def task_of(
    clip: Clip | Prediction,
    disturb: Callable[[Tensor], Tensor] | None,
    degrade: Degradation | None,
    stft_kwargs: Mapping[str, Any],
) -> Task:
    """Return what is given of a clip; a prediction brings its own STFT."""
    if isinstance(clip, Prediction):
        return Task(clip, clip.stft, "exact", clip.target)
    stft = STFT.of_wave(clip.wave, **stft_kwargs)
    if degrade is None:
        truth = stft(clip.wave)
        if disturb is None:
            return Task(clip, stft, "exact", truth)
        return Task(clip, stft, "disturbed", disturb(truth), truth)
    recording = Recording(clip.wave, clip.sr, stft)
    given = degrade(recording)
    phases = {"true phase": recording.spectrum.angle()}
    if given.phase is not None:
        phases["given phase"] = given.phase
    return Task(clip, stft, degrade.name, given.magnitude, recording.magnitude, phases)
