"""The constraints of the page "Write your own constraint": every engine, batch and dtype."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor

from tests.conftest import hann, magnitude
from tests.constraint_cases import RUN, TAKING, Confident, low_bins, some_phases, spectra
from torch_specinv import ADMM, SpecInvError, griffin_lim, invert
from torch_specinv.constraints import Magnitude
from torch_specinv.engines import ENGINES, ChunkedEngine


def snr(wave: Tensor, truth: Tensor) -> Tensor:
    return 20 * torch.log10(truth.norm(dim=-1) / (truth - wave).norm(dim=-1))


@pytest.mark.parametrize("backend", ENGINES)
@pytest.mark.parametrize("name", ["griffin_lim", "amdr", "agla"])
def test_every_engine(speech, known_phase, backend, name):
    """Those that can agree, and the others say why they can't."""
    c = spectra(speech)
    run = {**RUN, "constraint": some_phases(known_phase, c), "max_iter": 20, "length": 2000}
    if backend in ("native", "graph", "triton"):
        with pytest.raises(SpecInvError, match=f"backend='{backend}' can't run this: "):
            invert(c.abs(), name, backend=backend, **run)
        return
    engine, expected = (
        invert(c.abs(), name, backend=b, **run).wave for b in (backend, "torch")
    )  # fmt: skip
    assert (engine - expected).abs().max() < 1e-9


@pytest.mark.parametrize("name", TAKING)
def test_every_algorithm_comes_nearer_to_the_truth(speech, known_phase, name):
    c, run = spectra(speech), {**RUN, "max_iter": 60, "length": 2000}
    plain = invert(c.abs(), name, **run)
    better = invert(c.abs(), name, constraint=some_phases(known_phase, c), **run)
    assert snr(better.wave, speech) > snr(plain.wave, speech) + 2
    assert better.wave.isfinite().all()


def test_the_projection_has_what_is_known(speech, known_phase):
    c = spectra(speech)[None]
    known, made = low_bins(c), known_phase(c.abs(), c.angle(), low_bins(c))
    other = torch.randn(c.shape, dtype=c.dtype)
    projected = made.project(other)
    assert (projected - c)[known].abs().max() < 1e-12
    assert (projected.abs() - c.abs()).abs().max() < 1e-12
    assert (projected / other)[~known].imag.abs().max() < 1e-12
    assert (made.project(projected) - projected).abs().max() < 1e-12
    # of spectra with that magnitude and those phases it is the nearest
    rival = torch.where(known, c, torch.polar(c.abs(), torch.randn(c.shape).double()))
    assert ((projected - other).abs() <= (rival - other).abs() + 1e-12).all()
    assert made.project(torch.zeros_like(other)).isfinite().all()
    assert torch.equal(made.project(other), made.select(slice(0, 1)).project(other))
    started = made.start(c.abs(), torch.zeros(c.shape))
    assert (started - c)[known].abs().max() < 1e-12
    assert (started[~known].imag == 0).all()


@pytest.mark.parametrize("name", TAKING)
def test_with_all_phases_known_the_wave_is_found(speech, known_phase, name):
    c = spectra(speech)
    whole = partial(known_phase, phase=c.angle(), known=torch.ones(c.shape, dtype=torch.bool))
    found = invert(c.abs(), name, constraint=whole, max_iter=3, length=2000, **RUN).wave
    assert (found - speech).abs().max() < 1e-9


@pytest.mark.parametrize("backend", ["torch", "chunked"])
@pytest.mark.parametrize("kind", ["known phase", "confident"])
def test_each_item_equals_the_item_alone(known_phase, backend, kind):
    """Whatever lies behind the ends, in the spectrogram and in the tensors of the constraint."""
    lengths = [1800, 700, 1333]
    alone = [spectra(torch.randn(n, dtype=torch.float64)) for n in lengths]
    frames = max(c.shape[-1] for c in alone)

    def padded(tensors, junk):
        rows = [torch.nn.functional.pad(x, (0, frames - x.shape[-1]), value=junk) for x in tensors]
        return torch.stack(rows)

    def make(cs, junk):
        if kind == "confident":
            weight = padded([torch.rand(c.shape).double() for c in cs], junk)
            return lambda i: partial(Confident, weight=weight[i])
        phase = padded([c.angle() for c in cs], junk)
        known = padded([low_bins(c) for c in cs], True)
        return lambda i: partial(known_phase, phase=phase[i], known=known[i])

    run = {**RUN, "max_iter": 30, "tol": 0, "backend": backend}
    batch = make(alone, torch.nan)
    spec = padded([c.abs() for c in alone], torch.nan)
    together = griffin_lim(spec, lengths=lengths, constraint=batch(slice(None)), **run)
    for i, (c, length) in enumerate(zip(alone, lengths, strict=True)):
        one = (i, slice(None), slice(0, c.shape[-1]))
        single = griffin_lim(c.abs(), length=length, constraint=batch(one), **run)
        assert (together[i, :length] - single).abs().max() < 1e-9
        assert (together[i, length:] == 0).all()


def test_any_leading_dimensions_and_one_for_all(clips, known_phase):
    c, run = spectra(clips), {**RUN, "max_iter": 20, "tol": 0}
    expected = griffin_lim(c.abs(), constraint=some_phases(known_phase, c), **run)
    shaped = c.unflatten(0, (2, 2, 2))
    wave = griffin_lim(shaped.abs(), constraint=some_phases(known_phase, shaped), **run)
    assert wave.shape == (2, 2, 2, expected.shape[-1])
    assert torch.equal(wave.flatten(0, 2), expected)
    # what lacks the batch serves all items
    shared = partial(known_phase, phase=c.angle(), known=low_bins(c[0]))
    assert torch.equal(griffin_lim(c.abs(), constraint=shared, **run), expected)


@pytest.mark.parametrize("method", [griffin_lim, ADMM])
@pytest.mark.parametrize("kind", ["known phase", "confident"])
def test_gradients(known_phase, method, kind):
    window, generator = hann(16), torch.Generator().manual_seed(2)
    wave = torch.randn(2, 60, dtype=torch.float64, generator=generator)
    c = torch.stft(wave, 16, window=window, return_complex=True)
    init = c.angle() + 0.3 * torch.randn(c.shape, dtype=torch.float64, generator=generator)
    weight = torch.rand(c.shape, dtype=torch.float64, generator=generator)
    known = (torch.arange(9) < 4)[:, None].expand(c.shape)

    def inverted(target, more):
        if kind == "confident":
            constraint = partial(Confident, weight=more)
        else:
            constraint = partial(known_phase, phase=more, known=known)
        return method(
            target, 3, tol=0, constraint=constraint, init=init, window=window, verbose=False
        )  # fmt: skip

    more = weight if kind == "confident" else c.angle()
    assert torch.autograd.gradcheck(
        inverted, (c.abs().requires_grad_(), more.requires_grad_()), atol=1e-5
    )


def test_unknown_phases_and_silence_leave_gradients_finite(clips, known_phase):
    c = spectra(clips)
    target, phase = c.abs().requires_grad_(), c.angle()
    phase = torch.where(low_bins(c), phase, torch.nan).requires_grad_()
    constraint = partial(known_phase, phase=phase, known=low_bins(c))
    griffin_lim(target, 5, constraint=constraint, **RUN).square().sum().backward()
    assert target.grad.isfinite().all()
    assert phase.grad.isfinite().all()
    assert (phase.grad[~low_bins(c)] == 0).all()
    assert phase.grad.any()


@pytest.mark.parametrize("settings", [{}, {"lengths": list(range(2048, 1640, -51))}])
def test_divided_where_memory_is_short(clips, known_phase, monkeypatch, settings):
    c = spectra(clips)
    run = {**RUN, **settings, "constraint": some_phases(known_phase, c), "max_iter": 30}
    whole = invert(c.abs(), "griffin_lim", **run)
    start = ChunkedEngine.start

    def limited(self, spectrum):
        if len(spectrum) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return start(self, spectrum)

    monkeypatch.setattr(ChunkedEngine, "start", limited)
    with pytest.warns(RuntimeWarning, match=r"8 items do not fit.*: 2 did"):
        parts = invert(c.abs(), "griffin_lim", **run)
    assert (parts.wave - whole.wave).abs().max() < 1e-10


def test_resuming(clips, known_phase):
    c = spectra(clips)
    run = {**RUN, "constraint": some_phases(known_phase, c), "tol": 0}
    half = invert(c.abs(), "griffin_lim", max_iter=10, **run)
    both = invert(c.abs(), "griffin_lim", max_iter=10, resume=half, **run)
    assert torch.equal(both.wave, invert(c.abs(), "griffin_lim", max_iter=20, **run).wave)
    other = some_phases(known_phase, c * torch.exp(torch.tensor(0.1j)))
    for constraint, differ in ((other, r"constraint\.phase"), (None, "constraint")):
        with pytest.raises(SpecInvError, match=f"result of another problem: {differ}"):
            invert(c.abs(), "griffin_lim", resume=half, **{**run, "constraint": constraint})


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_other_precisions(speech, known_phase, dtype):
    c, run = spectra(speech), {"hop_length": 64, "verbose": False, "length": 2000}
    phase, known = c.angle().to(dtype), low_bins(c)
    constraint = partial(known_phase, phase=phase, known=known)
    spec = c.abs().to(dtype)
    wave = griffin_lim(spec, 20, constraint=constraint, window=hann(256).to(dtype), **run)
    assert wave.dtype == dtype
    # computed in single precision, so that only input and output are rounded
    exact = griffin_lim(
        spec.float(), 20, window=hann(256).to(dtype).float(),
        constraint=partial(known_phase, phase=phase.float(), known=known), **run,
    )  # fmt: skip
    assert torch.equal(wave, exact.to(dtype))


def test_a_confidence_keeps_wrong_bins_out(speech):
    truth, wrong = magnitude(speech, hop_length=64), torch.rand(129, 32) < 0.2
    predicted = truth * torch.where(wrong, 3 * torch.rand(129, 32), 1)
    run = {**RUN, "max_iter": 100, "length": 2000}
    plain = invert(predicted, "amdr", **run)
    made = invert(predicted, "amdr", constraint=partial(Confident, weight=(~wrong).double()), **run)

    def error(wave):
        return 20 * torch.log10((magnitude(wave, hop_length=64) - truth).norm() / truth.norm())

    assert error(made.wave) < error(plain.wave) - 3
    # a confidence of 1 everywhere is no confidence
    sure = partial(Confident, weight=torch.ones(129, 32))
    known = invert(truth, "griffin_lim", constraint=sure, **{**run, "max_iter": 10}).wave
    same = invert(truth, "griffin_lim", constraint=Magnitude, **{**run, "max_iter": 10}).wave
    assert (known - same).abs().max() < 1e-9
