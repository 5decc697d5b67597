"""What every registered algorithm must do; a new one is tested by being registered."""

from __future__ import annotations

import copy
import math
import pickle

import pytest
import torch

from tests.conftest import hann, magnitude
from torch_specinv import STFT, invert, metrics
from torch_specinv.comparing.signals import speech_like
from torch_specinv.solve import ALGORITHMS

algorithms = pytest.mark.parametrize("name", sorted(ALGORITHMS))
# An online method makes its own phase as it goes: it has no start to be compared with, takes no
# true phase, and draws nothing.
with_start = pytest.mark.parametrize(
    "name", sorted(name for name, kind in ALGORITHMS.items() if kind.takes_start)
)


def run(spec, name, max_iter=8, **keywords):
    if not ALGORITHMS[name].takes_start:
        max_iter = 2  # for each new frame: about as many in all
    keywords = {"window": hann(256), "tol": 0, "eva_iter": 4, "verbose": False, **keywords}
    return invert(spec, name, max_iter=max_iter, **keywords)


def iterates(name):
    """Whether there are iterations, rather than one guess."""
    return bool(run(torch.rand(129, 9), name, window=torch.hann_window(256)).iterations > 0)


@algorithms
def test_batch_equals_single(clips, name):
    """Eight clips, one silent and one 80 dB quieter: item by item what each gives alone."""
    spec = magnitude(clips)
    batch = run(spec, name, max_iter=32)
    for i in range(8):
        alone = run(spec[i], name, max_iter=32)
        level = max(float(clips[i].abs().max()), 1e-300)
        assert (batch.wave[i] - alone.wave).abs().max() < 1e-9 * level
        assert torch.allclose(batch.history["sc"][-1, i], alone.history["sc"][-1], atol=1e-6)
        assert batch.iterations[i] == alone.iterations
    assert (batch.wave[2] == 0).all()


@algorithms
def test_any_leading_dimensions_and_strides(clips, name):
    spec = magnitude(clips)
    flat = run(spec, name)
    nested = run(spec.reshape(2, 1, 4, *spec.shape[1:]), name)
    assert nested.wave.shape == (2, 1, 4, 2048)
    rows = len(flat.evaluated)
    assert nested.history["sc"].shape == (rows, 2, 1, 4)
    assert nested.iterations.shape == (2, 1, 4)
    assert torch.equal(nested.wave.reshape(8, -1), flat.wave)
    strided = spec.permute(2, 0, 1).contiguous().permute(1, 2, 0)
    assert not strided.is_contiguous()
    assert torch.equal(run(strided, name).wave, flat.wave)
    one = run(spec[:1], name)
    assert one.wave.shape == (1, 2048)
    assert run(spec[0], name).wave.shape == (2048,)


@pytest.mark.without_native
@algorithms
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_dtypes(clips, name, dtype):
    spec = magnitude(clips).to(dtype)
    expected = run(spec.double(), name)
    result = run(spec, name, window=torch.hann_window(256))
    assert result.wave.dtype == dtype
    # rounding grows with the iterations, so compare how good, not which wave
    difference = (result.history["sc"][-1] - expected.history["sc"][-1])[[0, 1, 3, 4, 5, 6, 7]]
    assert difference.abs().median() < 0.1
    assert difference.abs().max() < 1


@with_start
def test_complex_input_in_single_precision(clips, name):
    spec = torch.polar(magnitude(clips), torch.rand(8, 129, 33, dtype=torch.float64))
    expected = run(spec, name)
    result = run(spec.to(torch.complex64), name, window=torch.hann_window(256))
    assert result.wave.dtype == torch.float32
    difference = result.history["sc"][-1] - expected.history["sc"][-1]
    assert difference[[0, 1, 3, 4, 5, 6, 7]].abs().max() < 0.2


@with_start
def test_true_phase_is_a_fixed_point(speech, name):
    for extra in ({}, {"center": False}, {"pad_mode": "constant"}):
        spec = torch.stft(speech, 256, window=hann(256), return_complex=True, **extra)
        for max_iter in (1, 16):
            result = run(spec, name, max_iter=max_iter, length=len(speech), **extra)
            assert result.history["sc"][-1] < -100
            again = torch.stft(result.wave, 256, window=hann(256), return_complex=True, **extra)
            assert metrics.sc(again.abs(), spec.abs()) < -100


@algorithms
@pytest.mark.parametrize("power", [-90, -20, 20, 90])
def test_powers_of_two_change_no_digit(clips, name, power):
    spec = magnitude(clips)
    assert torch.equal(run(spec * 2.0**power, name).wave, run(spec, name).wave * 2.0**power)


@algorithms
@pytest.mark.parametrize("power", [-146, -123, -66, 66, 119])
def test_extreme_levels_in_single_precision(clips, name, power):
    level = 2.0**power
    spec = (magnitude(clips[0]) / magnitude(clips[0]).max()).float()
    expected = run(spec, name, window=torch.hann_window(256)).history["sc"][-1]
    result = run(spec * level, name, window=torch.hann_window(256))
    assert torch.isfinite(result.wave).all()
    if power > -140:  # below, the input itself has lost its digits
        assert abs(float(result.history["sc"][-1] - expected)) < 0.1


@algorithms
def test_silence(name):
    result = run(torch.zeros(2, 129, 20), name, window=torch.hann_window(256))
    assert (result.wave == 0).all()
    expected = "converged" if iterates(name) else "max_iter"
    assert {str(status) for status in result.status} == {expected}


@with_start
@pytest.mark.parametrize("start", ["spsi", "random", "zero"])
def test_the_answer_beats_its_start(clips, name, start):
    keep = [0, 1, 3, 4, 5, 6, 7]
    history = run(magnitude(clips[keep]), name, max_iter=32, init=start).history["sc"]
    assert (history[-1] < history[0] - 3).all()


@algorithms
def test_reported_metrics_are_those_of_the_returned_wave(clips, name):
    spec = magnitude(clips)
    for max_iter in (3, 17):
        result = run(spec, name, max_iter=max_iter, metric=("sc", "snr", "ser"))
        again = magnitude(result.wave)
        for metric in ("sc", "snr", "ser"):
            values = metrics.METRICS[metric](again, spec)
            assert torch.allclose(result.history[metric][-1], values, atol=1e-6)


@algorithms
def test_gradients_are_finite_and_right(speech, name):
    spec = (0.1 + torch.rand(2, 5, 6, dtype=torch.float64)).requires_grad_()

    def wave(spec):
        init = "zero" if ALGORITHMS[name].takes_start else None
        # some limit the gradient unless it is asked for
        limited = hasattr(ALGORITHMS[name], "exact_gradient")
        exact = {"exact_gradient": True} if limited else {}
        return run(spec, name, max_iter=3, window=0.1 + hann(8), init=init, **exact).wave

    if iterates(name):  # the phases of a guess are constants in the backward pass
        assert torch.autograd.gradcheck(wave, spec, atol=1e-5)
    silent = torch.rand(2, 9, 8)
    silent[0], silent[1, :, 2:4] = 0, 0
    silent.requires_grad_()
    run(silent, name, window=torch.hann_window(16)).wave.square().sum().backward()
    assert torch.isfinite(silent.grad).all()


@algorithms
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_on_speech_are_of_a_sound_size(name, dtype):
    """Three quarters of a second: what a recursion over frames amplifies has time to grow."""
    clip = speech_like(sr=8000, seconds=1.0, seed=1)[:6000].to(dtype)
    window = hann(256, dtype)
    spec = magnitude(clip, 256, window=window).requires_grad_()
    wave = run(spec, name, window=window, length=6000).wave
    for loss, slope in (
        (wave.square().sum(), 2 * wave.square().sum()),
        ((wave - clip).square().sum(), 2 * ((wave - clip) * wave).sum()),
    ):
        (gradient,) = torch.autograd.grad(loss, spec, retain_graph=True)
        assert gradient.norm() * spec.detach().norm() < 1e4 * wave.detach().square().sum()
        # a spectrogram twice as loud gives a wave twice as loud
        along = (gradient * spec.detach()).sum()
        assert abs(along - slope.detach()) < 1e-3 * wave.detach().square().sum()


@pytest.mark.filterwarnings("ignore:PGHI takes the window for a Gaussian")
@algorithms
@pytest.mark.parametrize(
    ("bins", "frames", "geometry"),
    [
        (3, 1, {"center": False}),
        (3, 2, {"center": False, "hop_length": 4, "window": None}),
        (8, 5, {"n_fft": 15, "hop_length": 7}),
        (9, 40, {"hop_length": 1}),
        (9, 3, {"hop_length": 16, "window": None, "pad_mode": "constant", "length": 40}),
        (9, 6, {"win_length": 10, "hop_length": 3, "window": hann(10)}),
        (16, 6, {"onesided": False}),
        (9, 12, {"pad_mode": "circular", "normalized": True}),
        (1, 4, {"center": False, "window": None, "hop_length": 1}),
    ],
)
def test_odd_sizes(name, bins, frames, geometry):
    spec = torch.rand(bins, frames, dtype=torch.float64)
    n_fft = geometry.get("n_fft", bins if geometry.get("onesided") is False else 2 * bins - 2)
    geometry = {"window": hann(max(n_fft, 1)), "n_fft": max(n_fft, 1), **geometry}
    result = run(spec, name, **geometry)
    assert torch.isfinite(result.wave).all()
    assert math.isfinite(float(result.history["sc"][-1]))
    length = geometry.pop("length", None)
    stft = STFT.of(spec, length=length, **geometry)
    assert result.wave.shape == (stft.geometry.length,)
    again = stft.analyse(result.wave).abs()
    told, true = (
        10 ** (float(sc) / 20) for sc in (result.history["sc"][-1], metrics.sc(again, spec))
    )
    assert told == pytest.approx(true, rel=1e-10, abs=1e-15)


@algorithms
def test_exact_length(name):
    wave = torch.randn(2, 1801, dtype=torch.float64)
    spec = magnitude(wave, 256)
    exact, default = run(spec, name, length=1801), run(spec, name)
    assert exact.wave.shape == (2, 1801)
    assert default.wave.shape == (2, 1792)
    for result in (exact, default):  # the metric is that of a wave of this length
        again = metrics.sc(magnitude(result.wave, 256), spec)
        assert torch.allclose(again, result.history["sc"][-1], atol=1e-6)


@with_start
def test_same_seed_same_result(clips, name):
    spec = magnitude(clips[0])
    waves = [
        run(spec, name, init="random", generator=torch.Generator().manual_seed(seed)).wave
        for seed in (1, 1, 2)
    ]
    assert torch.equal(waves[0], waves[1])
    assert not torch.allclose(waves[0], waves[2])


@algorithms
def test_input_is_left_alone(clips, name):
    spec = magnitude(clips)
    before = spec.clone()
    run(spec, name)
    assert torch.equal(spec, before)


@algorithms
def test_hyperparameters_are_a_frozen_value(name):
    algorithm = ALGORITHMS[name]()
    assert pickle.loads(pickle.dumps(algorithm)) == algorithm
    assert copy.deepcopy(algorithm) == algorithm
    assert repr(algorithm).startswith(type(algorithm).__name__ + "(")
    for field in type(algorithm).__dataclass_fields__:
        with pytest.raises(AttributeError):
            setattr(algorithm, field, 0)


@algorithms
def test_without_autograd(clips, name):
    spec = magnitude(clips)
    expected = run(spec, name).wave
    with torch.no_grad():
        assert torch.equal(run(spec, name).wave, expected)
    with torch.inference_mode():
        assert torch.equal(run(spec.clone(), name).wave, expected)


@pytest.mark.gpu
@algorithms
def test_cuda_gives_what_the_cpu_gives(clips, name):
    """From a given start, after few iterations: the rounding of a transform is all that differs.

    A start of its own has a logarithm, which is rounded otherwise there, and iterations magnify it.
    """
    spec = magnitude(clips)
    if ALGORITHMS[name].takes_start:
        init = torch.randn(spec.shape, dtype=spec.dtype)
        expected = run(spec, name, max_iter=4, init=init)
        there = {"init": init.cuda(), "window": hann(256).cuda()}
        result = run(spec.cuda(), name, max_iter=4, **there)
        assert torch.allclose(result.wave.cpu(), expected.wave, atol=1e-8)
    # and with its own start and all iterations, as good a wave
    expected, result = run(spec, name), run(spec.cuda(), name, window=hann(256).cuda())
    assert result.wave.is_cuda
    sc = (result.history["sc"][-1].cpu() - expected.history["sc"][-1])[
        expected.history["sc"][-1] < 0
    ]
    assert sc.abs().max() < 1
