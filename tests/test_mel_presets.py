"""Conventions of mel spectrograms, against the recipes of their sources."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import torch

from tests.mel_cases import bank
from torch_specinv import ConventionWarning, SpecInvError, mel_to_audio
from torch_specinv.mel import MelSpec, preset

QUIET = {"verbose": False}
LOGS = {
    "linear": ({}, lambda y: y),
    "ln": ({"log": "ln", "clamp": 1e-5}, lambda y: np.log(np.maximum(y, 1e-5))),
    "log10": ({"log": "log10", "clamp": 1e-10}, lambda y: np.log10(np.maximum(y, 1e-10))),
    "log2": ({"log": "log2", "offset": 1e-3}, lambda y: np.log2(y + 1e-3)),
    "log1p": ({"log": "log1p"}, np.log1p),
    "dB": ({"log": "dB", "clamp": 1e-5}, lambda y: 20 * np.log10(np.maximum(y, 1e-5))),
    "dB of power": (
        {"log": "dB", "clamp": 1e-10, "power": 2.0},
        lambda y: librosa.power_to_db(y, top_db=None),
    ),
    "0 to 1": (
        {"log": "dB", "clamp": 1e-5, "shift": -80.0, "scale": 100.0},
        lambda y: (20 * np.log10(np.maximum(y, 1e-5)) + 80) / 100,
    ),
}


@pytest.mark.parametrize("name", LOGS)
def test_recording_and_restoring(name):
    settings, formula = LOGS[name]
    magnitude = np.random.default_rng(0).random((257, 9)) + 0.01
    mel = MelSpec(16000, fmin=50, fmax=7000, **settings)
    matrix = bank(16000, 512, 20, fmin=50, fmax=7000)
    linear = matrix @ magnitude ** settings.get("power", 1)
    recorded = mel.record(torch.from_numpy(magnitude), 20)
    assert np.allclose(recorded, formula(linear), atol=1e-5)
    assert np.allclose(mel.restore(recorded), linear, rtol=1e-5)


def test_what_was_clamped_is_not_more_than_the_clamp():
    for settings in ({"clamp": 1e-5}, {"offset": 1e-5}):
        mel = MelSpec(16000, log="ln", **settings)
        silence = mel.restore(mel.record(torch.zeros(257, 3), 20))
        assert (silence >= 0).all()
        assert silence.max() <= 1.001e-5


def test_bands_without_bins_are_left_out():
    """torchaudio's own defaults, on which its inverse fails."""
    p = preset("torchaudio")
    recorded = p.mel.record(torch.rand(201, 30), 128)
    # of a known recipe they are no mistake, of one's own they may be
    wave = mel_to_audio(recorded, preset="torchaudio", max_iter=3, **QUIET)
    assert torch.isfinite(wave).all()
    with pytest.warns(ConventionWarning, match="of 128 mel bands have no bin of n_fft=400"):
        again = mel_to_audio(recorded, p.mel, n_fft=400, hop_length=200, max_iter=3, **QUIET)
    assert torch.equal(again, wave)


@pytest.mark.parametrize("value", [100.0, 1e4])
def test_values_whose_exponential_overflows_are_refused(value):
    """They are no logarithms, and what they would become is not finite."""
    with pytest.raises(SpecInvError, match=r"mel reaches .*whose value overflows.*diagnose"):
        mel_to_audio(torch.full((80, 20), value), preset="tacotron2", verbose=False)
