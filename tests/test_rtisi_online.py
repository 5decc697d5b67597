"""RTISI-LA as frames arrive: pushed against offline, at any level, with other parts."""

from __future__ import annotations

import pytest
import torch

from tests.conftest import hann, magnitude
from torch_specinv import RTISI_LA, STFT
from torch_specinv.algorithms import GriffinLim
from torch_specinv.constraints.magnitude import Magnitude
from torch_specinv.online import RTISI, LeastSquaresGuess, OnlineInverter


@pytest.mark.parametrize(
    "geometry",
    [
        {},
        {"center": False, "hop_length": 40},
        {"win_length": 100, "window": hann(100), "hop_length": 30},
        {"n_fft": 127, "window": hann(127), "normalized": True},
        {"onesided": False},
    ],
)
@pytest.mark.parametrize("look_ahead", [-1, 0, 2])
def test_pushing_is_the_offline_call(clips, geometry, look_ahead):
    keywords = {"n_fft": 128, "window": hann(128), **geometry}
    spec = (
        torch.stft(clips[:3, :900], return_complex=True, **keywords)
        .abs()
        .reshape(3, 1, -1, torch.stft(clips[0, :900], return_complex=True, **keywords).shape[-1])
    )
    online = RTISI(look_ahead, max_iter=3, **keywords)
    for _ in range(2):  # flush makes it ready for another signal
        parts = [online.push(frame) for frame in spec.unbind(-1)]
        offline = RTISI_LA(spec, look_ahead, max_iter=3, verbose=False, **keywords)
        hop = keywords.get("hop_length", keywords["n_fft"] // 4)
        assert all(part.shape[-1] <= hop for part in parts)
        # what was returned is final: it is what the whole gives, before the end is known
        early = torch.cat(parts, -1)
        # equal but for the rounding of transforms of memory that lies elsewhere
        assert (early - offline[..., : early.shape[-1]]).abs().max() < 1e-12
        pushed = torch.cat([early, online.flush()], -1)
        assert pushed.shape == offline.shape
        assert (pushed - offline).abs().max() < 1e-12
    padding = 0 if geometry.get("center") is False else keywords["n_fft"] // 2
    newest = (spec.shape[-1] - 1) * hop + keywords["n_fft"] - padding
    assert newest - early.shape[-1] == online.latency


def test_fewer_frames_than_are_looked_ahead():
    """The frames that never come are absent, online, offline and in a ragged batch alike."""
    spec = torch.rand(65, 2, dtype=torch.float64)
    keywords = {"n_fft": 128, "window": hann(128), "center": False}
    online = RTISI(max_iter=3, **keywords)
    parts = [online.push(frame) for frame in spec.T]
    pushed = torch.cat([*parts, online.flush()])
    offline = RTISI_LA(spec, max_iter=3, verbose=False, **keywords)
    assert (pushed - offline).abs().max() < 1e-12
    batch = torch.zeros(2, 65, 30, dtype=torch.float64)
    batch[0], batch[1, :, :2] = torch.rand(65, 30), spec
    ragged = RTISI_LA(batch, max_iter=3, lengths=[128 + 29 * 32, 160], verbose=False, **keywords)
    assert (ragged[1, :160] - offline).abs().max() < 1e-9


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("power", [-80, 80])
def test_pushing_at_any_level(speech, dtype, power):
    """The level of frames that arrive one by one is known to nobody."""
    window = hann(128, dtype)
    spec = magnitude(speech[:900].to(dtype), 128, window=window)
    levels = torch.tensor([1.0, 2.0**power], dtype=dtype)[:, None]  # of one batch
    online = RTISI(max_iter=3, n_fft=128, window=window)
    parts = [online.push(levels * frame) for frame in spec.unbind(-1)]
    waves = torch.cat([*parts, online.flush()], -1) / levels
    assert torch.equal(waves[0], waves[1])
    alone = RTISI(max_iter=3, n_fft=128, window=window)
    parts = [alone.push(frame) for frame in spec.unbind(-1)]
    wave = torch.cat([*parts, alone.flush()])
    assert torch.equal(waves[0], wave)


class Noting:
    """A guess that looks back two frames beyond the active ones, and notes what it is shown."""

    past = 2

    def __init__(self):
        self.seen = []

    def __call__(self, arrival, geometry):
        self.seen.append(arrival)
        return LeastSquaresGuess()(arrival, geometry)


@pytest.mark.parametrize("look_ahead", [0, 2])
def test_another_guess_and_another_constraint(speech, look_ahead):
    window = hann(64)
    spec = magnitude(speech[:600], 64, window=window)
    geometry = STFT.of(spec, window=window).geometry
    run = {"look_ahead": look_ahead, "asymmetric_window": False, "max_iter": 2}
    run["algorithm"] = GriffinLim(0.5)
    noting = Noting()
    shapes = []

    def noted(target):
        shapes.append(target.shape)
        return Magnitude(target)

    finished = []
    for inverter in (
        OnlineInverter(geometry, **run),
        OnlineInverter(geometry, constraint=noted, guess=noting, **run),
    ):
        state = inverter.begin(1)
        samples = []
        for frame in spec.mT:
            state, part = inverter.push(state, frame[None], torch.ones(1, dtype=torch.bool))
            samples.append(part)
        finished.append(torch.cat(samples, -1))
    assert torch.equal(*finished)
    assert set(shapes) == {(1, 33, look_ahead + 1)}
    assert len(noting.seen) == len(spec.mT)
    for m, arrival in enumerate(noting.seen):
        places = 2 + look_ahead + 1
        assert arrival.wave.shape == (1, 64)
        for place in range(places):
            number = m - (places - 1) + place
            assert bool(arrival.present[0, place]) == (number >= 0)
            expected = spec[:, number] if number >= 0 else 0 * spec[:, 0]
            assert torch.equal(arrival.magnitude[0, place], expected)
            if place < places - 1:
                assert torch.allclose(arrival.estimate[0, place].abs(), expected)
        assert (arrival.estimate[0, -1] == 0).all()


def test_look_ahead_by_default_covers_the_window():
    assert RTISI(n_fft=256, window=hann(256)).latency == 2 * 64 + 256
    short = RTISI(n_fft=256, win_length=100, hop_length=25, window=hann(100), center=False)
    assert short.latency == 2 * 25 + 256
    assert RTISI(0, n_fft=256, window=hann(256)).latency == 256 - 64
