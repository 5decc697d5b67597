"""Transforms of every geometry against torch.stft and the matrix of their definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.conftest import hann
from tests.reference.formulas import analysis_matrix
from torch_specinv import STFT, SpecInvError, invert
from torch_specinv.transform.padding import PAD_MODES


@st.composite
def geometries(draw):
    """An n_fft, hop, window, padding and length that torch.stft accepts."""
    n_fft = draw(st.integers(4, 24))
    win_length = draw(st.integers(max(3, n_fft // 2), n_fft))
    hop_length = draw(st.integers(1, max(1, win_length // 2)))
    center = draw(st.booleans())
    length = draw(st.integers(n_fft // 2 + 1 if center else n_fft, 80))
    seed = draw(st.integers(0, 2**16))
    kind = draw(st.sampled_from(["hann", "random", "complex", "none"]))
    generator = torch.Generator().manual_seed(seed)
    dtype = torch.complex128 if kind == "complex" else torch.float64
    window = 0.2 + torch.rand(win_length, generator=generator, dtype=dtype)
    if kind == "hann":
        window = torch.hann_window(win_length, periodic=draw(st.booleans()), dtype=torch.float64)
    keywords = {
        "n_fft": n_fft,
        "hop_length": hop_length,
        "win_length": win_length,
        "window": None if kind == "none" else window,
        "center": center,
        "pad_mode": draw(st.sampled_from(PAD_MODES)),
        "normalized": draw(st.booleans()),
        "onesided": False if kind == "complex" else draw(st.sampled_from([True, False, None])),
    }
    return length, keywords, generator


def transform(length, keywords, generator):
    """A random wave, its torch.stft, and our transform for it."""
    wave = torch.randn(2, length, generator=generator, dtype=torch.float64)
    given_window = keywords["window"]
    if given_window is None:
        keywords = {**keywords, "window": torch.ones(keywords["win_length"], dtype=torch.float64)}
    spec = torch.stft(wave, **keywords, return_complex=True)
    try:
        stft = STFT.of(spec, length=length, **{**keywords, "window": given_window})
    except SpecInvError as error:
        assume("loses" not in str(error))
        raise
    return wave, spec, stft


@settings(max_examples=150, deadline=None, derandomize=True)
@given(geometries())
def test_every_geometry(geometry):
    wave, spec, stft = transform(*geometry)
    assert (stft.analyse(wave) - spec).abs().max() < 1e-12
    seen = stft.envelope > 0
    restored = stft.synthesise(spec)
    assert torch.isfinite(restored).all()
    assert (restored - wave)[:, seen].abs().max() < 1e-9
    assert (restored[:, stft.envelope == 0] == 0).all()

    # some of the frames alone
    groups = [slice(first, None, 3) for first in range(min(3, spec.shape[-1]))]
    shares = [stft.synthesise(spec[..., frames], frames) for frames in groups]
    assert (sum(shares) - restored).abs().max() < 1e-12 * max(1, float(restored.abs().max()))
    for frames in groups:
        assert (stft.analyse(wave, frames) - spec[..., frames]).abs().max() < 1e-12

    # the projection on consistent spectra: idempotent, self-adjoint
    generator = geometry[2]
    c = torch.randn(spec.shape, generator=generator, dtype=torch.complex128)
    d = torch.randn(spec.shape, generator=generator, dtype=torch.complex128)

    def project(spectrum):
        return stft.analyse(stft.synthesise(spectrum))

    assert (project(project(c)) - project(c)).abs().max() < 1e-12 * max(1, float(c.abs().max()))
    weight = torch.ones(spec.shape[-2], 1, dtype=torch.float64)
    if stft.geometry.onesided:  # every inner bin stands for itself and its mirror image
        weight[1 : (stft.geometry.n_fft + 1) // 2] = 2

    def inner(a, b):
        return float((weight * (a.conj() * b).real).sum())

    assert abs(inner(project(c), d) - inner(c, project(d))) < 1e-12 * inner(c, c)


@pytest.mark.parametrize("pad_mode", PAD_MODES)
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("normalized", [True, False])
def test_least_squares_of_the_definition(pad_mode, center, normalized):
    """Synthesis solves the least-squares problem of the matrix that defines the transform."""
    length, n_fft, hop_length = 37, 11, 4
    rng = np.random.default_rng(1)
    window = rng.uniform(0.3, 1, n_fft)
    matrix, frames, bins = analysis_matrix(
        length, n_fft, hop_length, window, center, pad_mode, normalized, False
    )
    wave = rng.standard_normal(length)
    spec = rng.standard_normal((frames, bins)) + 1j * rng.standard_normal((frames, bins))
    stft = STFT.of(
        torch.from_numpy(spec.T),
        length=length,
        n_fft=n_fft,
        hop_length=hop_length,
        window=torch.from_numpy(window),
        center=center,
        pad_mode=pad_mode,
        normalized=normalized,
        onesided=False,
    )
    ours = stft.analyse(torch.from_numpy(wave)).mT.numpy()
    np.testing.assert_allclose(ours, (matrix @ wave).reshape(frames, bins), atol=1e-12)
    stacked = np.concatenate([matrix.real, matrix.imag])
    both = np.concatenate([spec.real.ravel(), spec.imag.ravel()])
    solution = np.linalg.lstsq(stacked, both, rcond=None)[0]
    seen = stft.envelope.numpy() > 0
    synthesised = stft.synthesise(torch.from_numpy(spec.T)).numpy()
    np.testing.assert_allclose(synthesised[seen], solution[seen], atol=1e-11)


@pytest.mark.parametrize("n_fft", [512, 1024, 4096])
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("pad_mode", PAD_MODES)
def test_perfect_reconstruction_at_usual_sizes(n_fft, center, pad_mode):
    """Every sample that a frame sees comes back, and the true phase is kept by an inversion."""
    wave = torch.randn(4 * n_fft, dtype=torch.float64)
    keywords = {"window": hann(n_fft), "center": center, "pad_mode": pad_mode}
    spec = torch.stft(wave, n_fft, return_complex=True, **keywords)
    stft = STFT.of(spec, length=len(wave), **keywords)
    inside = slice(0 if center else 1, None)
    # the first samples are seen through w as small as 1e-6: rounding grows by its inverse
    assert (stft.synthesise(spec) - wave)[inside].abs().max() < 1e-8
    run = {"length": len(wave), "max_iter": 3, "tol": 0, "verbose": False}
    assert invert(spec, **run, **keywords).history["sc"][-1] < -200


def test_of_wave_is_the_counterpart_of_of():
    wave = torch.randn(3, 1000, dtype=torch.float64)
    keywords = {"n_fft": 63, "hop_length": 20, "window": hann(63), "pad_mode": "replicate"}
    spec = torch.stft(wave, **keywords, return_complex=True)
    stft = STFT.of_wave(wave, **keywords)
    assert (stft.analyse(wave) - spec).abs().max() < 1e-12
    assert (stft.synthesise(spec) - wave).abs().max() < 1e-12
