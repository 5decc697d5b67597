"""Metrics against originals: of waveforms whose phases are known."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..comparing.listening import Clip, heard
from ..comparing.measure import measured_metrics
from ..errors import SpecInvError
from ..io import AUDIO_SUFFIXES, read_audio
from ..transform.stft import STFT
from .filing import locate
from .job import Job
from .reading import Given

#: What the columns begin with, to tell them from metrics against the given magnitudes.
PREFIX = "ref_"
# How much longer or shorter an original may be, in seconds
_TOLERANCE = 0.1


class Scorer:
    """Measures waveforms against files of the same key in a folder of originals."""

    def __init__(self, job: Job) -> None:
        assert job.references is not None
        self._files, self._folder = locate(job.references, name="score")
        if not self._files.is_folder(self._folder):
            raise SpecInvError(f"score={job.references!r} is not a folder of audio.")
        self._job = job

    def __call__(self, given: Given, wave: Tensor) -> dict[str, float]:
        """Return metrics of the first channel.

        Raises
        ------
        SpecInvError
            If there is no original, or it is not alike in length and sample rate.
        """
        original, sr = self.original(given.item.key)
        if sr != given.sr:
            raise SpecInvError(f"the original has {sr} Hz, the waveform {given.sr} Hz.")
        missing = len(original) - wave.shape[-1]
        if abs(missing) > _TOLERANCE * sr:
            raise SpecInvError(f"the original is {missing / sr:+.2f} s longer than the waveform.")
        samples = min(len(original), wave.shape[-1])
        original, found = original[:samples], wave[0, :samples].float()
        stft = STFT.of_wave(original, **self._stft(given, samples))
        values: dict[str, Any] = {
            name: float(metric(stft(found), stft(original)))
            for name, metric in measured_metrics().items()
        }
        if self._job.speech:
            values |= heard(found, Clip(given.item.key, original, sr, True), music=False)
        return {
            PREFIX + name: round(float(value), 4)
            for name, value in values.items()
            if value is not None
        }

    def original(self, key: str) -> tuple[Tensor, int]:
        """Return the first channel of the original of an item, and its sample rate."""
        for suffix in (".wav", ".flac", *AUDIO_SUFFIXES):
            path = f"{self._folder}/{key}{suffix}"
            if self._files.find(path) is not None:
                with self._files.local(path) as local:
                    waves, sr = read_audio(local)
                return waves[0], sr
        raise SpecInvError(f"there is no original of {key} in {self._job.references}.")

    @staticmethod
    def _stft(given: Given, samples: int) -> dict[str, Any]:
        """Return a plain STFT of about the size that was given."""
        recipe = given.recipe
        rows = given.spec.shape[-2]
        n_fft = given.stft.get("n_fft", 1024)
        if recipe is not None:
            n_fft = recipe.n_fft or 2 * (rows - recipe.nyquist)
        return {"n_fft": n_fft, "window": torch.hann_window(n_fft)}
