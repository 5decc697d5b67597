"""Comparing on predictions: arrays with their recipe, methods of others, waves, pages, tables."""

from __future__ import annotations

import csv
import io
import itertools
import json
import sys

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from tests.report_cases import data_of
from torch_specinv import SpecInvError, invert, metrics
from torch_specinv.cli import main
from torch_specinv.comparing import Clip, Prediction, compare, compare_files
from torch_specinv.comparing.foreign import load_method
from torch_specinv.comparing.signals import music_like, speech_like
from torch_specinv.io import read_audio, write_audio
from torch_specinv.mel import Preset, preset
from torch_specinv.plots import plot_curves
from torch_specinv.transform.stft import STFT

SR = 16000
N_FFT = 256
WINDOW = torch.hann_window(N_FFT)
PLAIN = Preset.plain(SR, n_fft=N_FFT, hop_length=64)
METHODS = """
import torch

def zero(magnitude, n_fft, hop_length, window, max_iter=7):
    calls.append(max_iter)
    return torch.istft(magnitude.to(torch.complex64), n_fft, hop_length, window=window)

calls = []

class Holder:
    short = staticmethod(lambda magnitude, *, length: torch.ones(length - 3))

def shape(magnitude): return magnitude
def array(magnitude): return zero(magnitude, 256, 64, torch.hann_window(256)).numpy()
def nan(magnitude, length): return torch.full((length,), float("nan"))
def writes(magnitude, length): magnitude.zero_(); return torch.zeros(length)
def raises(magnitude): raise ValueError("no luck")
"""


def spectrum(wave):
    return torch.stft(wave, N_FFT, 64, window=WINDOW, return_complex=True)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "methods_of_mine", raising=False)
    (tmp_path / "methods_of_mine.py").write_text(METHODS)
    waves = torch.stack([speech_like(SR, 0.3), music_like(SR, 0.3)])
    np.save("batch.npy", spectrum(waves).abs().numpy())
    write_audio("speech.wav", waves[0], SR)
    return tmp_path


# -- what is measured ------------------------------------------------------------------------------


def test_a_magnitude_counts_by_itself(folder, tmp_path):
    """The same numbers as those of the sound that has it, as a logarithm too."""
    wave = speech_like(SR, 64 * 80 / SR)
    magnitude = spectrum(wave).abs()
    keywords = {"n_fft": N_FFT, "hop_length": 64, "window": WINDOW}
    methods, store = ["griffin_lim", "librosa"], tmp_path / "s"
    sound = list(compare([Clip("a", wave, SR)], methods, [3], store, **keywords))
    recipe = preset(PLAIN, log="ln", clamp=1e-9)
    for spec, how in ((magnitude, PLAIN), (magnitude.clamp_min(1e-9).log(), recipe)):
        found = list(compare([Prediction("b", spec, SR, how)], methods, [3], store))
        assert [m.sc for m in found] == pytest.approx([m.sc for m in sound], abs=0.02)
        assert "pesq" not in found[0].values


def test_bands_count_as_they_are_and_waves_are_as_they_are_heard(tmp_path):
    """SC to the given bands, by a formula, and a wave without pre-emphasis and scale."""
    recipe = preset("kaldi", n_mels=40)
    spec = recipe.record(speech_like(SR, 0.4))
    given = Prediction("k", spec, SR, recipe)
    waves = []
    (found,) = compare(
        [given], ["griffin_lim"], [4], tmp_path / "s", keep=lambda *a: waves.append(a[2]())
    )
    result = invert(spec, "griffin_lim", preset=recipe, max_iter=4, tol=0, verbose=False)
    assert found.sc == pytest.approx(float(result.history["sc"][-1]), abs=0.02)
    assert torch.allclose(waves[0], result.wave.float(), atol=1e-4)
    bank = recipe.bank().double().numpy()
    energy = np.exp(spec.double().numpy())
    assert np.allclose(given.target, energy, rtol=1e-4)
    gap = bank @ given.magnitude.double().numpy() ** 2 - energy
    assert np.linalg.norm(gap) < 0.1 * np.linalg.norm(energy)


def test_waves_are_made_again_only_when_they_are_asked_for(tmp_path, monkeypatch):
    given = [Prediction("a", spectrum(speech_like(SR, 0.2)).abs(), SR, PLAIN)]
    waves, calls = [], []

    def keep(_clip, measured, wave):
        if measured.iterations == 2:
            waves.append(wave())

    list(compare(given, ["griffin_lim"], [1, 2], tmp_path / "s", keep=keep))
    from torch_specinv.comparing import measure

    inner = measure.invert
    monkeypatch.setattr(measure, "invert", lambda *a, **k: calls.append(1) or inner(*a, **k))
    list(compare(given, ["griffin_lim"], [1, 2], tmp_path / "s", keep=keep))
    assert len(calls) == 1
    assert torch.equal(*waves)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (torch.ones(129), "129"), (torch.ones(2, 129, 9), "expected \\(rows, frames\\)"),
        (-torch.ones(129, 9), "negative"), (torch.full((129, 9), torch.nan), "NaN|nan|finite"),
        (torch.ones(100, 9), "100"), (torch.ones(129, 9, dtype=torch.int64), "int64"),
    ],
)  # fmt: skip
def test_what_is_no_prediction(spec, said):
    with pytest.raises(SpecInvError, match=said):
        Prediction("a", spec, SR, PLAIN)


def test_silence_and_half_precision(tmp_path):
    silent = Prediction("s", torch.zeros(129, 9, dtype=torch.float16), SR, PLAIN)
    half = Prediction("h", spectrum(speech_like(SR, 0.2)).abs().half(), SR, PLAIN)
    found = list(compare([silent, half], ["griffin_lim"], [1], tmp_path / "s"))
    assert found[1].sc < -3


# -- methods of others -----------------------------------------------------------------------------


def test_a_method_of_somebody_else(folder, monkeypatch):
    monkeypatch.syspath_prepend(folder)
    stft = STFT.of_wave(speech_like(SR, 0.3), n_fft=N_FFT, hop_length=64, window=WINDOW)
    target = stft(speech_like(SR, 0.3))
    wave = load_method("methods_of_mine:zero")(target, stft, 5)
    expected = torch.istft(target.to(torch.complex64), N_FFT, 64, window=WINDOW)
    assert len(wave) == stft.geometry.length
    assert torch.allclose(wave[: len(expected)], expected[: len(wave)])
    assert sys.modules["methods_of_mine"].calls == [5]
    short = load_method("methods_of_mine:Holder.short")(target, stft, 5)
    assert short[-4:].tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("methods_of_mine:nothing", "no function 'nothing'"),
        ("methods_of_mine:shape", "returned shape"), ("methods_of_mine:array", "from_numpy"),
        ("methods_of_mine:nan", "returned"), ("methods_of_mine:writes", "in place"),
        ("methods_of_mine:raises", "raised ValueError: no luck"),
        ("nowhere.at_all:x", "neither a method nor a module"),
        ("grifin_lim:spsi", "Did you mean 'griffin_lim'"),
        ("librosa:spsi", "takes no start"),
    ],
)  # fmt: skip
def test_methods_that_are_none(folder, capsys, name, said):
    command = ["compare", "batch.npy", "--sr", str(SR), "--iterations", "1", "--methods", name]
    assert main(command) == 2
    assert said in capsys.readouterr().err


def test_a_method_of_somebody_else_is_measured_every_time(folder):
    command = ["compare", "batch.npy", "--sr", str(SR), "--iterations", "1"]
    command += ["--methods", "methods_of_mine:zero, pghi"]
    assert main(command) == 0
    assert main(command) == 0
    lines = (folder / "specinv_compare" / "results.jsonl").read_text().splitlines()
    methods = [json.loads(line)["method"] for line in lines]
    assert (methods.count("methods_of_mine:zero"), methods.count("pghi")) == (4, 2)


# -- the command -----------------------------------------------------------------------------------


def test_arrays_make_waves_a_page_and_tables(folder, capsys):
    command = [
        "compare",
        "batch.npy",
        "--sr",
        str(SR),
        "--hop-length",
        "64",
        "--iterations",
        "1, 3",
    ]
    command += ["--methods", "griffin_lim, pghi", "--folder", "out", "--speech"]
    assert main([*command, "--wavs", "--page", "--csv", "--latex"]) == 0
    assert (
        "PESQ, ESTOI and ViSQOL are left out: an array has no original (batch_0.npy, batch_1.npy)"
        in capsys.readouterr().out
    )
    names = ["griffin_lim_1", "griffin_lim_3", "pghi_1", "pghi_3"]
    assert sorted(path.name for path in (folder / "out" / "waves").iterdir()) == names
    rows = list(csv.DictReader(io.StringIO((folder / "out" / "table.csv").read_text())))
    assert [row["method"] for row in rows[:4]] == [
        "griffin_lim 1", "griffin_lim 3", "pghi 1", "pghi 3",
    ]  # fmt: skip
    wave, sr = read_audio(folder / "out" / "waves" / "griffin_lim_3" / "batch_1.wav")
    assert sr == SR
    target = torch.from_numpy(np.load("batch.npy"))[1]
    expected = float(metrics.sc(spectrum(wave[0]).abs(), target))
    assert float(rows[5]["sc"]) == pytest.approx(expected, abs=0.01)
    assert r"griffin\_lim 3" in (folder / "out" / "table.tex").read_text()
    page = (folder / "out" / "page.html").read_text()
    data = data_of(page)
    assert [sound["method"] for sound in data["clips"][1]["sounds"]] == ["griffin_lim", "pghi"]
    curve = data["clips"][1]["sounds"][0]["curve"]
    assert [step for step, _ in curve] == [1, 3]
    assert curve[-1][1] == pytest.approx(expected, abs=0.02)
    assert data["clips"][0]["anchor"] is None
    assert "Blind test: rate</button>" not in page
    assert "PESQ, ESTOI and ViSQOL are left out: an array has no original" in page


def test_sounds_keep_their_reference_in_a_page(folder):
    command = ["compare", "speech.wav", "--methods", "pghi", "--iterations", "1", "--page"]
    assert main([*command, "--n-fft", "512", "--degrade", "smooth,noisy", "--wavs"]) == 0
    page = (folder / "specinv_compare" / "page.html").read_text()
    clips = data_of(page)["clips"]
    assert [clip["name"] for clip in clips] == ["speech.wav (smooth)", "speech.wav (noisy)"]
    assert [s["method"] for s in clips[0]["sounds"]] == ["reference", "true phase", "pghi"]
    assert "Blind test: rate</button>" in page
    for kind in ("smooth", "noisy"):
        assert (folder / "specinv_compare" / "waves" / kind / "pghi_1" / "speech.wav").exists()


def test_what_cannot_invert_mel_bands_is_left_out_and_said(tmp_path):
    recipe = preset("hifigan")
    given = Prediction("m", recipe.record(speech_like(22050, 0.3)), 22050, recipe)
    text = compare_files([given], tmp_path, iterations=[1], seconds=0.1)
    assert "Left out, as they cannot invert all that is given: lbfgs, librosa" in text
    with pytest.raises(SpecInvError, match="lbfgs takes linear magnitudes"):
        compare_files([given], tmp_path, methods=["pghi", "lbfgs"], iterations=[1])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["batch.npy"], "has no sample rate: pass --sr"),
        (["speech.wav", "--preset", "hifigan"], "a recipe is for arrays"),
        (["speech.wav", "--key", "a"], "--key is for files of arrays"),
        (["batch.npy", "--sr", "16000", "--degrade", "noisy"], "degrade is for sounds"),
        (["speech.wav", "speech.wav", "--wavs"], "name of 2 files"),
        (["speech.wav", "--page", "--audio", "mp3"], "mp3"),
        (["speech.wav", "--iterations", "ten"], "--iterations ten: expected whole numbers"),
        (["speech.wav", "--seconds", "-1"], "seconds=-1"),
    ],
)
def test_bad_commands(folder, capsys, arguments, said):
    assert main(["compare", *arguments, "--folder", "out"]) == 2
    assert said in capsys.readouterr().err
    assert not (folder / "out").exists()


# -- the picture -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "seconds",
    [(0.2, 0.3, 0.45), (1e-4, 0.01, 30.0), (0.31, 0.32, 0.33), (0.5, 0.5, 0.5), (0.0, 0.1, 0.2)],
)
def test_labels_of_axes_leave_room_for_each_other(tmp_path, monkeypatch, seconds):
    figures = []
    inner = Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda self, *a, **k: figures.append(self) or inner(self, *a, **k)
    )
    points = [
        (n, s, -float(i)) for i, (n, s) in enumerate(zip((100, 101, 200), seconds, strict=True))
    ]
    plot_curves(tmp_path / "a.png", {"a": points})
    for axis in figures[0].axes:
        labels = [
            label
            for which in ("major", "minor")
            for label in axis.xaxis.get_ticklabels(which=which)
            if label.get_text()
        ]
        assert labels
        boxes = sorted((label.get_window_extent() for label in labels), key=lambda box: box.x0)
        assert all(a.x1 < b.x0 for a, b in itertools.pairwise(boxes))
