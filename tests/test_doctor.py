"""The doctor of spectrograms: right where the numbers tell, and calls that invert."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest
import torch

from benchmarks.doctor import NAMES, cases
from tests.conftest import hann, magnitude
from tests.doctor_cases import UNITS, recorded, run
from tests.mel_cases import recipe
from tests.recipe_cases import RECIPES
from torch_specinv import STFT, diagnose, metrics
from torch_specinv.comparing.signals import CLIPS, music_like
from torch_specinv.mel import PRESETS, preset


@pytest.mark.parametrize("names", [NAMES[:1], pytest.param(NAMES[1:], marks=pytest.mark.slow)])
def test_it_is_right(names):
    """Every preset x clip x mistake, transposed every other time."""
    verdicts, hard = [], []
    for name, clip in product(names, CLIPS):
        wave = recorded(clip, preset(name).mel.sr)
        for number, case in enumerate(cases(name, wave)):
            transposed = number % 2 == 1
            diagnosis = diagnose(case.array.mT if transposed else case.array)
            verdict = case.verdict(diagnosis, transposed=transposed)
            # a linear spectrogram under a window padded with zeros has broader peaks than others
            padded = case.kind == "linear" and preset(name).win_length is not None
            (hard if padded else verdicts).append((name, case.mistake, verdict))
    assert len(verdicts) + len(hard) == 2 * 16 * len(names)
    counts = Counter(verdict for *_, verdict in verdicts)
    # a few are not sure: [-4, 4] of loud music lies where standardised values do
    assert counts["right"] >= 0.9 * len(verdicts), counts
    guessed = counts["right"] + counts["not sure, first guess right"]
    assert guessed >= 0.95 * len(verdicts), counts
    assert counts["wrong"] <= 0.01 * len(verdicts), [v for v in verdicts if v[2] == "wrong"]
    none = [v for v in verdicts if v[1] in ("none", "no mel")]
    assert {verdict for *_, verdict in none} == {"right"}, none
    misread = [v for v in hard if v[2] == "wrong"]
    assert len(misread) <= 0.3 * len(hard), misread


@pytest.mark.filterwarnings("ignore:Empty filters:UserWarning")
@pytest.mark.parametrize("name", [name for name in PRESETS if preset(name).is_mel])
def test_presets_written_down_in_numpy(name):
    """The recipes of the sources, which do not share code with ours."""
    wave = recorded("speech", preset(name).mel.sr).double().numpy()
    found = diagnose(RECIPES[name](wave) if name in RECIPES else recipe(name, wave))
    assert found.sure
    assert name in found.presets
    assert found.call == f'mel_to_audio(spec, preset="{found.presets[0]}")'


@pytest.mark.parametrize("name", UNITS)
def test_the_call_inverts_a_linear_spectrogram(name):
    wave = 0.3 * music_like(16000, 2.0)  # the normalised ones clip at 20 dB
    truth = magnitude(wave, 512)
    found = diagnose(UNITS[name](truth))
    assert found.kind == "linear"
    assert found.n_fft == 512
    again = magnitude(run(found.call, UNITS[name](truth)), 512)
    assert metrics.sc(again, truth) < -15


@pytest.mark.parametrize(
    ("name", "mistake"),
    [
        ("tacotron2", "none"), ("tacotron2", "dB"), ("tacotron2", "the other power"),
        ("librosa", "none"), ("librosa", "dB"), ("librosa", "natural logarithm"),
    ],
)  # fmt: skip
def test_the_call_inverts_a_mel_spectrogram(name, mistake):
    p = preset(name)
    original = recorded("speech", p.mel.sr)
    case = next(case for case in cases(name, original) if case.mistake == mistake)
    found = diagnose(case.array.float().mT, sr=p.mel.sr)
    call = found.call
    for name_, value in (("n_fft", p.n_fft), ("hop_length", p.hop_length), ("fmax", p.mel.fmax)):
        call = call.replace(f"{name_}=...", f"{name_}={value}")  # what a researcher knows
    wave = run(call, case.array.float().mT)
    stft = {"n_fft": p.n_fft, "hop_length": p.hop_length, "window": hann(p.n_fft, torch.float32)}
    truth = next(cases(name, original)).array.float()
    again = p.mel.record(STFT.of_wave(wave, **stft)(wave), p.n_mels)
    frames = slice(4, truth.shape[-1] - 4)
    sc = metrics.sc(p.mel.restore(again[:, frames]), p.mel.restore(truth[:, frames]))
    assert sc < -15


def test_whispers_items_are_normalised_one_by_one():
    mel = preset("whisper").mel
    items = [
        mel.record(magnitude(level * recorded(name, 16000), 400, hop_length=160), 80)
        for name, level in (("speech", 1.0), ("music", 0.003))
    ]
    for array in (torch.stack(items), *items):
        assert diagnose(array).presets == ("whisper",)


def test_sample_rate_decides_between_presets():
    wave = recorded("music", 22050)
    power = next(cases("librosa", wave)).array
    assert diagnose(power, sr=22050).presets == ("librosa",)
    assert "librosa" not in diagnose(power, sr=16000).presets


def test_a_window_of_half_the_fft():
    """Its peaks are broader, which need not be other axes or units."""
    wave = recorded("music", preset("tacotron_mel").mel.sr)
    case = next(c for c in cases("tacotron_mel", wave) if c.mistake == "no mel, dB")
    for transposed in (False, True):
        found = diagnose(case.array.mT if transposed else case.array)
        assert "right" in case.verdict(found, transposed=transposed)
