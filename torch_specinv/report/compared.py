"""What a comparison measured, as the entries of a page and of tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from ..comparing import Clip, Measurement, Prediction
from ..comparing.inexact_tables import run_name
from .gather import REFERENCE, Entry, Sound, low_pass


class Compared:
    """Collects what :func:`torch_specinv.comparing.compare` finds; :meth:`keep` is its `keep`.

    Parameters
    ----------
    n_fft : int
        Of the spectrograms of sounds; predictions have their own.
    hop_length : int, optional
        Default: n_fft // 4.
    sounds : bool, default True
        Whether waves are kept, for a page: those after the most iterations.
    """

    def __init__(self, n_fft: int, hop_length: int | None = None, *, sounds: bool = True) -> None:
        self._stft = n_fft, n_fft // 4 if hop_length is None else hop_length
        self._sounds = sounds
        self._clips: dict[tuple[str, str], Clip | Prediction] = {}
        self._measured: dict[tuple[str, str], list[Measurement]] = {}
        self._waves: dict[tuple[str, str, str], tuple[int, Callable[[], Tensor]]] = {}

    def keep(
        self, clip: Clip | Prediction, measured: Measurement, wave: Callable[[], Tensor]
    ) -> None:
        """Add a measurement."""
        place = measured.kind, measured.clip
        self._clips[place] = clip
        self._measured.setdefault(place, []).append(measured)
        key = (*place, measured.method)
        if self._sounds and measured.iterations >= self._waves.get(key, (0, wave))[0]:
            self._waves[key] = measured.iterations, wave

    @property
    def clips(self) -> list[Clip | Prediction]:
        """What was measured, each once."""
        return list({id(clip): clip for clip in self._clips.values()}.values())

    def of_all(self) -> list[Entry]:
        """Return every measurement, for tables: the sounds are empty."""
        return [
            self._entry(place, [_sound(run_name((m.method, m.iterations)), m) for m in found])
            for place, found in self._measured.items()
        ]

    def of_most_iterations(self) -> list[Entry]:
        """Return each method after its most iterations, with the sounds, for a page."""
        entries: list[Entry] = []
        for place, found in self._measured.items():
            sounds: list[Sound] = []
            for method in dict.fromkeys(m.method for m in found):
                runs = sorted((m for m in found if m.method == method), key=lambda m: m.iterations)
                wave = self._waves[(*place, method)][1]()
                sounds.append(_sound(method, runs[-1], wave, runs))
            entries.append(self._entry(place, sounds))
        return entries

    def _entry(self, place: tuple[str, str], sounds: Sequence[Sound]) -> Entry:
        """Return a clip; the kinds of magnitudes, where there are several, are in its name."""
        kind, name = place
        clip = self._clips[place]
        several = len({kind for kind, _ in self._clips}) > 1
        name = f"{name} ({kind})" if several else name
        if isinstance(clip, Prediction):
            g = clip.stft.geometry
            return Entry(name, clip.sr, g.n_fft, g.hop_length, tuple(sounds), None)
        reference, anchor = Sound(REFERENCE, clip.wave), low_pass(clip.wave, clip.sr)
        return Entry(name, clip.sr, *self._stft, (reference, *sounds), anchor)


def _sound(
    name: str,
    measured: Measurement,
    wave: Tensor | None = None,
    runs: Sequence[Measurement] = (),
) -> Sound:
    note = "" if wave is None or not measured.iterations else f"{measured.iterations} iterations"
    curve = [(m.iterations, m.sc) for m in runs]
    wave = Tensor() if wave is None else wave.float()
    return Sound(name, wave, measured.values, curve, measured.seconds, note)
