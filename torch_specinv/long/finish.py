"""What a recipe did to a waveform before its STFT, undone one piece after another."""

from __future__ import annotations

import torch
from torch import Tensor

from ..mel import Preset
from ..mel.emphasis import deemphasise


class Finish:
    """Undoes the padding, the level and the pre-emphasis of a recipe.

    Parameters
    ----------
    preset : Preset or None
        The recipe; without one nothing is done.
    n_fft : int
        Of the STFT.
    length : int
        Samples of the whole waveform with the padding.
    """

    def __init__(self, preset: Preset | None, n_fft: int, length: int) -> None:
        self._padding = 0 if preset is None else preset.padding
        self._preemphasis = 0.0 if preset is None else preset.preemphasis
        self._gain = 1.0 if preset is None else preset.gain(n_fft)
        self._end = length - self._padding
        self.length = length - 2 * self._padding
        """Samples of the waveform that is written."""

    def __call__(
        self, samples: Tensor, begin: int, last: list[float] | None
    ) -> tuple[Tensor, list[float]]:
        """Finish samples (channels, n) that begin at a sample of the padded waveform.

        `last` holds the sample of each channel that was written last; the new one is returned too.
        """
        kept = slice(max(0, self._padding - begin), max(0, self._end - begin))
        wave = samples[:, kept] * self._gain if self._gain != 1 else samples[:, kept]
        if wave.shape[1] == 0:
            return wave, last or [0.0] * len(wave)
        if self._preemphasis:
            wave = deemphasise(wave, self._preemphasis)
            if last is not None:
                ring = self._preemphasis ** torch.arange(1, wave.shape[1] + 1, dtype=torch.float64)
                wave = wave + (torch.tensor(last, dtype=torch.float64)[:, None] * ring).to(wave)
        return wave, wave[:, -1].tolist()
