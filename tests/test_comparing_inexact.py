"""Comparing methods on degraded magnitudes: errors against the original and what was given."""

from __future__ import annotations

import json

import pytest
import torch

from torch_specinv import STFT, SpecInvError, invert
from torch_specinv.comparing import (
    Clip,
    Degradation,
    Measurement,
    compare,
    read_store,
)  # fmt: skip
from torch_specinv.comparing.degrade import Recording
from torch_specinv.comparing.signals import speech_like
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
