"""Windows by name are those of scipy and of the recipes that use them, everywhere a window is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.signal import get_window

from tests.conftest import hann
from torch_specinv import (
    ADMM,
    RTISI_LA,
    STFT,
    SpecInvError,
    griffin_lim,
    invert,
    mel_to_audio,
    nn,
    phase_init,
)
from torch_specinv.losses import (
    MultiResolutionSTFTLoss,
    STFTLoss,
    mrstft_loss,
    random_resolution_stft_loss,
    stft_loss,
)
from torch_specinv.online import RTISI
from torch_specinv.transform.named_windows import WINDOWS, named_window, parse_window
from torch_specinv.transform.windows import frame_bounds

SPEC = torch.rand(33, 20, generator=torch.Generator().manual_seed(0))
RUN = {"max_iter": 3, "tol": 0, "verbose": False}
KAISER = ("kaiser", 14.0)

# what scipy calls them otherwise, or None where it has no such window
SCIPY = {
    "ones": "boxcar",
    "rectangular": "boxcar",
    "gaussian": ("gaussian", 7.0),
    "tukey": ("tukey", 0.5),
    "general_hamming": ("general_hamming", 0.7),
    "kaiser": ("kaiser", 12.0),
    "sqrt_hann": None,
    "sine": None,
    "vorbis": None,
    "povey": None,
}
GIVEN = {"gaussian": ("gaussian", 7.0), "general_hamming": ("general_hamming", 0.7)}


@pytest.mark.parametrize("length", [1, 2, 7, 64, 401])
@pytest.mark.parametrize("name", [name for name in WINDOWS if SCIPY.get(name, name)])
def test_they_are_those_of_scipy(name, length):
    ours = named_window(GIVEN.get(name, name), length, torch.float64)
    theirs = get_window(SCIPY.get(name, name), length)
    assert ours.dtype == torch.float64
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=0, atol=2e-15 * max(length, 50))


@pytest.mark.parametrize("length", [2, 7, 64])
@pytest.mark.parametrize("name", [name for name in WINDOWS if SCIPY.get(name, name)])
def test_symmetric_ones_are_those_of_scipy(name, length):
    window = GIVEN.get(name, name)
    named = (f"{name}_symmetric", window[1]) if isinstance(window, tuple) else f"{name}_symmetric"
    theirs = get_window(SCIPY.get(name, name), length, fftbins=False)
    np.testing.assert_allclose(
        named_window(named, length, torch.float64).numpy(), theirs, rtol=0, atol=1e-13
    )


@pytest.mark.parametrize("length", [2, 9, 400])
def test_the_windows_that_scipy_lacks(length):
    n = np.arange(length)
    sine = np.sin(np.pi * (n + 0.5) / length)
    formulas = {
        "sqrt_hann": np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * n / length)),
        "sine": sine,
        "vorbis": np.sin(np.pi / 2 * sine**2),
        # feature-window.cc of Kaldi
        "povey": (0.5 - 0.5 * np.cos(2 * np.pi * n / (length - 1))) ** 0.85,
    }
    assert formulas.keys() == {name for name, other in SCIPY.items() if other is None}
    for name, expected in formulas.items():
        found = named_window(name, length, torch.float64).numpy()
        np.testing.assert_allclose(
            found, expected, rtol=0, atol=1e-14 if name != "povey" else 1e-12
        )


def test_those_of_the_lapped_transform_restore_exactly():
    """Princen and Bradley: at half overlap their squares add up to 1."""
    for name in ("sine", "vorbis"):
        low, high = frame_bounds(named_window(name, 64, torch.float64), 32)
        assert abs(low - 1) < 1e-14
        assert abs(high - 1) < 1e-14


@pytest.mark.parametrize("name", ["hann", "hamming", "blackman", "bartlett", "kaiser"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_name_and_its_tensor_are_the_same_to_the_last_bit(name, dtype):
    made = getattr(torch, f"{name}_window")(64, dtype=dtype)
    spec = SPEC.to(dtype)
    assert torch.equal(griffin_lim(spec, window=name, **RUN), griffin_lim(spec, window=made, **RUN))


@pytest.mark.parametrize("window", ["hann", KAISER, 14.0, ["kaiser", 14], np.float32(14.0)])
def test_every_function_takes_a_name(window):
    tensor = hann(64, torch.float32)
    if window != "hann":
        tensor = torch.kaiser_window(64, True, 14.0)
    mel = torch.rand(10, 20, generator=torch.Generator().manual_seed(1))
    bands = {"sr": 16000, "n_fft": 64, **RUN}
    for call in (
        lambda w: griffin_lim(SPEC, window=w, **RUN),
        lambda w: ADMM(SPEC, window=w, **RUN),
        lambda w: RTISI_LA(SPEC, window=w, max_iter=3, verbose=False),
        lambda w: invert(SPEC, "pghi", window=w, **RUN).wave,
        lambda w: phase_init(SPEC, window=w).abs(),
        lambda w: mel_to_audio(mel, window=w, **bands),
        lambda w: STFT.of(SPEC, window=w).geometry.window,
        lambda w: STFT.of_wave(torch.zeros(300), n_fft=64, window=w).geometry.window,
        lambda w: nn.GriffinLim(3, tol=0, window=w)(SPEC),
        lambda w: nn.PhaseInit(window=w)(SPEC).abs(),
        lambda w: _online(w),
    ):
        torch.testing.assert_close(call(window), call(tensor), rtol=0, atol=0)


def _online(window):
    online = RTISI(n_fft=64, max_iter=3, window=window)
    return torch.cat([online.push(frame) for frame in SPEC.T] + [online.flush()])


def test_its_length_is_the_win_length_or_that_of_the_bins():
    stft = STFT.of(SPEC, win_length=40, hop_length=10, window="hann")
    expected = torch.nn.functional.pad(torch.hann_window(40), (12, 12))
    assert torch.equal(stft.geometry.window, expected)
    assert len(STFT.of(SPEC, n_fft=65, window="hann").geometry.window) == 65
    whole = torch.hann_window(1024)
    mel = -torch.rand(80, 6)
    run = {"preset": "hifigan", **RUN}
    assert torch.equal(
        mel_to_audio(mel, window="hann", **run), mel_to_audio(mel, window=whole, **run)
    )


def test_it_is_made_in_the_precision_of_the_computation():
    for dtype, made in ((torch.float64, torch.float64), (torch.float16, torch.float32)):
        window = STFT.of(SPEC.to(dtype), window="povey").geometry.window
        assert window.dtype == made
        assert torch.equal(window, named_window("povey", 64, torch.float64).to(made))


def test_a_run_goes_on_with_the_tensor_of_the_name():
    first = invert(SPEC, "griffin_lim", window="hann", **RUN)
    more = invert(SPEC, "griffin_lim", window=torch.hann_window(64), resume=first, **RUN)
    whole = invert(SPEC, "griffin_lim", window="hann", **{**RUN, "max_iter": 6})
    assert torch.equal(more.wave, whole.wave)
    with pytest.raises(SpecInvError, match="resume"):
        invert(SPEC, "griffin_lim", window="hamming", resume=first, **RUN)


def test_losses_take_them_too():
    x, y = torch.randn(2, 2, 3000, generator=torch.Generator().manual_seed(0))
    kaiser = torch.from_numpy(get_window(14.0, 512)).float()
    expected = stft_loss(x, y, n_fft=512, window=kaiser)
    for window in (KAISER, 14.0):
        torch.testing.assert_close(stft_loss(x, y, n_fft=512, window=window), expected)
        torch.testing.assert_close(STFTLoss(n_fft=512, window=window)(x, y), expected)
    sizes = {"hop_lengths": (50, 25), "win_lengths": (200, 100)}
    each = [torch.from_numpy(get_window(14.0, n)).float() for n in (200, 100)]
    expected = mrstft_loss(x, y, window=each, **sizes)
    for window in (KAISER, 14.0, [KAISER, 14.0], [each[0].numpy(), KAISER]):
        torch.testing.assert_close(mrstft_loss(x, y, window=window, **sizes), expected)
        torch.testing.assert_close(MultiResolutionSTFTLoss(window=window, **sizes)(x, y), expected)
    drawn = random_resolution_stft_loss(x, y, windows=[KAISER, "povey"], max_n_fft=256)
    assert bool(drawn > 0)


@pytest.mark.parametrize(
    ("window", "message"),
    [
        ("hannn", r"window='hannn' is unknown\. Did you mean 'hann'"),
        ("hannn_symmetric", r"'hannn' is unknown"),
        ("gaussian", r"expected \('gaussian', std\)"),
        (("hann", 3.0), r"'hann' has no parameter"),
        (("kaiser", "14"), r"expected \('kaiser', beta\)"),
        (("kaiser", 14.0, 2.0), r"expected \('kaiser', beta\)"),
        (("gaussian", 0.0), r"expected \('gaussian', std\)"),
        (True, r"window=True: expected"),
        (float("nan"), r"window=nan: expected"),
        (-1.0, r"window=-1\.0: expected"),
        ((14.0, "kaiser"), r"window has dtype .*expected numbers"),
        ({}, r"window is a dict"),
        (np.ones((2, 64)), r"window has shape \(2, 64\)"),
    ],
)
def test_errors(window, message):
    for call in (griffin_lim, phase_init):
        with pytest.raises(SpecInvError, match=message):
            call(SPEC, window=window)
    with pytest.raises(SpecInvError, match=message):
        stft_loss(torch.ones(3000), torch.ones(3000), window=window)


def test_a_name_tells_nothing_of_bins():
    """A dropped Nyquist bin is noticed as without a window."""
    with pytest.raises(SpecInvError, match="Nyquist bin was dropped"):
        griffin_lim(torch.rand(512, 30), window="hann", verbose=False)
    with pytest.raises(SpecInvError, match="80 bins: a mel spectrogram"):
        griffin_lim(torch.rand(80, 30), window=14.0, verbose=False)


def test_what_a_command_line_says():
    assert parse_window("hann") == "hann"
    assert parse_window("kaiser:14") == KAISER
    assert parse_window("14") == 14.0
    assert parse_window("kaiser:wide") == "kaiser:wide"
