"""Comparing methods: what is measured, and when it is measured again."""

from __future__ import annotations

import math
import shutil
import warnings
from pathlib import Path

import librosa
import pytest
import torch

import torch_specinv
from tests.cases import cells
from torch_specinv import SpecInvError, invert
from torch_specinv.algorithms import RTISILA, GriffinLim
from torch_specinv.comparing import Clip, Measurement, compare, demo, equal_iterations, read_store
from torch_specinv.comparing.peers import installed_peers
from torch_specinv.comparing.setting import describe_setting, digest_of_sources
from torch_specinv.comparing.signals import speech_like
from torch_specinv.metrics import METRICS, register_metric, sc
from torch_specinv.solve import ALGORITHMS
from torch_specinv.transform.stft import STFT

N_FFT = 256
KEYWORDS = {"n_fft": N_FFT, "window": torch.hann_window(N_FFT)}


@pytest.fixture
def clip():
    return Clip("a", speech_like(8000, 0.5), 8000)


def test_a_magnitude_that_no_wave_has(clip, tmp_path):
    """Methods get the disturbed magnitude, and are compared with it."""
    seen = []

    def disturb(magnitude):
        seen.append(magnitude + 0.3 * magnitude.mean())
        return seen[-1]

    (found,) = compare([clip], ["pghi"], [1], tmp_path / "s", disturb=disturb, **KEYWORDS)
    (clean,) = compare([clip], ["pghi"], [1], tmp_path / "s", **KEYWORDS)
    assert found.setting != clean.setting
    wave = invert(seen[0], "pghi", length=len(clip.wave), verbose=False, **KEYWORDS).wave
    again = torch.stft(wave, return_complex=True, **KEYWORDS).abs()
    assert found.sc == pytest.approx(float(sc(again, seen[0])), abs=0.01)


def test_a_crash_in_the_middle_of_a_line_spoils_that_one_alone(clip, tmp_path):
    store = tmp_path / "store"
    before = list(compare([clip], ["pghi", "griffin_lim"], [2], store, **KEYWORDS))
    store.write_text(store.read_text()[:-30])
    again = list(compare([clip], ["pghi", "griffin_lim"], [2], store, **KEYWORDS))
    assert [m.sc for m in again] == [m.sc for m in before]
    assert {m.method for m in read_store(store)} == {"pghi", "griffin_lim"}


def test_transforms_that_peers_do_not_know(clip, tmp_path):
    for odd in ({"center": False}, {"normalized": True}, {"pad_mode": "constant"}):
        with pytest.raises(SpecInvError, match="leave it out"):
            next(compare([clip], ["librosa"], [1], tmp_path / "s", **KEYWORDS, **odd))


def test_librosa_is_seeded_under_the_name_it_has_for_the_seed(clip, monkeypatch):
    """Newer versions warn of random_state, and the newest know rng alone."""
    stft = STFT.of_wave(clip.wave, **KEYWORDS)
    target = stft(clip.wave)
    old, inner = installed_peers()["librosa"](target, stft, 2), librosa.griffinlim

    def both(S, *, rng=None, random_state=None, **keywords):
        if random_state is not None:
            warnings.warn("random_state was renamed to rng", FutureWarning, stacklevel=2)
        return inner(S, **{**keywords, seed_name: rng})

    def only_rng(S, *, rng=None, **keywords):
        return inner(S, **{**keywords, seed_name: rng})

    seed_name = "random_state" if "random_state" in librosa.griffinlim.__kwdefaults__ else "rng"
    for newer in (both, only_rng):
        monkeypatch.setattr(librosa, "griffinlim", newer)
        assert torch.equal(installed_peers()["librosa"](target, stft, 2), old)


@pytest.mark.parametrize("hop_length", [128, 64, 32])
def test_iterations_of_rtisi_la_cost_as_many_transformed_frames(clip, hop_length, monkeypatch):
    stft = STFT.of_wave(clip.wave, hop_length=hop_length, **KEYWORDS)
    target = stft(clip.wave)
    transformed = []
    for name in ("rfft", "irfft"):
        function = getattr(torch.fft, name)

        def counted(x, *rest, function=function, **keywords):
            transformed.append(math.prod(x.shape[:-1]))
            return function(x, *rest, **keywords)

        monkeypatch.setattr(torch.fft, name, counted)
    frames = {}
    for algorithm in (GriffinLim(), RTISILA()):
        transformed.clear()
        budget = algorithm.iterations_of_equal_cost(32, stft.geometry)
        invert(
            target, algorithm, max_iter=budget, tol=0, eva_iter=1000, backend="torch",
            verbose=False, **stft.geometry.keywords(),
        )  # fmt: skip
        frames[type(algorithm)] = sum(transformed)
    # beside its iterations it synthesises the frames at once for each first guess
    assert frames[RTISILA] == pytest.approx(1.1 * frames[GriffinLim], rel=0.12)


def test_the_demo_and_the_comparison_give_methods_iterations_of_equal_cost(
    clip, monkeypatch, tmp_path, capsys
):
    budgets = []

    class Costly(GriffinLim):
        def iterations_of_equal_cost(self, iterations, geometry):
            return max(1, iterations // 5)

        def solver(self, problem, budget, engine):
            budgets.append(budget)
            return super().solver(problem, budget, engine)

    algorithms = {"griffin_lim": GriffinLim, "costly": Costly}
    monkeypatch.setitem(ALGORITHMS, "costly", Costly)
    monkeypatch.setattr(demo, "ALGORITHMS", algorithms)
    monkeypatch.setattr(demo, "CLIPS", {"speech": lambda sr: speech_like(sr, 0.5)})
    demo.run_demo(tmp_path / "demo", max_iter=20, sr=4000)
    assert budgets == [4]
    assert cells(capsys.readouterr().out, "speech", "costly")["iterations"] == "4"
    list(compare([clip], ["costly"], [20], tmp_path / "s", **KEYWORDS))
    assert budgets[-1] == 4


def test_any_source_file_changes_the_digest_of_the_sources(tmp_path):
    package = tmp_path / "package"
    ignored = shutil.ignore_patterns("__pycache__", "*.so")
    shutil.copytree(Path(torch_specinv.__file__).parent, package, ignore=ignored)
    before = digest_of_sources(package)
    assert before == digest_of_sources(Path(torch_specinv.__file__).parent)
    files = [file for file in package.rglob("*") if file.suffix in (".py", ".h", ".cpp")]
    assert {file.suffix for file in files} == {".py", ".h", ".cpp"}
    for file in files:
        content = file.read_bytes()
        file.write_bytes(content + b" ")
        assert digest_of_sources(package) != before, file
        file.write_bytes(content)
    assert digest_of_sources(package) == before
    files[0].rename(files[0].with_stem("renamed"))
    assert digest_of_sources(package) != before


def test_settings_differ_in_whatever_a_measurement_depends_on(clip):
    usual = {"hop_length": 64, **KEYWORDS}
    metrics = {"sc": sc}

    def setting(wave=clip.wave, target=None, metrics=metrics, sr=8000, speech=False, **changed):
        stft = STFT.of_wave(wave, **{**usual, **changed})
        target = stft(wave) if target is None else target
        return describe_setting(stft, target, metrics=metrics, wave=wave, sr=sr, speech=speech)

    target = STFT.of_wave(clip.wave, **usual)(clip.wave)
    settings = [
        setting(),
        setting(hop_length=32),
        setting(n_fft=512, win_length=N_FFT),
        setting(window=torch.hamming_window(N_FFT)),
        setting(center=False),
        setting(pad_mode="constant"),
        setting(normalized=True),
        setting(onesided=False),
        setting(wave=clip.wave[:-1]),
        setting(wave=2 * clip.wave, target=target),
        setting(target=1.01 * target),
        setting(sr=16000),
        setting(speech=True),
        setting(metrics={}),
        setting(metrics={"sc": sc, "other": lambda x, s: x - s}),
        setting(metrics={"sc": sc, "other": lambda x, s: s - x}),
    ]
    assert len(set(settings)) == len(settings)
    assert setting() == settings[0]


@pytest.fixture
def registered():
    """Register metrics by name for the time of a test."""
    names = []

    def register(name, function, **about):
        names.append(name)
        return register_metric(name, **about)(function)

    yield register
    for name in names:
        del METRICS[name]


def level(x, _target):
    return x.mean((-2, -1))


def test_a_new_metric_is_one_function(clip, registered, tmp_path):
    """It is measured, also where the other metrics were before, and has its column."""
    store = tmp_path / "store"
    (before,) = compare([clip], ["griffin_lim"], [2], store, **KEYWORDS)
    registered("level", level, higher_is_better=True, decimals=4)
    (after,) = compare([clip], ["griffin_lim"], [2], store, **KEYWORDS)
    assert "level" not in before.values
    assert after.values["level"] > 0
    assert after.values["sc"] == before.sc
    assert read_store(store) == [before, after]
    header = equal_iterations([after]).splitlines()[0]
    assert [cell.strip() for cell in header.split("|")[3:8]] == [
        "SC ↓", "SC inner ↓", "SNR ↑", "LSD ↓", "LEVEL ↑",
    ]  # fmt: skip


def test_the_best_value_is_bold_in_the_direction_of_the_metric(registered):
    registered("more_is_good", level, higher_is_better=True)
    registered("who_knows", level)

    def of(method, value):
        values = {"sc": value, "snr": value, "more_is_good": value, "who_knows": value}
        return Measurement("a", method, 10, values, 1.0, setting="{}")

    text = equal_iterations([of("low", -5.0), of("high", 7.0)])
    low, high = cells(text, "low"), cells(text, "high")
    assert (low["SC ↓"], high["SC ↓"]) == ("**-5.0**", "7.0")
    assert (low["SNR ↑"], high["SNR ↑"]) == ("-5.0", "**7.0**")
    assert (low["more_is_good ↑"], high["more_is_good ↑"]) == ("-5.00", "**7.00**")
    assert (low["who_knows"], high["who_knows"]) == ("-5.00", "7.00")
    assert "**" not in equal_iterations([of("low", -5.0)])


def test_a_metric_cannot_have_the_name_of_another_column(clip, registered, tmp_path):
    registered("seconds", level)
    with pytest.raises(SpecInvError, match="'seconds' has the name of another column"):
        next(compare([clip], ["griffin_lim"], [1], tmp_path / "s", **KEYWORDS))
