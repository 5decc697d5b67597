"""Sources that stream together with their mixture, and add up to it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.conftest import hann
from torch_specinv import SpecInvError
from torch_specinv.online import Streaming

N, HOP, SAMPLES = 64, 16, 640
WAVES = torch.randn(2, 3, SAMPLES, generator=torch.Generator().manual_seed(0)).double()
WAVES[:, 1] = torch.sin(0.3 * torch.arange(SAMPLES))
SETTINGS = {"n_fft": N, "hop_length": HOP, "window": hann(N)}


def spectra(waves):
    flat = waves.reshape(-1, SAMPLES)
    found = torch.stft(flat, N, HOP, window=hann(N), return_complex=True)
    return found.reshape(*waves.shape[:-1], *found.shape[1:])


SOURCES = spectra(WAVES)
MAGNITUDE, MIXTURE = SOURCES.abs(), SOURCES.sum(1)


def stream(**keywords):
    return Streaming(**{"sources": 3, "look_ahead": 2, **SETTINGS, **keywords})


def streamed(s, magnitude, mixture):
    return torch.cat([s.push(magnitude, mixture), s.flush()], -1)


def distance(wave, reference=WAVES):
    """Decibels of the error, for each source."""
    error = (wave - reference).square().sum(-1) / reference.square().sum(-1)
    return 10 * error.log10()


@pytest.mark.parametrize("algorithm", ["griffin_lim", "raar", "admm", "agla", "difference_map"])
def test_they_add_up_and_are_nearer(algorithm):
    wave = streamed(stream(algorithm=algorithm), MAGNITUDE, MIXTURE)
    assert (wave.sum(1) - WAVES.sum(1)).abs().max() < 1e-10
    phase = (MIXTURE / MIXTURE.abs()).unsqueeze(1)
    with_its_phase = torch.istft(
        (MAGNITUDE * phase).flatten(0, 1), N, HOP, window=hann(N), length=SAMPLES
    ).view_as(WAVES)
    assert (distance(wave) < distance(with_its_phase) - 3).all()


def numpy_reference(magnitude, mixture, iterations):
    """MISI on single frames, each of which is finished before the next comes: float64, centred.

    `magnitude` is (sources, bins, frames). All frames before this one are fixed; the wave is what
    all frames overlap-add to, over the sum of the squared windows, and in every iteration the
    spectra of this frame are given what the mixture lacks, in equal shares.
    """
    window = hann(N).numpy()
    sources, _, frames = magnitude.shape
    added = np.zeros((sources, HOP * (frames - 1) + N))
    power = np.zeros(added.shape[1])
    floor = 1e-3 * (window**2).sum() / HOP

    def mixed(spectra, number):
        return spectra + (mixture[:, number] - spectra.sum(0)) / sources

    for number in range(frames):
        place = slice(HOP * number, HOP * number + N)
        observed = magnitude[..., number]
        c = observed * np.exp(1j * np.angle(mixture[:, number]))
        for _ in range(iterations):
            frame = window * np.fft.irfft(mixed(c, number))
            wave = (added[:, place] + frame) / np.maximum(power[place] + window**2, floor)
            c = np.fft.rfft(window * wave)
            c = observed * c / np.abs(c)
        added[:, place] += window * np.fft.irfft(mixed(c, number))
        power[place] += window**2
    return (added / np.maximum(power, floor))[:, N // 2 : N // 2 + HOP * (frames - 1)]


def test_equal_to_a_float64_reference():
    s = stream(look_ahead=0, algorithm="griffin_lim", alpha=0.0, max_iter=3)
    found = streamed(s, MAGNITUDE[0], MIXTURE[0])
    expected = numpy_reference(MAGNITUDE[0].numpy(), MIXTURE[0].numpy(), 3)
    # at both ends samples fade
    inner = slice(N, SAMPLES - N)
    assert np.abs(found.numpy() - expected)[:, inner].max() < 1e-9


def test_of_any_level_each():
    """Powers of two change no digit, for each source and its part of the mixture."""
    scale = torch.tensor([1.0, 2.0**-40, 2.0**30]).double()[:, None, None]
    parts = SOURCES[0] * scale
    wave = streamed(stream(), parts.abs(), parts.sum(0))
    assert torch.isfinite(wave).all()
    both = 2.0**20 * parts
    assert torch.allclose(streamed(stream(), both.abs(), both.sum(0)), 2.0**20 * wave)
    assert (streamed(stream(), MAGNITUDE[0] * 0, MIXTURE[0] * 0) == 0).all()


def test_batches_blocks_and_states_are_the_same():
    whole = streamed(stream(), MAGNITUDE, MIXTURE)
    for item in range(2):
        alone = streamed(stream(), MAGNITUDE[item], MIXTURE[item])
        assert torch.allclose(alone, whole[item], atol=1e-12)
    s, parts = stream(), []
    for number in range(MAGNITUDE.shape[-1]):
        parts.append(s.push(MAGNITUDE[..., number], MIXTURE[..., number]))
        if number == 7:
            other = stream()
            other.load_state_dict(s.state_dict())
            s = other
    assert torch.allclose(torch.cat([*parts, s.flush()], -1), whole, atol=1e-12)
    s.reset()
    s.warm_up(2)
    assert torch.equal(streamed(s, MAGNITUDE, MIXTURE), whole)


def test_frames_of_nan_are_held():
    mixture = MIXTURE.clone()
    mixture[0, 3, 5] = torch.nan
    with pytest.raises(SpecInvError, match="mixture"):
        streamed(stream(), MAGNITUDE, mixture)
    s = stream(on_nan="hold")
    assert torch.isfinite(streamed(s, MAGNITUDE, mixture)).all()
    assert s.held == 3  # of three streams, those of one mixture


@pytest.mark.parametrize(
    ("change", "frames", "mixture", "message"),
    [
        ({}, MAGNITUDE, None, "mixture is missing"),
        ({}, MAGNITUDE, MIXTURE.abs(), "expected complex"),
        ({}, MAGNITUDE, MIXTURE[:1], r"mixture has shape \(1, 33, 41\)"),
        ({}, MAGNITUDE, SOURCES, "mixture has shape"),
        ({}, MAGNITUDE[:, :2], MIXTURE, r"expected \(..., 3\)"),
        ({}, MAGNITUDE[0, 0], MIXTURE[0], r"expected \(..., 3\)"),
        ({}, -MAGNITUDE, MIXTURE, "never negative"),
        ({"sources": None}, MAGNITUDE, MIXTURE, "sources is not"),
        ({"sources": 0}, MAGNITUDE, MIXTURE, "sources=0"),
        ({"rows": 99}, MAGNITUDE, MIXTURE, "leave out preset, constraint and rows"),
        ({"backend": "native"}, MAGNITUDE, MIXTURE, "can't run this"),
    ],
)
def test_bad_input(change, frames, mixture, message):
    with pytest.raises(SpecInvError, match=message):
        stream(**change).push(frames, mixture)
