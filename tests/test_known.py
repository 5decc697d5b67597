"""Known bins, confidence and bounds: what they project to, in every engine, batched and alone."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor

from tests.conftest import hann
from tests.constraint_cases import RUN, spectra
from torch_specinv import SpecInvError, invert
from torch_specinv.constraints import Between, Confidence, KnownBins, MelBands
from torch_specinv.mel import MelSpec
from torch_specinv.solve import ALGORITHMS
from torch_specinv.transform.stft import STFT

TAKING = sorted(ALGORITHMS.keys() - {"rtisi_la", "lbfgs"})
NAMES = ["known", "known softly", "confidence", "between"]


def weights(c: Tensor) -> Tensor:
    rows, columns = torch.arange(c.shape[-2])[:, None], torch.arange(c.shape[-1])
    return ((7 * rows + 3 * columns) % 5 / 4).double().expand(c.shape)


def make(kind: str, c: Tensor, cut=lambda tensor: tensor):
    """Return a constraint of the spectrum (..., bins, frames); `cut` is done to its tensors."""
    known = (torch.arange(c.shape[-2]) % 3 > 0)[:, None].expand(c.shape)
    junk = torch.where(known, c, torch.nan)
    if kind == "known":
        return KnownBins(cut(junk), cut(known))
    if kind == "known softly":
        return KnownBins(cut(junk), cut(known), cut(0.2 + 0.8 * weights(c)))
    if kind == "confidence":
        return Confidence(cut(weights(c)))
    return Between(cut(0.8 * c.abs()), cut(torch.where(known, 1.1 * c.abs(), torch.inf)))


def constraint_of(kind: str, c: Tensor):
    stft = STFT.of(c, hop_length=64, window=hann(256))
    return make(kind, c).of(c.abs(), stft)


@pytest.mark.parametrize("kind", NAMES)
def test_projections_are_what_they_say(speech, kind):
    c = spectra(speech)[None]
    constraint = constraint_of(kind, c)
    other = torch.randn(c.shape, dtype=c.dtype) * c.abs().mean()
    projected = constraint.project(other)
    known, w = torch.arange(129) % 3 > 0, weights(c)
    nearest = other / other.abs() * c.abs()
    if kind == "between":
        low, high = 0.8 * c.abs(), torch.where(known[:, None], 1.1 * c.abs(), torch.inf)
        expected = other / other.abs() * other.abs().clamp(low, high)
        gap = (other.abs() - expected.abs()).square().sum()
    elif kind == "confidence":
        expected = other + w * (nearest - other)
        gap = (w * (other.abs() - c.abs()).square()).sum()
    else:
        pull = torch.ones(c.shape).double() if kind == "known" else 0.2 + 0.8 * w
        wanted = torch.where(known[:, None], c, nearest)
        expected = other + pull * (wanted - other)
        gap = (pull * (other - wanted).abs().square()).sum()
    assert (projected - expected).abs().max() < 1e-9
    assert torch.allclose(constraint.error(constraint.observe(other)), gap)
    assert constraint.error(constraint.observe(c)) < 1e-20
    assert constraint.project(torch.zeros_like(c)).isfinite().all()
    if kind in ("known", "between"):
        assert (constraint.project(projected) - projected).abs().max() < 1e-9
    silence = constraint.error(constraint.observe(torch.zeros_like(c)))
    if kind != "between":
        assert torch.allclose(constraint.energy, silence)


@pytest.mark.parametrize("name", TAKING)
@pytest.mark.parametrize("kind", NAMES)
def test_every_algorithm(speech, kind, name):
    c, run = spectra(speech), {**RUN, "max_iter": 20, "length": 2000}
    found = invert(c.abs(), name, constraint=make(kind, c), **run)
    assert found.wave.isfinite().all()
    if kind.startswith("known") and name != "pghi":
        assert (found.wave - speech).norm() < 0.25 * speech.norm()
    elif name not in ("pghi", "difference_map"):
        assert found.history["sc"][-1] < found.history["sc"][0] - 1


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("name", ["griffin_lim", "amdr"])
def test_engines_agree(speech, kind, name):
    c, run = spectra(speech), {**RUN, "max_iter": 15, "length": 2000, "tol": 0}
    chunked, plain = (
        invert(c.abs(), name, constraint=make(kind, c), backend=b, **run).wave
        for b in ("chunked", "torch")
    )
    assert (chunked - plain).abs().max() < 1e-9
    with pytest.raises(SpecInvError, match="native"):
        invert(c.abs(), name, constraint=make(kind, c), backend="native", **run)


@pytest.mark.parametrize("kind", NAMES)
def test_each_item_equals_the_item_alone(kind):
    lengths = [1800, 700, 1333]
    alone = [spectra(torch.randn(n, dtype=torch.float64)) for n in lengths]
    frames = max(c.shape[-1] for c in alone)
    run = {**RUN, "max_iter": 20, "tol": 0}

    def padded(c):
        return torch.nn.functional.pad(c, (0, frames - c.shape[-1]), value=3.0)

    whole = torch.stack([padded(c) for c in alone])
    together = invert(whole.abs(), "raar", lengths=lengths, constraint=make(kind, whole), **run)
    for i, (c, length) in enumerate(zip(alone, lengths, strict=True)):
        constraint = make(kind, padded(c), lambda x, n=c.shape[-1]: x[..., :n])
        single = invert(c.abs(), "raar", length=length, constraint=constraint, **run)
        assert (together.wave[i, :length] - single.wave).abs().max() < 1e-9
        assert (together.history["sc"][-1, i] - single.history["sc"][-1]).abs() < 1e-6


@pytest.mark.parametrize("kind", NAMES)
def test_divided_where_memory_is_short(clips, kind, monkeypatch):
    from torch_specinv.engines import ChunkedEngine

    c = spectra(clips)
    run = {**RUN, "max_iter": 10}
    whole = invert(c.abs(), "griffin_lim", constraint=make(kind, c), **run)
    shaped = c.unflatten(0, (2, 4))
    again = invert(shaped.abs(), "griffin_lim", constraint=make(kind, shaped), **run)
    assert torch.equal(again.wave.flatten(0, 1), whole.wave)
    start = ChunkedEngine.start

    def limited(self, spectrum):
        if len(spectrum) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return start(self, spectrum)

    monkeypatch.setattr(ChunkedEngine, "start", limited)
    with pytest.warns(RuntimeWarning, match="8 items do not fit"):
        parts = invert(c.abs(), "griffin_lim", constraint=make(kind, c), **run)
    assert (parts.wave - whole.wave).abs().max() < 1e-10


@pytest.mark.parametrize("kind", NAMES)
def test_gradients(kind):
    generator = torch.Generator().manual_seed(2)
    wave = torch.randn(60, dtype=torch.float64, generator=generator)
    c = torch.stft(wave, 16, window=hann(16), return_complex=True)
    init = c.angle() + 0.2 * torch.randn(c.shape, dtype=torch.float64, generator=generator)

    def inverted(target):
        more = {"init": init, "window": hann(16), "verbose": False, "tol": 0}
        return invert(target, "griffin_lim", constraint=make(kind, c), max_iter=2, **more).wave

    assert torch.autograd.gradcheck(inverted, 1.05 * c.abs().detach().requires_grad_(), atol=1e-5)


def test_gaps_are_filled(speech):
    """Four frames of which nothing is known, the phase of all others being known."""
    c = spectra(speech)
    gap = torch.zeros(c.shape, dtype=torch.bool)
    gap[:, 14:18] = True
    holes = torch.where(gap, torch.nan, c.abs())
    found = invert(holes, "griffin_lim", constraint=Confidence(missing=True), max_iter=50, **RUN)
    assert found.wave.isfinite().all()
    assert found.history["sc"][-1] < -15
    constraint = KnownBins(c, ~gap, (~gap).double())
    filled = invert(c.abs(), "griffin_lim", constraint=constraint, max_iter=100, **RUN, length=2000)
    # only 64 of the samples are in no other frame, and hardly any are in the windows' middle
    assert (filled.wave - speech).norm() < 0.3 * speech.norm()
    without = torch.istft(torch.where(gap, 0, c), 256, 64, window=hann(256), length=2000)
    assert (filled.wave - speech).norm() < 0.9 * (without - speech).norm()


def test_bounds_of_bands(speech):
    """Log-mel values in steps of half a neper: the waveform ends up within the steps."""
    conventions, run = MelSpec(8000, log="ln", clamp=1e-5), {**RUN, "n_fft": 256, "length": 2000}
    mel = conventions.record(spectra(speech).abs(), 40)
    low = (2 * mel).floor() / 2
    constraint = Between(low, low + 0.5, MelBands(conventions, 256))
    found = invert(low + 0.25, "griffin_lim", constraint=constraint, max_iter=60, **run)
    plain = invert(low + 0.25, "griffin_lim", mel=conventions, max_iter=60, **run)

    def outside(wave):
        again = conventions.record(spectra(wave).abs(), 40).exp()
        return (again - again.clamp(low.exp(), (low + 0.5).exp())).norm()

    assert outside(found.wave) < 0.7 * outside(plain.wave)


C = spectra(torch.randn(1600, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))
MASK = torch.zeros(C.shape, dtype=torch.bool)
MASK[3] = True
HOLE = C.abs().clone()
HOLE[2, 5] = torch.nan


@pytest.mark.parametrize("form", [torch.Tensor.numpy, torch.Tensor.tolist])
def test_weights_may_be_arrays_and_lists(form):
    weight = 0.2 + 0.8 * weights(C)
    for maker in (Confidence, partial(KnownBins, C, MASK)):
        first, second = (
            invert(C.abs(), constraint=maker(weight=given), max_iter=3, **RUN).wave
            for given in (weight, form(weight))
        )
        # lists have no dtype, and become single precision
        torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("spec", "constraint", "message"),
    [
        (C.abs(), partial(Confidence), "says nothing"),
        (C.abs(), partial(Confidence, weights(C) - 0.1), r"weight holds -0.1 at index \(0, 0\)"),
        (C.abs(), partial(Confidence, 0 * weights(C)), "weight is 0 everywhere"),
        (C.abs(), partial(Confidence, weights(C)[:-1]), r"weight has shape \(128, 26\), spec"),
        (C.abs(), partial(Confidence, weights(C).expand(2, -1, -1)), "expected one value"),
        (HOLE, partial(Confidence, weights(C) + 0.0), r"NaN or infinite, the first at .*2, 5"),
        (HOLE * torch.nan, partial(Confidence, missing=True), "item 0 has no magnitude that is"),
        (-C.abs(), partial(Confidence, weights(C)), "negative values"),
        (C.abs(), partial(KnownBins, C.abs(), MASK), "spectrum has dtype torch.float64: expected"),
        (C.abs(), partial(KnownBins, C, MASK.float()), "known has dtype torch.float32: expected"),
        (C.abs(), partial(KnownBins, C, ~MASK & MASK), "known is False everywhere"),
        (C.abs(), partial(KnownBins, C, MASK[:, :-1]), r"known has shape \(129, 25\)"),
        (C.abs(), partial(KnownBins, C[None].expand(2, -1, -1), MASK), "spectrum has shape"),
        (C.abs(), partial(KnownBins, C, MASK, 1.5), "weight=1.5"),
        (C.abs(), partial(KnownBins, C * torch.nan, MASK), "where it is known"),
        (C.abs(), partial(Between, C.abs(), 0.9 * C.abs()), r"low is not below high in .*Exchang"),
        (C.abs(), partial(Between, HOLE, C.abs() + 1), r"1 places, the first at index \(2, 5\)"),
        (C.abs(), partial(Between, C.abs(), C.abs()[:-1]), "two real tensors of one shape"),
        (C.abs(), partial(Between, -C.abs(), C.abs()), "low holds negative values"),
        (C.abs(), partial(Between, C.abs()[1:], C.abs()[1:]), r"low has shape \(128, 26\)"),
        (C.abs(), partial(Between, C.abs(), C.abs(), 3), "bands is a int: expected"),
    ],
)
def test_refused(spec, constraint, message):
    with pytest.raises(SpecInvError, match=message):
        invert(spec, "griffin_lim", constraint=constraint(), **RUN)
