"""The cases of librosa's own tests of griffinlim, which there ask for the length and no NaN.

Here the wave is that of librosa wherever nothing differs on purpose: with zeros at the ends, and
with the same start.
"""

from __future__ import annotations

import itertools

import librosa
import numpy as np
import pytest
import torch

from torch_specinv import SpecInvError, griffin_lim

SR = 22050
CHIRP = librosa.chirp(fmin=55, fmax=7040, length=2756, sr=SR)
NAMES = {"rect": "ones"}


def adapted(magnitude, *, n_iter, momentum=0.99, window="hann", n_fft=None, init=None, **keywords):
    """librosa's arguments: other names; the hop is a quarter of the window, not of the FFT."""
    n_fft = 2 * (magnitude.shape[-2] - 1) if n_fft is None else n_fft
    win_length = keywords.pop("win_length", None) or n_fft
    hop_length = keywords.pop("hop_length", None) or win_length // 4
    keywords.setdefault("pad_mode", "constant")
    return griffin_lim(
        magnitude, n_iter, alpha=momentum, tol=0, init=init or "zero", n_fft=n_fft,
        win_length=win_length, hop_length=hop_length, window=NAMES.get(window, window),
        verbose=False, **keywords,
    ).numpy()  # fmt: skip


@pytest.mark.parametrize("hop_length", [None, 1024])
@pytest.mark.parametrize("win_length", [None, 1024])
@pytest.mark.parametrize("n_fft", [2048, 2049])
@pytest.mark.parametrize("window", ["hann", "rect"])
def test_keywords(hop_length, win_length, n_fft, window):
    stft = {"n_fft": n_fft, "hop_length": hop_length, "win_length": win_length, "window": window}
    for center, whole, pad_mode, init in itertools.product(
        [False, True], [False, True], ["constant", "reflect"], [None, "random"]
    ):
        keywords = {**stft, "center": center, "pad_mode": pad_mode}
        magnitude = np.abs(librosa.stft(CHIRP, **keywords))
        keywords |= {"length": len(CHIRP) if whole else None, "init": init, "n_iter": 1}
        if window == "hann" and hop_length == win_length == 1024 and center:
            # by design: a sample in each hop is seen by no frame; there it is made up
            with pytest.raises(SpecInvError, match="hop_length=1023 would do"):
                adapted(magnitude, **keywords)
            continue
        theirs = librosa.griffinlim(magnitude, **keywords)
        ours = adapted(magnitude, **keywords)
        assert np.isrealobj(ours)
        assert np.isfinite(ours).all()
        assert len(ours) == (len(CHIRP) if whole else len(theirs))
        if center and pad_mode == "constant" and init is None:
            level = abs(theirs).max()
            assert abs(ours[: len(theirs)] - theirs).max() < 1e-4 * level


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_is_that_of_the_magnitude(dtype):
    magnitude = np.abs(librosa.stft(CHIRP)).astype(dtype)
    assert adapted(magnitude, n_iter=1).dtype == dtype


@pytest.mark.parametrize("momentum", [0, 0.5, 0.99])
def test_momentum(momentum):
    magnitude = np.abs(librosa.stft(CHIRP.astype(np.float64)))
    theirs = librosa.griffinlim(magnitude, n_iter=8, momentum=momentum, init=None)
    assert np.allclose(adapted(magnitude, n_iter=8, momentum=momentum), theirs, atol=1e-8)


def test_seeds():
    """By design a generator takes the place of rng, and the same seed gives other phases."""
    magnitude = np.abs(librosa.stft(CHIRP))
    waves = [
        adapted(magnitude, n_iter=1, init="random", generator=torch.Generator().manual_seed(seed))
        for seed in (0, 0, 1)
    ]
    assert np.array_equal(waves[0], waves[1])
    assert not np.allclose(waves[0], waves[2])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"init": "garbage"}, "init='garbage'"),
        ({"generator": "garbage"}, "generator"),
        ({"random_state": 0}, r"'random_state'.*generator=torch\.Generator"),
        ({"momentum": -1}, "alpha=-1"),
    ],
)
def test_what_is_refused(wrong, message):
    with pytest.raises(SpecInvError, match=message):
        adapted(np.ones((33, 3)), n_iter=1, **wrong)
