"""Scores of how speech and music sound, and what is said of those that are left out."""

from __future__ import annotations

import sys

import pytest
import torch

from tests.cases import cells
from torch_specinv.comparing import (
    Clip,
    Degradation,
    Prediction,
    compare,
    equal_iterations,
    left_out,
)  # fmt: skip
from torch_specinv.comparing import dnsmos as dnsmos_scores
from torch_specinv.comparing import music as music_scores
from torch_specinv.comparing.inexact_tables import kind_table
from torch_specinv.comparing.signals import music_like, speech_like
from torch_specinv.comparing.speech import perceived
from torch_specinv.mel import Preset

KEYWORDS = {"n_fft": 256, "window": torch.hann_window(256)}


@pytest.fixture
def clip():
    return Clip("a", speech_like(8000, 0.5), 8000)


def test_missing_packages_are_named(no_packages):
    said = left_out([Clip("s", speech_like(16000, 1.0), 16000, True),
                     Clip("m", music_like(16000, 1.5), 16000)])  # fmt: skip
    assert said == [
        "PESQ is left out: pesq is not installed: python -m pip install pesq (s).",
        "ESTOI is left out: pystoi is not installed: python -m pip install pystoi (s).",
        "DNSMOS is left out: speechmos is not installed: python -m pip install speechmos "
        "onnxruntime requests (s).",
        "PESQ and ESTOI are left out: they are for speech, pass --speech where it is (m).",
        "ViSQOL is left out: visqol-python is not installed: python -m pip install "
        "visqol-python (m).",
    ]


@pytest.mark.parametrize(
    ("wave", "sr", "expected"),
    [
        (speech_like(16000, 0.2), 16000, ["PESQ is left out: it takes 0.25 s or more",
                                          "ESTOI is left out: it found no speech"]),
        (speech_like(16000, 0.3), 16000, ["ESTOI is left out: it found no speech"]),
        (torch.zeros(16000), 16000, ["PESQ is left out: it found no speech",
                                     "ESTOI is left out: it found no speech"]),
        (speech_like(4000, 1.0), 4000, ["PESQ is left out: it takes 8000 Hz",
                                        "ESTOI is left out: it takes 8000 Hz",
                                        "DNSMOS is left out: it takes 16000 Hz"]),
        (speech_like(8000, 1.0), 8000, ["DNSMOS is left out: it takes 16000 Hz",
                                        "PESQ is the narrow-band one"]),
        (speech_like(16000, 1.0), 16000, []),
        (speech_like(22050, 1.0), 22050, []),
    ],
    ids=["shortest", "short", "silent", "slow", "narrow", "fine", "resampled"],
)  # fmt: skip
def test_clips_that_cannot_be_scored_are_named(wave, sr, expected, monkeypatch):
    pytest.importorskip("pesq")
    pytest.importorskip("pystoi")
    monkeypatch.setattr(dnsmos_scores, "_measure", lambda: lambda *_: {"ovrl_mos": 3.0})
    said = left_out([Clip("a", wave, sr, True)])
    assert len(said) == len(expected)
    for sentence, start in zip(said, expected, strict=True):
        assert sentence.startswith(start)
        assert sentence.endswith("(a).")


def test_narrow_band_scores():
    pytest.importorskip("pesq")
    wave = speech_like(8000, 2.0)
    assert perceived(wave, wave, 8000)[0] == pytest.approx(4.549, abs=0.01)


def test_speech_is_scored_by_dnsmos_at_16_khz(monkeypatch, tmp_path):
    """Also that of an array, and what is beyond 1 is scaled down."""
    seen = []

    def measure(samples, sr):
        seen.append((len(samples), sr, float(abs(samples).max())))
        return {"ovrl_mos": 3.456, "sig_mos": 1.0}

    monkeypatch.setattr(dnsmos_scores, "_measure", lambda: measure)
    wave = 5 * speech_like(32000, 0.4)
    magnitude = torch.stft(wave, return_complex=True, **KEYWORDS).abs()
    recipe = Preset.plain(32000, n_fft=KEYWORDS["n_fft"])
    given = [Clip("s", wave, 32000, True), Prediction("a", magnitude, 32000, recipe, True)]
    found = list(compare(given, ["pghi"], [1], tmp_path / "s", **KEYWORDS))
    assert [m.values["dnsmos"] for m in found] == [3.456, 3.456]
    assert {(sr, peak) for _, sr, peak in seen} == {(16000, 1.0)}
    assert seen[0][0] == 6400
    assert "DNSMOS ↑" in equal_iterations(found)
    silent = Clip("z", torch.zeros(8000), 32000, True)
    (found,) = compare([silent], ["pghi"], [1], tmp_path / "s", **KEYWORDS)
    assert found.values["dnsmos"] is None


def test_music_is_scored_by_visqol_at_48_khz(monkeypatch, clip, tmp_path):
    seen = []

    class Api:
        def create(self, mode):
            assert mode == "audio"

        def measure_from_arrays(self, reference, degraded, sr):
            seen.append((len(reference), sr))
            return type("Result", (), {"moslqo": 4.5 if len(seen) == 1 else 3.25})

    monkeypatch.setitem(sys.modules, "visqol", type("visqol", (), {"VisqolApi": Api}))
    music_scores._measure.cache_clear()
    try:
        music = Clip("m", music_like(16000, 1.2), 16000)
        assert not [s for s in left_out([music]) if "ViSQOL" in s]
        assert "it takes 1 s or more" in " ".join(left_out([clip]))
        measured = list(compare([music], ["pghi"], [0], tmp_path / "s",
                                degrade=Degradation("noisy"), **KEYWORDS))  # fmt: skip
    finally:
        music_scores._measure.cache_clear()
    assert seen == [(57600, 48000)] * 2
    assert cells(kind_table(measured), "true phase")["ViSQOL ↑"] == "4.50"
    assert cells(kind_table(measured), "pghi")["ViSQOL ↑"] == "**3.25**"


def test_without_the_packages_for_speech_there_are_no_scores(monkeypatch):
    for name in ("pesq", "pystoi"):
        monkeypatch.setitem(sys.modules, name, None)
    wave = speech_like(16000, 0.5)
    assert perceived(wave, wave, 16000) == (None, None)


def test_speech_scores():
    pytest.importorskip("pesq")
    pytest.importorskip("pystoi")
    wave = speech_like(16000, 3.0)
    noisy = wave + 0.05 * torch.randn(wave.shape, generator=torch.Generator().manual_seed(0))
    best, worse = perceived(wave, wave, 16000), perceived(noisy, wave, 16000)
    assert best == pytest.approx((4.644, 1.0), abs=0.01)
    assert worse[0] < 3
    assert worse[1] < 0.95
    silence = torch.zeros(16000)
    assert perceived(silence, silence, 16000)[0] is None
