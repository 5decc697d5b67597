"""The listening report: what it measures, its page, and its tables."""

from __future__ import annotations

import csv
import io
import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from tests.conftest import magnitude
from tests.report_cases import SR, data_of, decoded, file_of
from torch_specinv import SpecInvError, metrics, report
from torch_specinv.comparing import Clip
from torch_specinv.comparing.signals import music_like, speech_like
from torch_specinv.io import write_audio
from torch_specinv.report import Entry, Sound, tables
from torch_specinv.report.sounds import gains


@pytest.fixture(scope="module")
def clips():
    return [
        Clip("speech", speech_like(SR, 0.6), SR),
        Clip("<script>alert(1)</script>", music_like(SR, 0.5), SR),
    ]


@pytest.fixture(scope="module")
def folder(clips, tmp_path_factory):
    """Files of another system, of the first clip alone, 40 samples too short."""
    path = tmp_path_factory.mktemp("system")
    write_audio(path / "speech.wav", 0.25 * clips[0].wave[:-40], SR)
    return path


@pytest.fixture(scope="module")
def entries(clips, folder):
    return list(
        report.gather(
            clips, ["griffin_lim", "pghi"], systems={"mine": folder}, max_iter=4, n_fft=256
        )
    )


# -- what is measured ------------------------------------------------------------------------------


def test_every_method_is_measured_against_the_original(entries, clips):
    assert [s.method for s in entries[0].sounds] == ["reference", "griffin_lim", "pghi", "mine"]
    assert [s.method for s in entries[1].sounds] == ["reference", "griffin_lim", "pghi"]
    for entry, clip in zip(entries, clips, strict=True):
        truth = magnitude(clip.wave, 256)
        for sound in entry.sounds[1:]:
            assert len(sound.wave) == len(clip.wave)
            expected = float(metrics.sc(magnitude(sound.wave, 256), truth))
            assert sound.values["sc"] == pytest.approx(expected, abs=1e-3)
    curve = entries[0].sounds[1].curve
    assert [step for step, _ in curve] == [0, 1, 2, 3, 4]
    assert curve[-1][1] == pytest.approx(entries[0].sounds[1].values["sc"], abs=0.05)
    assert "40 samples added" in entries[0].sounds[3].note


def test_the_anchor_is_a_low_pass_at_3500_hz(entries, clips):
    found = np.abs(np.fft.rfft(entries[0].anchor.numpy()))
    truth = np.abs(np.fft.rfft(clips[0].wave.numpy()))
    hertz = np.fft.rfftfreq(len(clips[0].wave), 1 / SR)
    assert found[hertz > 4000].max() < 1e-3 * truth.max()
    low = hertz < 3000
    assert np.abs(found[low] - truth[low]).max() < 1e-3 * truth.max()


def test_sounds_are_as_loud_as_the_original():
    time = torch.arange(SR) / SR
    tone = 0.2 * torch.sin(2 * math.pi * 440 * time)
    sounds = (Sound("reference", tone), Sound("quiet", 0.1 * tone), Sound("silent", 0 * tone))
    found = gains(Entry("tone", SR, 256, 64, sounds, tone))
    assert found == pytest.approx([1, 10, 1], rel=1e-5)
    peaky = torch.zeros(SR)
    peaky[::1000] = 0.5
    found = gains(Entry("both", SR, 256, 64, (Sound("reference", tone), Sound("x", peaky)), tone))
    level = [
        factor * float(s.square().mean().sqrt())
        for factor, s in zip(found, (tone, peaky), strict=True)
    ]
    assert level[0] == pytest.approx(level[1])
    assert found[1] * 0.5 <= 1


# -- the page --------------------------------------------------------------------------------------


def test_a_page_holds_everything(entries, clips):
    page = report.report_page(entries, title="<b>Title</b>", audio="wav", notes=["a <note>"])
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "&lt;b&gt;Title" in page
    assert "a &lt;note&gt;" in page
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    data = data_of(page)
    assert [clip["name"] for clip in data["clips"]] == [clip.name for clip in clips]
    first = data["clips"][0]["sounds"]
    factor = 10 ** (first[0]["gain_db"] / 20)
    expected = factor * clips[0].wave.numpy()
    assert np.abs(decoded(page, first[0]["audio"]) - expected).max() < 1e-3
    levels = [np.sqrt(np.mean(decoded(page, sound["audio"]) ** 2)) for sound in first]
    assert levels == pytest.approx([levels[0]] * 4, rel=1e-2)
    picture = file_of(page, first[0]["picture"])
    pixels = np.asarray(Image.open(io.BytesIO(picture))).astype(float)
    spec = magnitude(clips[0].wave, 256)
    decibels = 20 * torch.log10(spec / spec.max()).numpy()
    grey = np.clip(255 + decibels[::-1] * 255 / 80, 0, 255)  # low frequencies at the bottom
    assert np.abs(pixels - grey).max() <= 0.6
    for kind in ("flac", "ogg"):
        other = report.report_page(entries, audio=kind)
        number = data_of(other)["clips"][0]["sounds"][0]["audio"]
        assert file_of(other, number)[:4] == {"flac": b"fLaC", "ogg": b"OggS"}[kind]
        wave = decoded(other, number)
        assert len(wave) == len(clips[0].wave)
        assert np.corrcoef(wave, expected)[0, 1] > 0.9
    demo = report.report_page(entries, style="demo")
    assert "Blind test: ABX</button>" in page
    assert "Blind test: ABX</button>" not in demo
    assert "<table" not in demo


def test_bad_pages(entries):
    for keywords in ({"audio": "mp3"}, {"style": "paper"}):
        with pytest.raises(SpecInvError, match=next(iter(keywords))):
            report.report_page(entries, **keywords)
    with pytest.raises(SpecInvError, match="entries"):
        report.report_page([])


def test_the_anchor_is_not_clipped_either():
    square = 0.99 * torch.sign(torch.sin(torch.arange(SR) * 2 * math.pi * 1000 / SR + 0.1))
    (entry,) = report.gather([Clip("square", square, SR)], ["griffin_lim"], max_iter=1, n_fft=256)
    assert float(entry.anchor.abs().max()) > 1
    entry = replace(entry, sounds=entry.sounds[:1])
    assert gains(entry)[0] * float(entry.anchor.abs().max()) <= 1


def test_a_curve_that_is_not_finite_is_no_data(entries):
    sound = Sound("odd", entries[0].sounds[0].wave, curve=[(0, math.nan), (1, -3.0), (2, math.inf)])
    entry = Entry("x", SR, 256, 64, (entries[0].sounds[0], sound), entries[0].anchor)
    assert data_of(report.report_page([entry]))["clips"][0]["sounds"][1]["curve"] == [[1, -3.0]]


@pytest.mark.parametrize("wave", [torch.zeros(2000), torch.full((2000,), 1e-20)])
def test_silence_has_a_page(wave):
    found = list(report.gather([Clip("silence", wave, SR)], ["griffin_lim"], max_iter=2, n_fft=256))
    data = data_of(report.report_page(found))
    assert len(data["clips"][0]["sounds"]) == 2


# -- tables ----------------------------------------------------------------------------------------


def test_tables(entries):
    rows = list(csv.reader(io.StringIO(report.csv_table(entries))))
    assert rows[0][:3] == ["clip", "method", "seconds"]
    assert len(rows) == 1 + 3 + 2
    sc = rows[0].index("sc")
    assert float(rows[1][sc]) == pytest.approx(entries[0].sounds[1].values["sc"], rel=1e-4)
    columns = tables.columns_of(entries)
    means = {row.method: row.cells for row in tables.means(entries, columns)}
    assert list(means) == ["griffin_lim", "pghi", "mine (1 clips)"]
    expected = np.mean([entry.sounds[1].values["sc"] for entry in entries])
    assert float(means["griffin_lim"][0].value) == pytest.approx(expected, rel=1e-4)
    latex = report.latex_table(entries)
    assert r"griffin\_lim & " in latex
    for number, column in enumerate(columns):
        values = {name: float(cells[number].value) for name, cells in means.items()}
        best = (max if column.higher_is_better else min)(values, key=values.get)
        bold = [
            line.split(" & ")[0]
            for line in latex.splitlines()
            if line.rstrip(" \\").split(" & ")[number + 1 : number + 2]
            and "textbf" in line.split(" & ")[number + 1]
        ]
        assert bold == [best.replace("_", r"\_")]
