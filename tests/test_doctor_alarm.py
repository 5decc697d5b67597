"""The doctor before an inversion: quiet on true magnitudes, loud on what is plainly none."""

from __future__ import annotations

import warnings

import pytest
import torch

from tests.conftest import magnitude
from torch_specinv import ConventionWarning, SpecInvError, invert
from torch_specinv.comparing.signals import CLIPS, music_like, speech_like
from torch_specinv.doctor.measure import Measurement, QuickTexture
from torch_specinv.doctor.units import UNITS

# -- true magnitudes -----------------------------------------------------------------------------

TIME = torch.arange(32000) / 16000


SOUNDS = {
    "sine": torch.sin(2 * torch.pi * 440 * TIME),
    "sweep": torch.sin(2 * torch.pi * 1000 * TIME**2),
    "white noise": torch.randn(32000, generator=torch.Generator().manual_seed(0)),
    "clicks": (torch.arange(32000) % 4001 == 0).float(),
    "speech": speech_like(16000, 2.0),
    "quiet speech": 1e-4 * speech_like(16000, 2.0),
    "music": music_like(16000, 2.0),
    "square wave": torch.sign(torch.sin(2 * torch.pi * 220 * TIME)),
    "gated tone": torch.sin(2 * torch.pi * 1000 * TIME) * (torch.sin(20 * TIME) > 0),
    "8 bits": torch.round(127 * torch.sin(2 * torch.pi * 440 * TIME)) / 127,
    "silence": torch.zeros(32000),
}
WINDOWS = {
    "hann": torch.hann_window(512),
    "hamming": torch.hamming_window(512),
    "root of hann": torch.hann_window(512).sqrt(),
    "ones": torch.ones(512),
    "short": torch.nn.functional.pad(torch.hann_window(256), (128, 128)),
}


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("sound", SOUNDS)
@pytest.mark.parametrize("hop", [32, 128])
def test_no_false_alarm_on_true_magnitudes(sound, window, hop):
    spec = magnitude(SOUNDS[sound], 512, window=WINDOWS[window], hop_length=hop)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        invert(spec, max_iter=1, window=WINDOWS[window], hop_length=hop, verbose=False)


@pytest.mark.parametrize("sound", ["speech", "music"])
def test_what_is_plainly_not_a_magnitude_is_warned_of(sound):
    spec = magnitude(SOUNDS[sound], 512)
    keywords = {"window": WINDOWS["hann"], "max_iter": 1, "verbose": False}
    with pytest.warns(ConventionWarning, match=r"looks like .*power.*spec\.sqrt\(\)"):
        invert(spec**2, **keywords)
    unit = ((20 * spec.clamp_min(1e-5).log10() + 80) / 100).clamp(0, 1)
    with pytest.warns(ConventionWarning, match=r"100 dB normalised to \[0, 1\].*diagnose"):
        invert(unit, **keywords)


def test_errors_suggest_the_doctor():
    with pytest.raises(SpecInvError, match=r"torch_specinv\.diagnose\(spec\)"):
        invert((magnitude(SOUNDS["speech"], 512) + 1e-5).log(), window=WINDOWS["hann"])
    with pytest.raises(SpecInvError, match=r"diagnose"):
        invert(torch.rand(80, 50), window=None)


@pytest.mark.parametrize("clip", CLIPS)
def test_the_quick_texture_is_the_texture(clip):
    """Compared with any bound, without sorting."""
    spec = magnitude(CLIPS[clip](sr=8000, seconds=1.0).double(), 512)
    for power in (0.5, 1, 2):
        part = (spec**power)[None, :, :64]
        peaks, changes = Measurement.at(part).texture(UNITS[0], 1.0)
        quick = QuickTexture(UNITS[0].straighten(part[0]))
        assert quick.is_known
        for bound in torch.linspace(-3, 3, 61).tolist():
            assert quick.peaks_above(bound) == (peaks > bound)
            assert quick.changes_above(bound) == (changes > bound)
