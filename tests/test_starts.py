"""Every start is a spectrum that real frames can have, and every engine goes on from it alike."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.cases import POINTWISE
from tests.conftest import hann, magnitude
from tests.native_cases import RULES, needs_library
from torch_specinv import STFT, invert, phase_init, register_phase
from torch_specinv.comparing.signals import speech_like
from torch_specinv.constraints import Bands, Magnitude
from torch_specinv.engines import ENGINES, ChunkedEngine, TorchEngine
from torch_specinv.phase import PHASES, starting_spectrum
from torch_specinv.phase.initial import of_real_frames
from torch_specinv.solve import ALGORITHMS
from torch_specinv.solve.problem import SpectrogramProblem

STARTS = [*PHASES, "a phase", "a spectrum", "a plug-in"]


engines = pytest.mark.parametrize(
    "engine", ["torch", "chunked", pytest.param("native", marks=needs_library)]
)


def random_spectrum(*shape, dtype=torch.complex128):
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def plug_in():
    """A registered phase that does not care what is possible."""

    @register_phase("plug_in")
    def plug_in(magnitude, _stft, _generator):
        return 1 + magnitude.cos()

    yield "plug_in"
    PHASES.pop("plug_in")


def start_of(kind, spec, plug_in):
    """What `init` is for a kind of start of a spectrogram (batch, bins, frames)."""
    if kind == "a plug-in":
        return plug_in
    if kind in PHASES:
        return kind
    spectrum = random_spectrum(*spec.shape).to(spec.dtype.to_complex())
    return spectrum if kind == "a spectrum" else spectrum.angle()


def with_offset(count=2, samples=2000):
    """Speech beside a constant, so that bin 0 is a loud one."""
    wave = torch.stack([speech_like(8000, 1.0, seed)[:samples] for seed in range(count)]).double()
    return wave / wave.std(1, keepdim=True) + 0.3


@pytest.mark.parametrize("n_fft", [1, 2, 15, 16])
def test_one_sided_spectra_in_numpy(n_fft):
    """Bins 0 and n_fft / 2 keep the sign of the real part, and the magnitude; others all."""
    bins = n_fft // 2 + 1
    spectrum = random_spectrum(2, bins, 5)
    stft = STFT.of(spectrum, n_fft=n_fft, hop_length=1, window=torch.ones(n_fft), center=False)
    found = of_real_frames(spectrum, stft.geometry).numpy()
    expected = spectrum.numpy().copy()
    for k in {0} if n_fft % 2 else {0, n_fft // 2}:
        expected[:, k] = np.abs(expected[:, k]) * np.sign(expected[:, k].real)
        assert (found[:, k].imag == 0).all()
    np.testing.assert_allclose(found, expected, rtol=1e-14)


@pytest.mark.parametrize("n_fft", [1, 2, 15, 16])
def test_two_sided_spectra_in_numpy(n_fft):
    """What the frames of a spectrum are, once their imaginary part is dropped, has its phases."""
    spectrum = random_spectrum(2, n_fft, 5)
    stft = STFT.of(spectrum, hop_length=1, window=torch.ones(n_fft), center=False, onesided=False)
    found = of_real_frames(spectrum, stft.geometry).numpy()
    nearest = np.fft.fft(np.fft.ifft(spectrum.numpy(), axis=1).real, axis=1)
    expected = np.abs(spectrum.numpy()) * np.exp(1j * np.angle(nearest))
    np.testing.assert_allclose(found, expected, atol=1e-13)


def test_a_complex_window_allows_every_spectrum():
    spectrum = random_spectrum(2, 16, 5)
    window = torch.polar(hann(16), torch.rand(16, dtype=torch.float64))
    stft = STFT.of(spectrum, window=window)
    assert torch.equal(of_real_frames(spectrum, stft.geometry), spectrum)


@pytest.mark.parametrize("onesided", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", STARTS)
def test_every_start_is_possible_up_to_rounding(kind, dtype, onesided, plug_in):
    window = hann(64, dtype)
    wave = torch.randn(2, 500, dtype=dtype)
    spec = torch.stft(wave, 64, window=window, onesided=onesided, return_complex=True).abs()
    if not onesided:  # what rounding has made of it
        spec = 0.5 * (spec + spec.flip(1).roll(1, 1))
    stft = STFT.of(spec, window=window, onesided=onesided)
    start = starting_spectrum(Magnitude(spec), stft, start_of(kind, spec, plug_in), None)
    assert torch.allclose(start.abs(), spec)
    assert (start[:, [0, 32]].imag == 0).all()
    if not onesided:
        gap = (start[:, 1:] - start[:, 1:].conj().flip(1)).abs()
        assert (gap <= 4 * torch.finfo(dtype).eps * spec[:, 1:]).all()


def test_the_start_of_bands_is_possible():
    target = torch.rand(2, 10, 7, dtype=torch.float64)
    bands = Bands.of(target, 0.1 + torch.rand(10, 33, dtype=torch.float64))
    stft = STFT.of(torch.rand(33, 7, dtype=torch.float64), window=hann(64))
    start = starting_spectrum(bands, stft, "random", None)
    assert (start[:, [0, 32]].imag == 0).all()
    assert torch.allclose(start.abs(), bands.magnitude())


def test_a_given_spectrum_is_left_as_it_is():
    spec = torch.rand(33, 20)
    given = random_spectrum(33, 20, dtype=torch.complex64)
    before = given.clone()
    invert(spec, init=given, max_iter=2, window=torch.hann_window(64), verbose=False)
    assert torch.equal(given, before)


def test_the_gradient_of_a_start():
    """It flows through magnitudes and given phases, and is that of finite differences."""
    spec = (0.5 + torch.rand(1, 5, 4, dtype=torch.float64)).requires_grad_()
    given = random_spectrum(1, 5, 4).requires_grad_()
    for onesided, n_fft in ((True, 8), (False, 5)):
        stft = STFT.of(spec, n_fft=n_fft, window=hann(n_fft), onesided=onesided)

        def start(spec, given, stft=stft):
            return starting_spectrum(Magnitude(spec), stft, given, None)

        assert torch.autograd.gradcheck(start, (spec, given))
    silent = torch.zeros(1, 5, 4, requires_grad=True)
    start(silent, torch.zeros(1, 5, 4, dtype=torch.complex64)).abs().sum().backward()
    assert torch.isfinite(silent.grad).all()


def transform(wave, n, hop, window):
    """The spectra (frames, bins) of a wave that is not padded."""
    return np.fft.rfft(np.lib.stride_tricks.sliding_window_view(wave, n)[::hop] * window)


def synthesis(spectra, n, hop, window):
    """The wave whose transform is nearest in the least-squares sense."""
    length = (len(spectra) - 1) * hop + n
    wave, envelope = np.zeros(length), np.zeros(length)
    for m, frame in enumerate(np.fft.irfft(spectra, n) * window):
        wave[m * hop : m * hop + n] += frame
        envelope[m * hop : m * hop + n] += window**2
    return wave / envelope


def by_loop(name, target, c, iterations, project_wave):
    """Methods with the variable c of (frames, bins), as their papers have them, in numpy."""

    def project(c):
        return target * c / np.abs(c)

    u = np.zeros_like(c)
    for _ in range(iterations):
        if name == "griffin_lim":
            c = project_wave(project(c))
        elif name == "difference_map":
            c = c + project_wave(2 * project(c) - c) - project(c)
        elif name == "raar":
            c = 0.9 * (c + project_wave(2 * project(c) - c)) - 0.8 * project(c)
        else:
            x = project(c)
            z = (0.1 * (x + u) + project_wave(x + u)) / 1.1
            u = x + u - z
            c = z - u
    return project(c)


@engines
@pytest.mark.parametrize("name", ["griffin_lim", "difference_map", "raar", "admm"])
@pytest.mark.parametrize("kind", ["random", "a phase", "a spectrum"])
def test_engines_against_numpy(engine, name, kind, plug_in):
    """From a start whose bins 0 and n_fft / 2 are real: an imaginary part would grow in c."""
    n, hop, window = 64, 16, 0.2 + hann(64)
    wave = with_offset(1, 800)[0]
    spec = torch.stft(wave, n, hop, window=window, center=False, return_complex=True).abs()
    keywords = {"hop_length": hop, "window": window, "center": False}
    init = start_of(kind, spec, plug_in)
    if kind == "random":
        guess = np.angle(phase_init(spec, method=kind, generator=seeded(), **keywords).T.numpy())
    else:
        guess = (init.angle() if init.is_complex() else init).T.numpy()
    start = spec.T.numpy() * np.exp(1j * guess)
    for k in (0, n // 2):
        start[:, k] = spec.T.numpy()[:, k] * np.sign(start[:, k].real)

    def project_wave(c):
        return transform(synthesis(c, n, hop, window.numpy()), n, hop, window.numpy())

    answer = by_loop(name, spec.T.numpy(), start, 6, project_wave)
    expected = synthesis(answer, n, hop, window.numpy())
    alpha = {"alpha": 0} if name == "griffin_lim" else {}
    single = spec.float() if engine == "native" else spec
    result = invert(
        single, name, max_iter=6, init=init, backend=engine, tol=0, eva_iter=6, verbose=False,
        generator=seeded(), **alpha, **keywords,
    )  # fmt: skip
    error = np.abs(result.wave.double().numpy() - expected).max() / np.abs(expected).max()
    assert error < (1e-4 if engine == "native" else 1e-9)


def seeded():
    return torch.Generator().manual_seed(3)


@pytest.mark.parametrize("kind", STARTS)
@pytest.mark.parametrize("name", POINTWISE)
def test_every_engine_in_single_precision(name, kind, plug_in):
    """Four iterations from any start end where the engine "torch" in float64 does."""
    spec = magnitude(with_offset(), 64, hop_length=16)
    keywords = {"max_iter": 4, "tol": 0, "eva_iter": 4, "verbose": False, "hop_length": 16}

    def wave(engine, dtype):
        init = start_of(kind, spec, plug_in)
        if isinstance(init, torch.Tensor):
            init = init.to(dtype.to_complex() if init.is_complex() else dtype)
        result = invert(
            spec.to(dtype), name, init=init, backend=engine, window=hann(64, dtype),
            generator=seeded(), **keywords,
        )  # fmt: skip
        return result.wave.double()

    expected = wave("torch", torch.float64)
    errors = {
        engine: (wave(engine, torch.float32) - expected).abs().max() / expected.abs().max()
        for engine in ("torch", "chunked", "native")
        if engine != "native" or (name in RULES and not ENGINES[engine].missing())
    }
    assert errors["torch"] < 1e-2
    assert max(errors.values()) < 1e-4 + 20 * errors["torch"]


@pytest.mark.parametrize("onesided", [True, False])
@pytest.mark.parametrize("make", [TorchEngine, ChunkedEngine])
@pytest.mark.parametrize("name", POINTWISE)
def test_what_is_remembered_stays_possible(name, make, onesided):
    """The variables of a method that starts with real bins are real in them for ever."""
    wave = with_offset()
    stft = STFT.of_wave(wave, n_fft=64, window=hann(64), onesided=onesided)
    problem = SpectrogramProblem.from_magnitude(stft(wave), stft)
    engine = make(problem, ALGORITHMS[name](), 40)
    start = starting_spectrum(problem.constraint, stft, random_spectrum(*stft(wave).shape), None)
    state = engine.advance(engine.start(start), 40)
    for memory in state.memories:
        for spectrum in memory:
            spectrum = spectrum if make is TorchEngine else spectrum.mT
            rows = spectrum[:, [0, 32]]
            assert rows.imag.abs().max() <= 1e-9 * rows.abs().max()
            assert onesided is False or (rows.imag == 0).all()


@pytest.mark.parametrize("kind", ["random", "spsi", "a plug-in"])
@pytest.mark.parametrize("name", POINTWISE)
def test_engines_with_bands(name, kind, plug_in):
    """Bands of which every bin has a part."""
    bank = 0.01 + torch.rand(12, 33, dtype=torch.float64)
    bands = bank @ magnitude(with_offset(), 64, hop_length=16)

    def wave(engine, dtype):
        return invert(
            bands.to(dtype), name, mel=bank.to(dtype), n_fft=64, hop_length=16, max_iter=4, tol=0,
            eva_iter=4, verbose=False, init=start_of(kind, bands, plug_in), backend=engine,
            window=hann(64, dtype), generator=seeded(),
        ).wave.double()  # fmt: skip

    expected = wave("torch", torch.float64)
    native = ("native",) if name in RULES and not ENGINES["native"].missing() else ()
    for engine, dtype, close in (
        ("chunked", torch.float64, 1e-8),
        *((engine, torch.float32, 1e-2) for engine in ("chunked", *native)),
    ):
        assert (wave(engine, dtype) - expected).abs().max() < close * expected.abs().max()
