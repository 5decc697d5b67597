"""The native engine against numpy, with least squares as a matrix equation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cases import of_type
from tests.conftest import hann
from tests.native_cases import WIDTHS, native_engine, needs_library
from torch_specinv.algorithms import GriffinLim
from torch_specinv.solve.problem import SpectrogramProblem
from torch_specinv.transform.stft import STFT

pytestmark = needs_library
# even and odd ones, with each radix of the compiled transforms, and with several
LENGTHS = [6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 22, 24, 26, 27, 30, 32, 36, 40, 42, 48,
           49, 50, 54, 55, 63]  # fmt: skip


def numpy_trip(wave, target, *, n_fft, hop, window, padding, mode):
    """One iteration of Griffin-Lim in float64, with least squares as a matrix equation."""
    identity = np.eye(len(wave))
    names = {"reflect": "reflect", "constant": "constant", "replicate": "edge", "circular": "wrap"}
    padded = np.stack([np.pad(row, padding, mode=names[mode]) for row in identity], 1)
    frames = (len(padded) - n_fft) // hop + 1
    matrix = np.concatenate(
        [window[:, None] * padded[t * hop : t * hop + n_fft] for t in range(frames)]
    )
    spectrum = np.fft.rfft((matrix @ wave).reshape(frames, n_fft))
    estimate = np.fft.irfft(target * spectrum / np.abs(spectrum), n_fft)
    return np.linalg.lstsq(matrix, estimate.ravel(), rcond=1e-9)[0], np.linalg.cond(matrix)


@pytest.mark.sanitized
@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.data())
def test_one_pass_against_numpy(data):
    one_pass_against_numpy(data)


@pytest.mark.slow
@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.data())
def test_many_passes_against_numpy(data):
    one_pass_against_numpy(data)


def one_pass_against_numpy(data):
    n_fft = data.draw(st.sampled_from(LENGTHS))
    win = data.draw(st.integers(max(2, n_fft // 4), n_fft))
    hop = data.draw(st.integers(1, max(1, win // 2)))
    center = data.draw(st.booleans())
    mode = data.draw(st.sampled_from(["reflect", "constant", "replicate", "circular"]))
    samples = n_fft + data.draw(st.integers(1, 120))
    width = data.draw(st.sampled_from(WIDTHS))
    threads = data.draw(st.integers(1, 3))
    window = 0.2 + hann(win)
    generator = torch.Generator().manual_seed(0)
    wave = torch.randn(2, samples, generator=generator, dtype=torch.float64)
    keywords = {"n_fft": n_fft, "hop_length": hop, "win_length": win, "center": center}
    exact = STFT.of_wave(wave, window=window, pad_mode=mode, **keywords)
    spectrum = exact.analyse(wave)
    target = spectrum.abs() * (1 + 0.5 * torch.rand(spectrum.shape, generator=generator))
    problem = SpectrogramProblem.from_magnitude(target.float(), of_type(exact, torch.float32))
    start = torch.polar(problem.target, spectrum.angle().float())
    engine = native_engine(problem, GriffinLim(), 3, width, threads)
    state = engine.start(start)
    # not engine.wave, which takes clicks out where samples are hardly seen
    begin = engine.plan.unpack(state.waves[0]).double().numpy()
    found = engine.plan.unpack(engine.advance(state, 1).waves[0]).double().numpy()
    for i in range(2):
        expected, condition = numpy_trip(
            begin[i],
            problem.target[i].T.double().numpy(),
            n_fft=n_fft,
            hop=hop,
            window=exact.geometry.window.numpy(),
            padding=n_fft // 2 if center else 0,
            mode=mode,
        )
        if condition > 1e6:
            continue  # samples that no frame sees
        error = np.abs(found[i] - expected).max() / np.abs(expected).max()
        assert error < 2e-6 * max(1, condition / 4)
