"""What invert refuses, or warns of, every other way in refuses as well, and in the same words."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from torch_specinv import SpecInvError, invert, invert_long, mel_to_audio, wave_init
from torch_specinv.cli import main
from torch_specinv.comparing.signals import speech_like
from torch_specinv.mel import preset

HANN = torch.hann_window(512)


def linear(frames=200):
    wave = speech_like(16000, frames * 128 / 16000)
    return torch.stft(wave, 512, window=HANN, return_complex=True).abs()


def said_by(function):
    """Return what a call complains of, or warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            function()
        except SpecInvError as error:
            return "error", str(error)
    return "warning", "\n".join(str(warning.message) for warning in caught)


#: Arrays, keywords, and what is to be said of them.
CASES = {
    "mel as linear": (lambda: torch.rand(80, 100), {"window": "hann"}, "a mel spectrogram"),
    "mel as linear, no window": (lambda: torch.rand(80, 100), {}, "a mel spectrogram"),
    "mel as linear, n_fft said": (
        lambda: torch.rand(80, 100),
        {"n_fft": 158, "window": "hann"},
        "n_fft=158 is an unusual one",
    ),
    "power": (lambda: linear() ** 2, {"window": HANN}, "power"),
    "decibels": (lambda: 20 * linear().clamp_min(1e-5).log10(), {"window": HANN}, "negative"),
    "NaN": (lambda: linear() * torch.nan, {"window": HANN}, "NaN"),
    "Nyquist bin missing": (lambda: linear()[:-1], {"window": HANN}, "Nyquist"),
    "transposed": (lambda: linear(100).mT, {"window": HANN}, "transposed"),
    "mel of another preset": (lambda: torch.rand(129, 100), {"preset": "hifigan"}, "129 bands"),
    "linear for a mel preset": (linear, {"preset": "hifigan"}, "A linear spectrogram"),
    "mel for a linear preset": (
        lambda: torch.rand(80, 100),
        {"preset": preset("tacotron_linear")},
        "80 bins",
    ),
    "magnitudes as logarithms": (
        lambda: torch.rand(80, 100) * 100,
        {"preset": "hifigan"},
        "",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_long_recordings(case, tmp_path):
    make, keywords, message = CASES[case]
    spec, run = make().contiguous(), {"max_iter": 1, "verbose": False}
    np.save(tmp_path / "in.npy", spec.numpy())
    whole = said_by(lambda: invert(spec, "amdr", **keywords, **run))
    sr = {} if "preset" in keywords else {"sr": 16000}
    long = said_by(
        lambda: invert_long(tmp_path / "in.npy", tmp_path / "out.wav", **sr, **keywords, **run)
    )
    assert whole[0] == long[0]
    assert whole[1]
    # the frames of a file are named as well, and a preset by its source
    assert message in whole[1]
    assert message in long[1]
    if whole[0] == "error":
        assert not (tmp_path / "out.wav").exists()


@pytest.mark.parametrize(
    ("make", "code", "message"),
    [
        (lambda: torch.rand(80, 100), 2, "a mel spectrogram"),
        (lambda: linear() ** 2, 0, "power"),
        (lambda: linear()[:-1], 2, ""),
    ],
)
def test_the_command_line(make, code, message, tmp_path, capsys):
    np.save(tmp_path / "in.npy", make().contiguous().numpy())
    said = []
    for command in ("invert", "invert-long"):
        arguments = [str(tmp_path / "in.npy"), "-o", str(tmp_path / f"{command}.wav")]
        more = ["--sr", "16000", "--max-iter", "1", "--win-length", "512", "--quiet"]
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            assert main([command, *arguments, *more]) == code
        said.append(capsys.readouterr().err.splitlines()[0])
    assert said[0] == said[1]
    assert message in said[0]


def test_functions_of_presets_and_transforms():
    with pytest.raises(SpecInvError, match="129 bands"):
        mel_to_audio(torch.randn(129, 40), preset="hifigan", verbose=False)
    bank = torch.rand(40, 257, generator=torch.manual_seed(0))
    observed = -bank @ linear()
    with pytest.raises(SpecInvError, match="negative"):
        wave_init(observed, lambda x: bank @ torch.stft(
            x, 512, window=HANN, return_complex=True).abs(), 25600)  # fmt: skip
