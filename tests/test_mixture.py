"""Sources that add up to a mixture: formulas in numpy, engines, batches, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import torch_specinv
from tests.mixture_cases import RUN, STFT, analyse, magnitudes, sources, synthesise, unit
from torch_specinv import SpecInvError, invert, separate
from torch_specinv.algorithms.mixing import MIXING
from torch_specinv.constraints import Mixture
from torch_specinv.constraints.mixture import DISTRIBUTIONS
from torch_specinv.engines import ChunkedEngine
from torch_specinv.phase import PHASES
from torch_specinv.solve import ALGORITHMS

TAKING = sorted(ALGORITHMS.keys() - {"rtisi_la"})
GAMMA = 0.7


def in_numpy(name: str, target: np.ndarray, x: np.ndarray, steps: int) -> np.ndarray:
    """The formulas of Magron and Virtanen; spectra are (sources, frames, bins)."""
    mixture = analyse(x[None])[0]
    weights = target / target.sum(0) if name.startswith("mix_") else 1 / len(target)

    def mix(c):
        return c + weights * (mixture - c.sum(0))

    def consistent(c):
        return analyse(synthesise(c, len(x)))

    c = target * unit(mixture)
    if name == "misi":
        c = mix(c)  # Gunawan and Sen divide the error before each analysis, the first as well
    for _ in range(steps):
        q = consistent(c)
        if name == "misi":
            c = mix(target * unit(q))
        elif name == "incons_hard_mix":
            c = mix(q)
        elif name == "mix_incons_hard_mag":
            c = target * unit(mix(c) + GAMMA * weights * q)
        elif name == "mix_incons":
            c = (mix(c) + GAMMA * weights * q) / (1 + GAMMA * weights)
        else:
            c = mix((target * unit(c) + GAMMA * q) / (1 + GAMMA))
    return synthesise(c, len(x))


@pytest.mark.parametrize("backend", ["torch", "chunked"])
@pytest.mark.parametrize("name", MIXING)
def test_the_five_algorithms_are_their_formulas(name, backend):
    waves = sources(3)
    target = magnitudes(waves) * (1 + 0.3 * torch.rand(3, 65, 51, dtype=torch.float64))
    expected = in_numpy(name, target.mT.numpy(), waves.sum(0).numpy(), 5)
    more = {"consistency": GAMMA} if "mag" in name or name == "mix_incons" else {}
    found = separate(
        target, waves.sum(0), name, max_iter=5, tol=0, eva_iter=5, backend=backend, **more, **RUN
    )
    assert found.iterations == 5
    # misi returns the best iterate, which is the last: its error never rises
    assert np.abs(found.wave.numpy() - expected).max() < 1e-9


@pytest.mark.parametrize(
    ("name", "distribution"),
    [(name, "equal") for name in TAKING]
    + [(name, other) for name in ("griffin_lim", "raar", "auto") for other in DISTRIBUTIONS],
)
def test_sources_add_up_and_come_nearer_than_without(name, distribution):
    waves = sources(2)
    target, x = magnitudes(waves), waves.sum(0)
    found = separate(target, x, name, distribution=distribution, max_iter=40, **RUN)
    assert found.wave.shape == waves.shape
    assert (found.wave.sum(0) - x).abs().max() < 1e-12
    assert found.per_source["sc"].shape == (2,)
    masked = separate(target, x, "incons_hard_mix", max_iter=1, **RUN)
    if name != "pghi":
        assert (found.wave - waves).norm() < 0.5 * (masked.wave - waves).norm()


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_what_is_lacking_is_divided_in_these_shares(distribution):
    waves = sources(3)
    target, x = magnitudes(waves), waves.sum(0)
    stft = torch_specinv.STFT.of(target, **STFT, length=waves.shape[-1])
    made = Mixture(x, distribution=distribution).of(target[None], stft)
    spectra = torch.randn(target.shape, dtype=torch.complex128, generator=torch.manual_seed(3))
    sizes = target ** {"equal": 0, "magnitude": 1, "wiener": 2}[distribution]
    lacking = stft.analyse(x) - spectra.sum(0)
    expected = spectra + sizes / sizes.sum(0) * lacking
    torch.testing.assert_close(made.before_synthesis(spectra[None])[0], expected)


@pytest.mark.parametrize("count", [3, 4])
@pytest.mark.parametrize("name", ["raar", "admm"])
def test_the_sources_are_found(name, count):
    waves = sources(count)
    found = separate(magnitudes(waves), waves.sum(0), name, max_iter=200, **RUN).wave
    assert (found - waves).norm() < 3e-3 * waves.norm()


@pytest.mark.parametrize("name", ["griffin_lim", "raar", "admm", "agla", "amdr", "mix_incons"])
@pytest.mark.parametrize("distribution", ["equal", "wiener"])
def test_every_engine(name, distribution):
    waves = sources(3).float()
    run = {**RUN, "max_iter": 8, "tol": 0, "window": RUN["window"].float()}
    more = {"distribution": distribution, **run}
    expected = separate(magnitudes(waves), waves.sum(0), name, backend="torch", **more)
    numbers = name in ("griffin_lim", "raar", "admm", "agla") and distribution == "equal"
    for backend in ("chunked", "native"):
        if backend == "native" and not numbers:
            with pytest.raises(SpecInvError, match="backend='native' can't run this"):
                separate(magnitudes(waves), waves.sum(0), name, backend=backend, **more)
            continue
        found = separate(magnitudes(waves), waves.sum(0), name, backend=backend, **more)
        assert (found.wave - expected.wave).abs().max() < 1e-4
        assert (found.history["sc"] - expected.history["sc"]).abs().max() < 0.01


@pytest.mark.parametrize("backend", ["torch", "chunked", "native"])
@pytest.mark.parametrize("name", ["griffin_lim", "raar"])
@pytest.mark.parametrize("given", ["wave", "spectrum"])
def test_each_mixture_equals_the_mixture_alone(name, backend, given):
    waves = torch.stack([sources(2, seed=s) for s in (1, 2, 3, 4)]).float()
    waves[1] *= 1e-3
    waves[2] = 0
    run = {**RUN, "window": RUN["window"].float(), "max_iter": 30, "tol": 1e-3}
    run |= {"backend": backend, "length": None if given == "wave" else 1600}
    target, x = magnitudes(waves), waves.sum(1)
    if given == "spectrum":
        x = torch.stft(x, 128, 32, window=run["window"], return_complex=True)
    together = separate(target, x, name, **run)
    assert together.wave.shape == waves.shape
    assert together.iterations.shape == (4,)
    for i in range(4):
        alone = separate(target[i], x[i], name, **run)
        assert (alone.wave - together.wave[i]).abs().max() <= 2e-5 * waves[i].abs().max()
        assert alone.iterations == together.iterations[i]
    shaped = separate(target.view(2, 2, *target.shape[1:]), x.view(2, 2, *x.shape[1:]), name, **run)
    assert torch.equal(shaped.wave.flatten(0, 1), together.wave)
    assert shaped.per_source["sc"].shape == (2, 2, 2)


@pytest.mark.parametrize("backend", ["torch", "chunked", "native"])
def test_mixtures_of_different_lengths(backend):
    lengths, dtype = [1600, 900, 1333], torch.float32
    run = {**RUN, "window": RUN["window"].to(dtype), "max_iter": 20, "tol": 0, "backend": backend}
    alone = [sources(2, n, seed=n).to(dtype) for n in lengths]
    targets = [magnitudes(waves) for waves in alone]
    x = torch.full((3, 1700), 7.0)  # behind the ends there is something else
    spec = torch.full((3, 2, 65, 51), 5.0)
    for i, (waves, target) in enumerate(zip(alone, targets, strict=True)):
        x[i, : lengths[i]] = waves.sum(0)
        spec[i, ..., : target.shape[-1]] = target
    together = separate(spec, x, "griffin_lim", lengths=lengths, **run).wave
    for i, (waves, target) in enumerate(zip(alone, targets, strict=True)):
        single = separate(target, waves.sum(0), "griffin_lim", **run).wave
        assert (together[i, :, : lengths[i]] - single).abs().max() < 1e-4
        assert (together[i, :, lengths[i] :] == 0).all()


@pytest.mark.parametrize("settings", [{}, {"lengths": [1600, 1500, 1400, 1600]}])
def test_divided_where_memory_is_short(monkeypatch, settings):
    waves = torch.stack([sources(2, seed=s) for s in (1, 2, 3, 4)])
    run = {**RUN, "max_iter": 20, **settings}
    whole = separate(magnitudes(waves), waves.sum(1), "griffin_lim", **run)
    start = ChunkedEngine.start

    def limited(self, spectrum):
        if len(spectrum) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return start(self, spectrum)

    monkeypatch.setattr(ChunkedEngine, "start", limited)
    with pytest.warns(RuntimeWarning, match=r"4 items do not fit.*: 2 did"):
        parts = separate(magnitudes(waves), waves.sum(1), "griffin_lim", **run)
    assert (parts.wave - whole.wave).abs().max() < 1e-10
    assert torch.equal(parts.per_source["sc"], whole.per_source["sc"])


def test_resuming():
    waves = sources(2)
    target, x = magnitudes(waves), waves.sum(0)
    half = separate(target, x, max_iter=10, tol=0, **RUN)
    both = separate(target, x, max_iter=10, tol=0, resume=half, **RUN)
    assert torch.equal(both.wave, separate(target, x, max_iter=20, tol=0, **RUN).wave)
    with pytest.raises(SpecInvError, match=r"result of another problem: constraint\.mixture"):
        separate(target, 0.5 * x, max_iter=10, tol=0, resume=half, **RUN)


@pytest.mark.parametrize("name", ["griffin_lim", "raar", "mag_incons_hard_mix"])
def test_gradients(name):
    generator = torch.Generator().manual_seed(2)
    waves = torch.randn(2, 60, dtype=torch.float64, generator=generator)
    stft = {"n_fft": 16, "window": torch.hann_window(16, dtype=torch.float64)}
    target = torch.stft(waves, return_complex=True, **stft).abs().requires_grad_()
    x = (waves.sum(0) + 0.1).requires_grad_()

    def sources_of(target, x):
        return separate(target, x, name, max_iter=2, tol=0, verbose=False, **stft).wave

    assert torch.autograd.gradcheck(sources_of, (target, x), atol=1e-5)


def test_a_weight_pulls_and_does_not_force():
    waves = sources(2)
    target, x = magnitudes(waves), waves.sum(0) + 0.1 * torch.randn(1600, dtype=torch.float64)
    lacks = [
        (separate(target, x, weight=w, max_iter=20, **RUN).wave.sum(0) - x).norm()
        for w in (0.1, 0.6, 1.0)
    ]
    assert lacks[0] > 1.2 * lacks[1] > 0
    assert lacks[2] < 1e-12
    ones = torch.ones(65, 51)
    runs = [separate(target, x, weight=w, max_iter=9, tol=0, **RUN).wave for w in (ones, 1.0)]
    assert (runs[0] - runs[1]).abs().max() < 1e-9


@pytest.mark.parametrize("init", [*PHASES, "complex"])
def test_starts(init):
    waves = sources(2)
    target, x = magnitudes(waves), waves.sum(0)
    if init == "complex":
        target = torch.stft(waves, return_complex=True, **STFT)
        found = separate(target, x, max_iter=1, **RUN)
        assert (found.wave - waves).abs().max() < 1e-9
        return
    found = separate(target, x, init=init, max_iter=3, **RUN)
    assert (found.wave.sum(0) - x).abs().max() < 1e-12


@pytest.mark.parametrize("geometry", [
    {"center": False}, {"onesided": False}, {"normalized": True, "pad_mode": "constant"},
    {"win_length": 100, "window": None}, {"hop_length": 50},
])  # fmt: skip
def test_any_geometry(geometry):
    waves = sources(2)
    stft = {**STFT, **geometry}
    if stft["window"] is None:
        stft["window"] = torch.hann_window(100, dtype=torch.float64)
    target = torch.stft(waves, return_complex=True, **stft).abs()
    found = separate(target, waves.sum(0), max_iter=20, verbose=False, **stft)
    assert (found.wave.sum(0) - waves.sum(0)).abs().max() < 1e-12
    assert found.history["sc"][-1] < found.history["sc"][0] - 10


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(dtype):
    waves = sources(2).float()
    run = {**RUN, "window": RUN["window"].float(), "max_iter": 10}
    target, x = magnitudes(waves).to(dtype), waves.sum(0).to(dtype)
    found = separate(target, x, **run).wave
    assert found.dtype == dtype
    assert torch.equal(found, separate(target.float(), x.float(), **run).wave.to(dtype))


def test_a_callback_and_metrics_see_mixtures():
    waves = torch.stack([sources(2, seed=s) for s in (1, 2)])
    seen = []
    found = invert(
        magnitudes(waves), "griffin_lim", constraint=Mixture(waves.sum(1)), max_iter=20,
        metric=("sc", "lsd"), callback=seen.append, **RUN,
    )  # fmt: skip
    assert {report.wave.shape for report in seen} == {(2, 2, 1600)}
    assert found.history["lsd"].shape == (3, 2)
    assert found.per_source["lsd"].shape == (2, 2)
    again = magnitudes(found.wave)
    error = (again - magnitudes(waves)).square().sum((1, 2, 3)).sqrt()
    sc = 20 * torch.log10(error / magnitudes(waves).square().sum((1, 2, 3)).sqrt())
    assert (found.history["sc"][-1] - sc).abs().max() < 1e-6
