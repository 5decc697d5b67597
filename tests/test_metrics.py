"""The metrics against their formulas in numpy, and at the ends of their range."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.conftest import hann, magnitude
from torch_specinv import SpecInvError, invert, metrics
from torch_specinv.metrics import (
    FROM_ERROR,
    METRICS,
    MetricInfo,
    metric_info,
    register_metric,
    resolve_metrics,
)

FORMULAS = {
    "sc": lambda x, s: 20 * np.log10(np.linalg.norm(x - s) / np.linalg.norm(s)),
    "ser": lambda x, s: 10 * np.log10((s**2).sum() / ((x - s) ** 2).sum()),
    "snr": lambda x, s: (
        10 * np.log10(1 / ((x / np.linalg.norm(x) - s / np.linalg.norm(s)) ** 2).sum())
    ),
}


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("level", [1.0, 1e-30, 1e30])
def test_formula_per_item(name, level):
    x, s = torch.rand(2, 3, 4, 5, 6, dtype=torch.float64) * level
    values = METRICS[name](x, s)
    assert values.shape == (3, 4)
    for i in np.ndindex(3, 4):
        expected = FORMULAS[name](x[i].numpy(), s[i].numpy())
        assert float(values[i]) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", FORMULAS)
def test_single_precision_at_extreme_levels(name):
    x, s = torch.rand(2, 4, 5)
    expected = METRICS[name](x, s)
    for level in (2.0**-120, 2.0**120):
        assert METRICS[name](x * level, s * level) == pytest.approx(float(expected), abs=1e-3)


def test_snr_ignores_gain_and_is_not_the_negative_sc():
    x, s = torch.rand(2, 4, 5, dtype=torch.float64)
    assert torch.allclose(metrics.snr(7 * x, s), metrics.snr(x, s))
    assert abs(float(metrics.snr(x, s) + metrics.sc(x, s))) > 0.1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_exact_and_silent_are_finite(dtype):
    s, silence = torch.rand(4, 5, dtype=dtype), torch.zeros(4, 5, dtype=dtype)
    floor = 20 * np.log10(torch.finfo(dtype).eps)
    assert float(metrics.sc(s, s)) == pytest.approx(floor)
    assert float(metrics.sc(silence, silence)) == pytest.approx(floor)
    assert float(metrics.sc(silence, s)) == pytest.approx(0, abs=1e-6)
    assert float(metrics.snr(s, s)) == pytest.approx(-floor)
    assert torch.isfinite(metrics.sc(s, silence))
    assert torch.isfinite(metrics.snr(silence, s))


@pytest.mark.parametrize("name", FORMULAS)
def test_gradients(name):
    x, s = torch.rand(2, 2, 3, 4, dtype=torch.float64)
    x.requires_grad_()
    s.requires_grad_()
    assert torch.autograd.gradcheck(METRICS[name], (x, s))
    for special in (s.detach().clone(), torch.zeros_like(s)):
        special.requires_grad_()
        METRICS[name](special, s).sum().backward()
        assert torch.isfinite(special.grad).all()


def test_half_precision_is_computed_in_single():
    x, s = torch.rand(2, 40, 50)
    half = metrics.sc(x.half(), s.half())
    assert half.dtype == torch.float32
    assert float(half) == pytest.approx(float(metrics.sc(x, s)), abs=0.01)


def test_long_names():
    assert metrics.spectral_convergence is metrics.sc
    assert metrics.signal_to_noise_ratio is metrics.snr
    assert metrics.signal_to_error_ratio is metrics.ser


def test_own_and_several_metrics_see_the_level_of_the_input():
    def largest(_input, target):
        return target.amax((-2, -1))

    magnitude = 50 * torch.rand(2, 33, 20)
    result = invert(
        magnitude, max_iter=2, metric=("sc", largest, "snr"), window=torch.ones(64), verbose=False
    )
    assert list(result.history) == ["sc", "largest", "snr"]
    assert torch.allclose(result.history["largest"][0], magnitude.amax((-2, -1)))


def test_own_metrics_keep_their_items_when_others_stop(clips):
    """The level that a metric sees is that of its own item, also after some have ended."""
    spec = magnitude(clips)

    def level(_input, target):
        return target.amax((-2, -1))

    result = invert(
        spec,
        "griffin_lim",
        max_iter=60,
        eva_iter=5,
        tol=1e-3,
        metric=level,
        window=hann(256),
        verbose=False,
    )
    assert len(set(result.iterations.tolist())) > 2
    assert torch.equal(result.history["level"], level(spec, spec).expand(len(result.evaluated), 8))


def lambda_mean(x, s):
    return (x - s).mean()


lambda_mean.__name__ = "mean"


def test_snr_is_blind_to_the_level_of_either_array():
    x, s = torch.rand(2, 4, 5)
    expected = float(metrics.snr(x, s))
    for a, b in ((1e-25, 1), (1e25, 1), (1e20, 1e-30), (1, 1e-37)):
        assert float(metrics.snr(x * a, s * b)) == pytest.approx(expected, abs=1e-3)


def test_names_of_own_metrics_are_kept_apart():
    def one():
        return lambda x, s: (x - s).amax((-2, -1))

    assert list(resolve_metrics([one(), one(), "sc"])) == ["<lambda>", "<lambda>_2", "sc"]


def test_bad_input():
    s = torch.rand(4, 5)
    with pytest.raises(SpecInvError, match=r"\(4, 6\).*\(4, 5\)"):
        metrics.sc(torch.rand(4, 6), s)
    with pytest.raises(SpecInvError, match="complex64"):
        metrics.snr(torch.rand(4, 5, dtype=torch.complex64), s)
    with pytest.raises(SpecInvError, match=r"shape \(5,\)"):
        metrics.ser(torch.rand(5), torch.rand(5))
    with pytest.raises(SpecInvError, match="int64"):
        metrics.sc(torch.ones(4, 5, dtype=torch.int64), s)
    with pytest.raises(SpecInvError, match="'sc'"):
        resolve_metrics("scc")
    with pytest.raises(SpecInvError, match="metric=None"):
        resolve_metrics(None)
    with pytest.raises(SpecInvError, match=r"shape \(2, 0\)"):
        metrics.sc(torch.rand(2, 0), torch.rand(2, 0))
    with pytest.raises(
        SpecInvError,
        match=r"metric 'mean' returned shape \(\): expected \(2,\), one value per item",
    ):
        invert(torch.rand(2, 33, 20), metric=lambda_mean, window=torch.ones(64), verbose=False)
    with pytest.raises(SpecInvError, match="names no metric"):
        resolve_metrics(())


@pytest.mark.parametrize("name", ["sc", "ser"])
def test_from_error_and_energy(name):
    """The loop gets by without spectrograms; what it says is what the function says."""
    generator = torch.Generator().manual_seed(3)
    target = torch.rand(4, 9, 7, generator=generator, dtype=torch.float64)
    target[3] = 0
    x = target + torch.tensor([1.0, 1e-9, 0.0, 0.0], dtype=torch.float64)[:, None, None]
    error, energy = ((x**2).sum((1, 2)) for x in (x - target, target))
    function = METRICS[name]
    assert torch.allclose(FROM_ERROR[function](error, energy), function(x, target), atol=1e-6)


def test_a_metric_that_cannot_be_hashed(clips):
    class Worst:
        __hash__ = None

        def __call__(self, x, s):
            return (x - s).abs().amax((-2, -1))

    result = invert(
        magnitude(clips), "griffin_lim", metric=["sc", Worst()], max_iter=2, window=hann(256),
        verbose=False,
    )  # fmt: skip
    assert result.history["Worst"].shape == (2, len(clips))


def test_direction_and_unit():
    """A better answer moves every metric of the package in its direction."""
    target = torch.rand(2, 9, 7, generator=torch.Generator().manual_seed(0)) + 0.5
    for name in ("sc", "snr", "ser", "lsd"):
        info = metric_info(name)
        noise = torch.rand(target.shape, generator=torch.Generator().manual_seed(1))
        near, far = (float(METRICS[name](target + x * noise, target).mean()) for x in (0.01, 0.3))
        assert info.unit == "dB"
        assert info.best([near, far]) == near
        assert info.arrow == ("↑" if near > far else "↓")
    assert metric_info("nobody's") == MetricInfo()
    assert MetricInfo().best([1.0, 2.0]) is None


def test_a_result_tells_the_units_that_are_known():
    def largest(_input, target):
        return target.amax((-2, -1))

    @register_metric("percent_off", higher_is_better=False, unit="%")
    def percent_off(input, target):  # noqa: A002
        return 100 * (input - target).abs().sum((-2, -1)) / target.sum((-2, -1))

    try:
        magnitude = torch.rand(33, 20, generator=torch.Generator().manual_seed(0))
        result = invert(
            magnitude, max_iter=1, metric=("sc", largest, "percent_off"),
            window=torch.ones(64), verbose=False,
        )  # fmt: skip
        last = {name: float(values[-1]) for name, values in result.history.items()}
        assert f"sc={last['sc']:.2f} dB, " in repr(result)
        assert f"largest={last['largest']:.2f}, " in repr(result)
        assert f"percent_off={last['percent_off']:.2f} %, " in repr(result)
    finally:
        del METRICS["percent_off"]
    assert metric_info("percent_off") == MetricInfo()
