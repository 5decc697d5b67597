"""NaN never looks good: not in a loss, a metric, a gradient, a run or a table."""

import math

import numpy as np
import pytest
import torch

from torch_specinv import griffin_lim, invert, losses, metrics
from torch_specinv.comparing import Measurement, equal_iterations
from torch_specinv.errors import SpecInvError, read_number
from torch_specinv.metrics.resolve import MetricInfo
from torch_specinv.solve.monitor import Evaluation, Monitor

SMALL = {"fft_sizes": [64, 32], "hop_lengths": [16, 8], "win_lengths": [64, 32]}
OF_WAVES = {
    "esr": losses.esr_loss,
    "dc": losses.dc_loss,
    "logcosh": losses.logcosh_loss,
    "snr": losses.snr_loss,
    "si_sdr": losses.si_sdr_loss,
    "sd_sdr": losses.sd_sdr_loss,
    "si_sdr with mean": lambda x, y: losses.si_sdr_loss(x, y, zero_mean=False),
    "stft": lambda x, y: losses.stft_loss(x, y, n_fft=64),
    "stft, sc alone": lambda x, y: losses.stft_loss(x, y, n_fft=64, w_log=0),
    "stft, log alone": lambda x, y: losses.stft_loss(x, y, n_fft=64, w_sc=0),
    "stft, fitted": lambda x, y: losses.stft_loss(x, y, n_fft=64, scale_invariant=True),
    "stft, power": lambda x, y: losses.stft_loss(x, y, n_fft=64, floor=0, log_eps=1, power=0.5),
    "mrstft": lambda x, y: losses.mrstft_loss(x, y, **SMALL),
    "transport": lambda x, y: losses.multi_resolution_transport_loss(x, y, **SMALL, power=2.0),
}
OF_MAGNITUDES = {
    "elementwise": losses.elementwise_loss,
    "convergence": losses.spectral_convergence_loss,
    "log": losses.log_magnitude_loss,
    "transport": losses.spectral_optimal_transport_loss,
    "transport, low": lambda x, y: losses.spectral_optimal_transport_loss(
        x, y, balanced=False, quantile_lowpass=True
    ),
    "sc": metrics.sc,
    "snr metric": metrics.snr,
    "ser": metrics.ser,
    "lsd": metrics.lsd,
}


def waves(generator):
    return torch.randn(2, 400, generator=generator), torch.randn(2, 400, generator=generator)


@pytest.fixture
def pair(request):
    generator = torch.Generator().manual_seed(0)
    x, y = waves(generator)
    if request.param in OF_WAVES:
        return OF_WAVES[request.param], x, y
    shape = (2, 20, 20)
    return OF_MAGNITUDES[request.param], x.abs().view(shape), y.abs().view(shape)


@pytest.mark.parametrize("pair", [*OF_WAVES, *OF_MAGNITUDES], indirect=True)
@pytest.mark.parametrize("where", ["one", "all", "target"])
def test_nan_in_nan_out(pair, where):
    loss, x, y = pair
    changed = y if where == "target" else x
    changed[0].view(-1)[7 if where != "all" else slice(None)] = math.nan
    x.requires_grad_()
    value = loss(x, y).sum()
    assert math.isnan(value.detach())
    if where != "target":
        (gradient,) = torch.autograd.grad(value, x)
        assert bool(gradient[0].isnan().any())


@pytest.mark.parametrize("zero_mean", [True, False])
@pytest.mark.parametrize("level", [1e38, 1e-38, 3.0])
def test_si_sdr_at_any_level(level, zero_mean):
    x, y = waves(torch.Generator().manual_seed(1))
    x, y = (s / s.abs().max() for s in (y + 0.1 * x, y))
    a, b = ((s * level).double().numpy() for s in (x, y))
    if zero_mean:
        a, b = (s - s.mean(-1, keepdims=True) for s in (a, b))
    fitted = ((a * b).sum(-1) / (b * b).sum(-1))[:, None] * b
    wanted = -10 * np.log10((fitted**2).sum(-1) / ((a - fitted) ** 2).sum(-1))
    found = losses.si_sdr_loss(x * level, y * level, zero_mean=zero_mean, reduction="none")
    # subnormal numbers have few digits
    assert np.allclose(found.numpy(), wanted, atol=1e-3 if level > 1 else 0.1)


def test_si_sdr_of_silence_and_constants_is_as_it_was():
    y = torch.randn(400, generator=torch.Generator().manual_seed(2))
    for silent in (torch.zeros(400), torch.full((400,), 0.1)):
        silent.requires_grad_()
        loss = losses.si_sdr_loss(silent, y)
        assert float(loss.detach()) == pytest.approx(140)
        assert not torch.autograd.grad(loss, silent)[0].any()


def test_transport_that_overflows_is_not_0():
    x, y = torch.rand(2, 33, 9, generator=torch.Generator().manual_seed(0)) * 3e38
    assert math.isnan(losses.spectral_optimal_transport_loss(x, y))
    assert math.isnan(losses.spectral_optimal_transport_loss(-x, x))


def test_lsd_refuses_decibels():
    spec = torch.rand(33, 9, generator=torch.Generator().manual_seed(0)) * 80 - 80
    for pair in ((spec, spec.abs()), (spec.abs(), spec)):
        with pytest.raises(SpecInvError, match=r"(input|target) holds negative values.*dB"):
            metrics.lsd(*pair)


def evaluation(*errors):
    error = torch.tensor(errors)
    finite = torch.isfinite(error)
    error = torch.where(finite, error, math.inf)
    wave = torch.full((len(errors), 3), 0.0) + torch.arange(float(len(errors)))[:, None]
    return Evaluation(wave, error, None, torch.zeros_like(finite), finite, {"sc": error})


def test_the_best_is_never_what_is_not_finite():
    first = Monitor.begin(evaluation(math.nan, 1.0, 1.0))
    later = evaluation(math.nan, math.nan, 0.5)
    later.wave.add_(10)
    kept = first.keep(1, torch.arange(3), later, last=False)
    assert kept.best[:, 0].tolist() == [0, 1, 12]
    kept = first.keep(1, torch.arange(3), later, last=True)
    assert kept.best[:, 0].tolist() == [0, 1, 12]


def test_nothing_converges_on_nan():
    monitor = Monitor.begin(evaluation(1.0, 1.0))
    now = evaluation(math.nan, 1.0)
    ended = monitor.converge(torch.arange(2), now, 1e-3, None)
    assert [status.value for status in ended.status] == ["not_finite", "converged"]
    metric = lambda a, b: (a - b).flatten(1).sum(1) * math.nan  # noqa: E731
    spec = torch.rand(33, 20, generator=torch.Generator().manual_seed(0))
    settings = {"window": torch.hann_window(64), "verbose": False, "max_iter": 20}
    result = invert(spec, "griffin_lim", metric=metric, tol=0.5, **settings)
    assert bool(torch.isfinite(result.wave).all())
    assert torch.equal(result.wave, griffin_lim(spec, tol=0.5, **settings))


def test_tables_mark_no_nan_as_best():
    best = MetricInfo(higher_is_better=True).best
    assert best([math.nan, 1.0, 2.0]) == 2.0
    assert best([math.nan]) is None
    measured = [
        Measurement("a", method, 32, {"sc": sc}, 1.0, "s")
        for method, sc in (("librosa", -20.0), ("griffin_lim", math.nan), ("admm", -25.0))
    ]
    table = equal_iterations(measured)
    assert "**-25.0**" in table
    assert "nan" in table
    assert "**nan**" not in table


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (2, 2.0),
        (np.float32(0.5), 0.5),
        (np.array(0.5), 0.5),
        (torch.tensor(3), 3.0),
        (10**400, math.inf),
    ],
)
def test_what_is_a_number(value, number):
    assert read_number(value) == number


@pytest.mark.parametrize("value", [True, "1", 1j, [1.0], torch.ones(1), np.ones(2), None, object])
def test_what_is_none(value):
    assert math.isnan(read_number(value))
    for loss in (losses.esr_loss, losses.dc_loss, losses.snr_loss):
        with pytest.raises(SpecInvError, match="eps="):
            loss(torch.ones(9), torch.ones(9), eps=value)


def test_a_number_under_vmap():
    x = torch.randn(3, 400, generator=torch.Generator().manual_seed(0))
    eps = torch.tensor([1e-8, 1.0, 100.0])
    found = torch.vmap(lambda eps: losses.esr_loss(x[0], x[1], eps=eps))(eps)
    wanted = torch.stack([losses.esr_loss(x[0], x[1], eps=float(one)) for one in eps])
    assert torch.allclose(found, wanted)
