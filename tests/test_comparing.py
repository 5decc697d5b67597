"""What measurements say together, on measurements made up for the purpose."""

from __future__ import annotations

import sys

import pytest
import torch

from torch_specinv import SpecInvError, invert
from torch_specinv.comparing import (
    Clip,
    Measurement,
    compare,
    curves,
    equal_iterations,
    equal_time,
    read_store,
)
from torch_specinv.comparing.signals import speech_like
from torch_specinv.comparing.speech import perceived
from torch_specinv.metrics import sc


def measurement(clip, method, iterations, error, seconds, pesq=None):
    return Measurement(
        clip=clip, method=method, iterations=iterations, sc=error, sc_inner=error - 1, snr=-error,
        lsd=1.0, pesq=pesq, estoi=None, seconds=seconds, setting="{}",
    )  # fmt: skip


MEASURED = [
    measurement("a", "librosa", 10, -20.0, 1.0),
    measurement("a", "librosa", 100, -26.0, 10.0),
    measurement("b", "librosa", 10, -24.0, 1.0),
    measurement("b", "librosa", 100, -30.0, 10.0),
    measurement("a", "auto", 10, -30.0, 0.1, 4.0),
    measurement("a", "auto", 100, -34.0, 10.0),
    measurement("b", "auto", 10, -29.0, 0.1),
    measurement("b", "auto", 100, -37.0, 2.0),
    measurement("a", "slow", 10, -40.0, 0.9),
    measurement("b", "slow", 10, -43.0, 1.1),
]


def cells(text, *first):
    """Return the row of a table that begins with `first`, by column."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    row = next(line for line in lines if line[: len(first)] == list(first))
    return dict(zip(lines[0], row, strict=True))


def test_medians_and_gains_at_equal_iterations():
    text = equal_iterations(MEASURED)
    row = cells(text, "auto", "10")
    assert row["SC"] == "-29.5"
    assert row["SC inner"] == "-30.5"
    assert row["PESQ"] == "4.00"  # of the one clip that has it
    assert row["gain over librosa: median / least"] == "7.5 / 5.0"
    assert cells(text, "librosa", "100")["PESQ"] == "-"
    assert "ESTOI" not in row


def test_interpolation_at_equal_time():
    text = equal_time(MEASURED)
    auto = cells(text, "auto")
    # a: half-way between 0.1 s and 10 s on a logarithmic scale; b: at 1 s, and its end at 2 s
    b = -29 - 8 * (1 / (1 + 0.30103))
    assert float(auto["time of librosa, 10"]) == pytest.approx((-32 + b) / 2, abs=0.051)
    assert float(auto["time of librosa, 100"]) == pytest.approx((-34 - 37) / 2, abs=0.051)
    slow = cells(text, "slow")
    # it was not run for as long
    assert (slow["time of librosa, 10"], slow["time of librosa, 100"]) == ("-40.0", "-")


def test_curves_are_medians():
    points = curves(MEASURED)
    assert points["auto"][0] == pytest.approx((10, 0.1, -29.5))
    assert points["auto"][1] == pytest.approx((100, 6.0, -35.5))


def test_a_magnitude_that_no_wave_has(tmp_path):
    """Methods get the disturbed magnitude, and are compared with it."""
    clip = Clip("a", speech_like(8000, 0.5), 8000)
    seen = []

    def disturb(magnitude):
        seen.append(magnitude + 0.3 * magnitude.mean())
        return seen[-1]

    keywords = {"n_fft": 256, "window": torch.hann_window(256)}
    (found,) = compare([clip], ["pghi"], [1], tmp_path / "s", disturb=disturb, **keywords)
    (clean,) = compare([clip], ["pghi"], [1], tmp_path / "s", **keywords)
    assert found.setting != clean.setting
    wave = invert(seen[0], "pghi", length=len(clip.wave), verbose=False, **keywords).wave
    again = torch.stft(wave, return_complex=True, **keywords).abs()
    assert found.sc == pytest.approx(float(sc(again, seen[0])), abs=0.01)


def test_a_crash_in_the_middle_of_a_line_spoils_that_one_alone(tmp_path):
    clip = Clip("a", speech_like(8000, 0.5), 8000)
    keywords = {"n_fft": 256, "window": torch.hann_window(256)}
    store = tmp_path / "store"
    before = list(compare([clip], ["pghi", "griffin_lim"], [2], store, **keywords))
    store.write_text(store.read_text()[:-30])
    again = list(compare([clip], ["pghi", "griffin_lim"], [2], store, **keywords))
    assert [m.sc for m in again] == [m.sc for m in before]
    assert {m.method for m in read_store(store)} == {"pghi", "griffin_lim"}


def test_transforms_that_peers_do_not_know(tmp_path):
    clip = Clip("a", speech_like(8000, 0.5), 8000)
    for odd in ({"center": False}, {"normalized": True}, {"pad_mode": "constant"}):
        keywords = {"n_fft": 256, "window": torch.hann_window(256), **odd}
        with pytest.raises(SpecInvError, match="leave it out"):
            next(compare([clip], ["librosa"], [1], tmp_path / "s", **keywords))


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
