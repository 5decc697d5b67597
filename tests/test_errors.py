"""Bad input: one exception type, a message that names argument, value, expectation and cause."""

from __future__ import annotations

import math
import re
import warnings

import pytest
import torch

from tests.conftest import hann
from torch_specinv import (
    RTISI_LA,
    STFT,
    ConventionWarning,
    SpecInvError,
    diagnose,
    griffin_lim,
    invert,
    phase_init,
    wave_init,
)
from torch_specinv.io import write_audio
from torch_specinv.mel import mfcc_to_mel

SPEC = torch.rand(2, 33, 20, generator=torch.Generator().manual_seed(0))
WINDOW = hann(64, torch.float32)


def with_value(value, *place):
    spec = SPEC.clone()
    spec[place] = value
    return spec


# name: (spec, keywords, what the message must say); None as spec: an ordinary one
SPECTROGRAM_CASES = {
    "log values": (SPEC.log(), {}, r"spec holds negative .* log or dB .* spec\.exp\(\)"),
    "nan": (with_value(math.nan, 1, 4, 7), {}, r"1 values .* NaN .* \(1, 4, 7\)"),
    "infinity": (with_value(math.inf, 0, 0, 0), {}, r"infinite.* \(0, 0, 0\)"),
    "integers": (torch.ones(33, 20, dtype=torch.int64), {}, r"int64.*\.float\(\)"),
    "one dimension": (torch.rand(33), {}, r"shape \(33,\).*\(\.\.\., bins, frames\).*waveform"),
    "empty batch": (torch.rand(0, 33, 20), {}, r"\(0, 33, 20\).*empty batch"),
    "no frames": (torch.rand(33, 0), {}, r"\(33, 0\).*no frames|no values"),
    "a word": ("spec.npy", {}, r"spec is a str: expected a torch\.Tensor, .*numpy\.load"),
    "transposed, n_fft given": (SPEC.mT, {"n_fft": 64}, r"transposed: pass spec\.mT"),
    "transposed, window given": (
        torch.rand(120, 33), {}, r"window of 64 samples the array looks transposed",
    ),
    "odd window": (torch.rand(32, 20), {"window": hann(63)}, r"pass n_fft=63, which is odd"),
    "no Nyquist, window given": (
        torch.rand(256, 200), {"window": hann(512)}, r"window of 512 samples the Nyquist bin",
    ),
    "no Nyquist, n_fft given": (
        torch.rand(256, 200), {"window": hann(512), "n_fft": 512}, r"Nyquist bin was dropped",
    ),
    "another window": (
        torch.rand(90, 200), {"window": hann(1024)}, r"1024 samples, more than that: not the one",
    ),
    "transposed, by its size": (
        torch.rand(150, 257), {"window": None}, r"257 frames .*transposed",
    ),
    "mel, n_fft given": (torch.rand(80, 20), {"n_fft": 1024}, r"80 bins: a mel spectrogram"),
    "mel, nothing given": (torch.rand(80, 20), {"window": None}, r"n_fft=158.*mel spectrogram"),
    "no Nyquist bin": (torch.rand(512, 20), {"window": None}, r"Nyquist bin was dropped"),
    "other n_fft": (None, {"n_fft": 100}, r"n_fft=100 has 51 bins, but spec has 33"),
    "two-sided": (torch.rand(64, 20), {"n_fft": 64}, r"onesided=False"),
}  # fmt: skip
STFT_CASES = {
    "hop 0": ({"hop_length": 0}, r"hop_length=0: expected a whole number of at least 1"),
    "hop a float": ({"hop_length": 16.0}, r"hop_length=16\.0: expected a whole number"),
    "hop > window": ({"hop_length": 65}, r"hop_length=65 is larger than win_length=64"),
    "hop loses samples": ({"hop_length": 64}, r"hop_length=64 .*loses .*hop_length=63"),
    "window too long": ({"win_length": 65}, r"win_length=65 is larger than n_fft=64"),
    "window of another length": ({"window": torch.ones(60)}, r"60 samples.*win_length=60"),
    "window of integers": ({"window": torch.ones(64, dtype=torch.int32)}, r"int32"),
    "window by a wrong name": ({"window": "hannn"}, r"window='hannn' is unknown.*'hann'"),
    "window of zeros": ({"window": torch.zeros(64)}, r"all zeros"),
    "window on another device": (
        {"window": torch.ones(64, device="meta")}, r"window is on meta, spec on cpu",
    ),
    "pad mode": ({"pad_mode": "reflec"}, r"pad_mode='reflec'.*'reflect'"),
    "complex window, one-sided": (
        {"window": torch.ones(64) + 0j, "onesided": True}, r"onesided=False",
    ),
    "center keyword": ({"centre": True}, r"'centre'.*'center'"),
    "hop": ({"hop": 16}, r"'hop'\..*'hop_length'"),
    "center a word": ({"center": "false"}, r"center='false': expected True or False"),
    "normalized a word": ({"normalized": "window"}, r"normalized='window': expected True or"),
    "nonsense": ({"zzzzz": 1}, r"unknown keyword 'zzzzz'\. Known: "),
}  # fmt: skip
RUN_CASES = {
    "alpha": ({"alpha": -0.1}, r"alpha=-0\.1: expected a finite number of at least 0"),
    "alpha nan": ({"alpha": math.nan}, r"alpha=nan"),
    "alpha a word": ({"alpha": "big"}, r"alpha='big'"),
    "n_iter": ({"n_iter": 3}, r"'n_iter'.*Did you mean 'max_iter'"),
    "power": ({"power": 2}, r"'power'\. The input is a magnitude: take the square root"),
    "momentum": ({"momentum": 0.9}, r"'momentum'.*'alpha'"),
    "max_iter 0": ({"max_iter": 0}, r"max_iter=0: expected a whole number of at least 1"),
    "max_iter -1": ({"max_iter": -1}, r"max_iter=-1"),
    "max_iter a float": ({"max_iter": 10.5}, r"max_iter=10\.5"),
    "eva_iter": ({"eva_iter": 0}, r"eva_iter=0"),
    "tol": ({"tol": -1e-3}, r"tol=-0\.001"),
    "metric": ({"metric": "scc"}, r"metric='scc' is unknown\. Did you mean 'sc'"),
    "init": ({"init": "spis"}, r"init='spis' is unknown\. Did you mean 'spsi'"),
    "alpha text": ({"alpha": "0.5"}, r"alpha='0\.5': expected"),
    "alpha a vector": ({"alpha": torch.tensor([0.5])}, r"alpha=tensor"),
    "seed": ({"seed": 0}, r"'seed'\. Pass generator=torch\.Generator"),
    "generator": ({"generator": 0}, r"generator=0: expected torch\.Generator"),
    "callback": ({"callback": 3}, r"callback=3: expected a function"),
    "metric none": ({"metric": None}, r"metric=None: expected a name"),
    "init shape": ({"init": torch.zeros(33, 20)}, r"init has shape \(33, 20\), spec \(2, 33, 20\)"),
    "init device": ({"init": torch.zeros(2, 33, 20, device="meta")}, r"init is on meta"),
    "backend": ({"backend": "torhc"}, r"backend='torhc'.*'torch'"),
    "too short": ({"length": 303}, r"length=303.*304 to 319"),
    "too long": ({"length": 320}, r"length=320.*304 to 319"),
    "length a float": ({"length": 310.0}, r"length=310\.0"),
}
FUNCTIONS = {
    "griffin_lim": lambda spec, **k: griffin_lim(spec, **{"verbose": False, **k}),
    "invert": lambda spec, **k: invert(spec, **{"verbose": False, "algorithm": "griffin_lim", **k}),
    "phase_init": phase_init,
}


def check(function, spec, keywords, message):
    keywords = {"window": WINDOW, **keywords}
    with pytest.raises(SpecInvError, match=re.compile(message, re.DOTALL)) as caught:
        FUNCTIONS[function](SPEC if spec is None else spec, **keywords)
    assert isinstance(caught.value, ValueError)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("case", SPECTROGRAM_CASES)
def test_spectrogram(function, case):
    check(function, *SPECTROGRAM_CASES[case])


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("case", STFT_CASES)
def test_stft_keywords(function, case):
    check(function, None, *STFT_CASES[case])


@pytest.mark.parametrize("function", ["griffin_lim", "invert"])
@pytest.mark.parametrize("case", RUN_CASES)
def test_run_keywords(function, case):
    check(function, None, *RUN_CASES[case])


@pytest.mark.parametrize("name", ["resume", "algorithm", "rho"])
def test_a_function_takes_what_its_signature_says(name):
    with pytest.raises(SpecInvError, match=f"unknown keyword '{name}'") as caught:
        griffin_lim(SPEC, 1, window=WINDOW, verbose=False, **{name: None})
    assert "resume" not in str(caught.value).partition("Known:")[2]


def test_hyperparameters_of_another_algorithm():
    check(
        "invert", None, {"algorithm": "admm", "alpha": 0.5}, r"'alpha' is a .*griffin_lim.* 'admm'"
    )
    check("invert", None, {"algorithm": "auto", "rho": 0.5}, r"'rho' .* of admm, .* leave rho")


def test_names_of_methods():
    check("invert", None, {"algorithm": "grifin_lim"}, r"'grifin_lim'.*'griffin_lim'")
    check("phase_init", None, {"method": "SPSI"}, r"method='SPSI' .*Did you mean 'spsi'")


@pytest.mark.parametrize(
    ("frames", "keywords", "message"),
    [
        (2, {}, r"16 samples.*reflect.*at least 33: use more frames"),
        (3, {}, r"pass length=33\.\.47"),
        (2, {"pad_mode": "circular"}, r"circular.*at least 32"),
    ],
)
def test_too_short_to_pad(frames, keywords, message):
    check("griffin_lim", torch.rand(33, frames), keywords, message)


@pytest.mark.parametrize("method", [griffin_lim, RTISI_LA])
def test_one_centred_frame_does_not_tell_the_length(method):
    """Of a signal shorter than n_fft: torch.stft gives the same frame count for 1 to 15 samples."""
    wave = torch.rand(9)
    keywords = {"pad_mode": "constant", "window": WINDOW, "verbose": False}
    spec = torch.stft(wave, 64, window=WINDOW, pad_mode="constant", return_complex=True).abs()
    assert spec.shape == (33, 1)
    with pytest.warns(ConventionWarning, match=r"n_fft=64.* 1 to 15 samples: one .* Pass length="):
        assert method(spec, max_iter=2, **keywords).shape == (1,)
    assert method(spec, max_iter=2, length=9, **keywords).shape == (9,)  # warnings are errors
    keywords |= {"window": torch.ones(4), "hop_length": 2}
    assert method(torch.rand(3, 1), max_iter=2, **keywords).shape == (1,)  # there is no other


def test_nothing_is_computed_before_the_complaint(monkeypatch):
    def never(*_args, **_kwargs):
        raise AssertionError("work was done")

    monkeypatch.setattr("torch_specinv.transform.stft.STFT.synthesise", never)
    monkeypatch.setattr("torch_specinv.inversion.request.Start.of", never)
    for keywords, message in [*STFT_CASES.values(), *RUN_CASES.values()]:
        check("invert", None, keywords, message)


def test_a_missing_window_warns_at_the_callers_line():
    with pytest.warns(ConventionWarning, match="hann_window") as caught:
        griffin_lim(SPEC, 1, verbose=False)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        griffin_lim(SPEC, 1, verbose=False, window=None)


def test_plausible_sizes_that_are_meant_are_accepted():
    with pytest.warns(ConventionWarning, match="n_fft=158 is .*80 bins: a mel spectrogram"):
        griffin_lim(torch.rand(80, 20), 1, n_fft=158, window=None, verbose=False)
    griffin_lim(torch.rand(150, 257), 1, n_fft=298, window=None, verbose=False)
    griffin_lim(torch.rand(601, 513), 1, window=None, verbose=False)
    griffin_lim(torch.rand(442, 257), 1, window=hann(882), verbose=False)


def test_float16_that_overflows_is_told():
    spec = (3e4 * (1 + torch.rand(33, 20))).half()
    with pytest.warns(RuntimeWarning, match="more than float16 holds"):
        griffin_lim(spec, 3, window=0.01 * WINDOW, verbose=False, init="zero")


def test_another_default_device():
    """A default device, as notebooks set it, does not reach into the package."""
    spec, window = torch.rand(33, 20), torch.hann_window(512)
    wide = torch.rand(257, 30)
    stft = STFT.of_wave(torch.zeros(4000), n_fft=512, window=window)
    transform = stft.__call__
    torch.set_default_device("meta")
    try:
        waves = [
            griffin_lim(spec, 2, window=WINDOW, verbose=False),
            griffin_lim(wide, 2, window=window, verbose=False),
            wave_init(transform(torch.ones(4000, device="cpu")), transform, 4000),
        ]
        found = diagnose(wide)
        mel = mfcc_to_mel(spec)
    finally:
        torch.set_default_device(None)
    assert all(torch.isfinite(wave).all() for wave in waves)
    assert torch.isfinite(mel).all()
    assert found.shape == (257, 30)


def test_a_wave_that_is_not_finite_is_told(tmp_path):
    spec = torch.rand(2, 33, 20, generator=torch.manual_seed(0))
    levels = torch.tensor([1.0, 1e37])[:, None, None]
    with pytest.warns(RuntimeWarning, match=r"1 of 2 items \(1\): the wave is not finite.*Scale"):
        wave = griffin_lim(spec * levels, 3, window=1e-3 * WINDOW, verbose=False, init="zero")
    assert torch.isfinite(wave[0]).all()
    with pytest.raises(SpecInvError, match="NaN or infinite: nothing is written"):
        write_audio(tmp_path / "a.wav", wave, 8000)
    assert list(tmp_path.iterdir()) == []
