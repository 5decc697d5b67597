"""What a recipe did to waveforms before their STFT, undone chunk by chunk."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..mel import Preset
from ..mel.emphasis import deemphasise
from ..mel.ends import fade_ends
from ..transform.geometry import Geometry
from ..transform.sizes import ceil_div


@dataclass(frozen=True, eq=False)
class Finisher:
    """Chunks of a padded waveform (batch, samples), one after the other, as the recipe's sound.

    The same as :meth:`torch_specinv.mel.Preset.finish` for the whole.
    """

    lead: int
    """Samples of padding before the signal."""
    gain: float = 1.0
    preemphasis: float = 0.0
    rise: Tensor | None = None
    """Factors of the first samples, where frames are not centred."""
    place: int = 0
    """Samples that have been taken in, the padding among them."""
    last: Tensor | None = None
    """The last sample of each item that was returned, if there was pre-emphasis."""

    @classmethod
    def of(cls, geometry: Geometry, preset: Preset | None) -> Finisher:
        """Begin before the first sample."""
        if preset is None:
            return cls(geometry.padding)
        rise = None
        if not preset.center:
            window = geometry.window[: geometry.span]
            rise = _factors(window, geometry.hop_length)[: len(window)]
        return cls(
            geometry.padding + preset.padding,
            preset.gain(geometry.n_fft),
            preset.preemphasis,
            rise,
        )

    def take(self, wave: Tensor) -> tuple[Finisher, Tensor]:
        """Take in the next samples of the padded wave; return those of the signal."""
        before, after = self.place, self.place + wave.shape[-1]
        if self.gain != 1:
            wave = wave * self.gain
        if self.rise is not None and before < len(self.rise):
            part = self.rise[before:after]
            wave = wave * torch.nn.functional.pad(part, (0, wave.shape[-1] - len(part)), value=1.0)
        wave = wave[:, max(0, self.lead - before) :]
        if self.preemphasis and wave.shape[-1]:
            if self.last is not None:
                first = wave[:, :1] + self.preemphasis * self.last
                wave = torch.cat([first, wave[:, 1:]], 1)
            wave = deemphasise(wave, self.preemphasis)
        last = wave[:, -1:] if self.preemphasis and wave.shape[-1] else self.last
        return replace(self, place=after, last=last), wave

    def fade(self, rest: Tensor, geometry: Geometry) -> Tensor:
        """Fade the end of the last samples (batch, samples) of a padded wave."""
        if self.rise is None:
            return rest
        fall = _factors(geometry.window[: geometry.span], geometry.hop_length)
        size = min(geometry.span, rest.shape[-1])
        faded = rest[:, rest.shape[-1] - size :] * fall[len(fall) - size :]
        return torch.cat([rest[:, : rest.shape[-1] - size], faded], 1)


def _factors(window: Tensor, hop_length: int) -> Tensor:
    """Return by what the ends of a wave are multiplied: those of a long one."""
    span = len(window)
    ones = window.abs().new_ones(span + ceil_div(2 * span, hop_length) * hop_length)
    return fade_ends(ones, window, hop_length)
