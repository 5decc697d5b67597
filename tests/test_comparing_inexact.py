"""Comparing methods on degraded magnitudes: scores against the original, tables, what is said."""

from __future__ import annotations

import json
import sys

import pytest
import torch

from tests.cases import cells
from torch_specinv import STFT, SpecInvError, invert
from torch_specinv.cli import main
from torch_specinv.comparing import (
    Clip,
    Degradation,
    Measurement,
    Prediction,
    compare,
    equal_iterations,
    left_out,
    read_store,
)  # fmt: skip
from torch_specinv.comparing import dnsmos as dnsmos_scores
from torch_specinv.comparing import music as music_scores
from torch_specinv.comparing.degrade import Recording
from torch_specinv.comparing.inexact_tables import clip_table, kind_table, matrix, sooner
from torch_specinv.comparing.signals import music_like, speech_like
from torch_specinv.comparing.speech import perceived
from torch_specinv.io import write_audio
from torch_specinv.mel import Preset
from torch_specinv.metrics import lsd, sc

KEYWORDS = {"n_fft": 256, "window": torch.hann_window(256)}


@pytest.fixture
def clip():
    return Clip("a", speech_like(8000, 0.5), 8000)


def test_scores_are_against_the_original(clip, tmp_path):
    degrade = Degradation("noisy", 2.0, seed=3)
    budgets = {"griffin_lim:spsi": [4], "pghi": [0]}
    measured = compare([clip], [*budgets], budgets, tmp_path / "s", degrade=degrade, **KEYWORDS)
    found = {(m.method, m.iterations): m for m in measured}
    assert found.keys() == {("true phase", 0), ("griffin_lim:spsi", 4), ("pghi", 0)}
    assert {m.kind for m in found.values()} == {"noisy:2"}
    stft = STFT.of_wave(clip.wave, **KEYWORDS)
    recording = Recording(clip.wave, clip.sr, stft)
    given = degrade(recording).magnitude
    wave = invert(
        given, "griffin_lim", init="spsi", max_iter=4, tol=0, eva_iter=4,
        length=len(clip.wave), verbose=False, **KEYWORDS,
    ).wave  # fmt: skip
    ours = found["griffin_lim:spsi", 4].values
    assert ours["sc"] == pytest.approx(float(sc(stft(wave), given)), abs=0.01)
    assert ours["sc_truth"] == pytest.approx(float(sc(stft(wave), recording.magnitude)), abs=0.01)
    assert ours["lsd_truth"] == pytest.approx(float(lsd(stft(wave), recording.magnitude)), abs=0.02)
    # the ceiling: iterations can't know what is better than the true phase
    assert found["true phase", 0].values["sc_truth"] < ours["sc_truth"] - 1


def test_the_phase_of_a_mixture_is_measured_too(clip, tmp_path):
    degrade = Degradation("masked")
    (true, given) = compare([clip], [], [], tmp_path / "s", degrade=degrade, **KEYWORDS)
    assert (true.method, given.method) == ("true phase", "given phase")
    assert true.values["sc_truth"] < given.values["sc_truth"]


def test_of_exact_magnitudes_both_errors_are_the_same(clip, tmp_path):
    of = {"degrade": Degradation("exact"), **KEYWORDS}
    true, ours = compare([clip], ["pghi"], [1], tmp_path / "s", **of)
    assert ours.values["sc"] == ours.values["sc_truth"]
    assert true.sc < -100
    (plain,) = compare([clip], ["pghi"], [1], tmp_path / "s", **KEYWORDS)
    assert plain.sc == ours.sc
    assert "sc_truth" not in plain.values


def test_disturbed_magnitudes_have_an_error_to_the_truth(clip, tmp_path):
    found = compare([clip], ["pghi"], [1], tmp_path / "s", disturb=lambda x: 2 * x, **KEYWORDS)
    (one,) = found
    assert one.values["sc_truth"] == pytest.approx(0, abs=0.5)  # twice too loud
    assert one.sc < -10


def test_another_seed_is_another_question_and_stores_are_read_again(clip, tmp_path):
    store = tmp_path / "s"
    for seed in (0, 1, 0):
        list(
            compare(
                [clip], ["pghi"], [0], store, degrade=Degradation("noisy", seed=seed), **KEYWORDS
            )
        )
    stored = read_store(store)
    assert len(stored) == 4
    assert {m.kind for m in stored} == {"noisy"}
    # lines of before there were kinds
    row = json.loads(stored[0].line())
    del row["kind"]
    assert Measurement.from_line(json.dumps(row)).kind == "exact"


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("grifin_lim", "Did you mean 'griffin_lim'"),
        ("griffin_lim:spis", "Did you mean 'spsi'"),
        ("rtisi_la:spsi", "rtisi_la takes no start"),
        ("librosa:spsi", "librosa takes no start"),
    ],
)
def test_unknown_methods_and_starts(clip, tmp_path, method, message):
    with pytest.raises(SpecInvError, match=message):
        next(compare([clip], [method], [1], tmp_path / "s", **KEYWORDS))


# what is left out


@pytest.fixture
def no_packages(monkeypatch):
    for name in ("pesq", "pystoi", "visqol", "speechmos.dnsmos"):
        monkeypatch.setitem(sys.modules, name, None)
    for scores in (music_scores, dnsmos_scores):
        scores._measure.cache_clear()
    yield
    for scores in (music_scores, dnsmos_scores):
        scores._measure.cache_clear()


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


# tables


def of(method, iterations, pesq, seconds, *, clip="a", kind="noisy", truth=-10.0):
    values = {"sc": -12.0, "sc_truth": truth, "lsd_truth": 3.0, "pesq": pesq, "estoi": pesq / 5}
    return Measurement(clip, method, iterations, values, seconds, "{}", kind)


MEASURED = [
    of("true phase", 0, 4.0, 0.01),
    of("librosa", 200, 2.5, 2.0),
    of("auto", 100, 3.0, 0.1),
    of("pghi", 0, 2.6, 0.02),
    of("true phase", 0, 4.2, 0.01, clip="b"),
    of("librosa", 200, 2.7, 4.0, clip="b"),
    of("auto", 100, 2.6, 0.1, clip="b"),
    of("pghi", 0, 2.4, 0.02, clip="b"),
    of("librosa", 200, 2.5, 2.0, kind="mel"),
    of("auto", 100, 2.0, 0.1, kind="mel"),
]


def test_a_kinds_table_has_means_and_the_ceiling_is_not_bold():
    text = kind_table([m for m in MEASURED if m.kind == "noisy"])
    assert cells(text, "true phase")["PESQ ↑"] == "4.10"
    assert cells(text, "auto 100")["PESQ ↑"] == "**2.80**"
    assert cells(text, "pghi")["PESQ ↑"] == "2.50"
    assert cells(text, "librosa 200")["seconds"] == "3.000"
    assert cells(text, "pghi")["SC to given ↓"] == "**-12.0**"  # as all


def test_a_scores_table_has_a_column_for_each_kind():
    text = matrix(MEASURED, "pesq")
    assert cells(text, "auto 100") == {"PESQ ↑": "auto 100", "noisy": "**2.80**", "mel": "2.00"}
    assert cells(text, "pghi")["mel"] == "-"


def test_the_quickest_method_that_is_as_good():
    text = sooner(MEASURED, ["pesq", "estoi"])
    noisy = cells(text, "noisy")
    assert (noisy["as good"], noisy["times sooner"]) == ("auto 100", "30.0")
    assert cells(text, "mel")["as good"] == "none"
    assert cells(sooner(MEASURED, ["pesq"], ["pghi"]), "noisy")["as good"] == "none"
    # of two that are as good, the quicker one
    both = [*MEASURED, of("raar", 8, 2.9, 0.05), of("raar", 8, 2.9, 0.05, clip="b")]
    assert cells(sooner(both, ["pesq"]), "noisy")["as good"] == "raar 8"


def test_every_clip_is_told_and_losses_are_marked():
    text = clip_table(MEASURED, ("auto", 100), ["pesq"])
    rows = {
        (row.split("|")[1].strip(), row.split("|")[2].strip()): row for row in text.splitlines()[2:]
    }
    assert rows.keys() == {("noisy", "a"), ("noisy", "b"), ("mel", "a")}
    assert "†" not in rows["noisy", "a"]
    assert "2.60 †" in rows["noisy", "b"]
    assert "2.00 †" in rows["mel", "a"]


# the command line


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_audio("speech.wav", speech_like(sr=16000, seconds=0.6), 16000)
    return tmp_path


def test_compare_degraded(folder, capsys):
    command = ["compare", "speech.wav", "--degrade", "noisy:0.5,masked", "--methods", "pghi,auto",
               "--iterations", "2", "--n-fft", "512"]  # fmt: skip
    assert main(command) == 0
    out = capsys.readouterr().out
    assert "noisy:0.5:" in out
    assert out.count("| true phase") == 2
    assert out.count("| given phase") == 1
    assert "SC to truth" in out
    assert "PESQ and ESTOI are left out: they are for speech" in out
    lines = (folder / "specinv_compare" / "results.jsonl").read_text().splitlines()
    assert len(lines) == 7
    # nothing is measured twice, but other noise is
    assert main(command) == 0
    assert len((folder / "specinv_compare" / "results.jsonl").read_text().splitlines()) == 7
    assert main([*command, "--seed", "5"]) == 0
    assert len((folder / "specinv_compare" / "results.jsonl").read_text().splitlines()) == 14


def test_compare_says_what_it_leaves_out_of_exact_ones_as_well(folder, capsys, no_packages):
    command = ["compare", "speech.wav", "--methods", "pghi", "--iterations", "1"]
    assert main(command) == 0
    assert "left out" not in capsys.readouterr().out  # nobody asked
    assert main([*command, "--speech"]) == 0
    out = capsys.readouterr().out
    assert "PESQ is left out: pesq is not installed: python -m pip install pesq (speech.wav)" in out
    assert "pystoi" in (folder / "specinv_compare" / "table.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("degrade", "message"),
    [("smoth", "Did you mean 'smooth'"), ("noisy:99", "from 0.1 to 10"), ("", "is unknown")],
)
def test_compare_with_a_wrong_kind(folder, capsys, degrade, message):
    assert main(["compare", "speech.wav", "--degrade", degrade]) == 2
    assert message in capsys.readouterr().err
    assert not (folder / "specinv_compare").exists()
