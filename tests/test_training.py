"""Whole calls with a gradient in float32 on a CPU: which engine runs, and that all is as before."""

from __future__ import annotations

import pytest
import torch
from torch.autograd import forward_ad

from tests.conftest import hann
from torch_specinv import SpecInvError, algorithms, griffin_lim, invert, native
from torch_specinv.algorithms import RAAR, Chain
from torch_specinv.engines import TorchEngine, choose_engine
from torch_specinv.engines.native_training import NativeTraining
from torch_specinv.nn import GriffinLim

pytestmark = pytest.mark.skipif(bool(native.missing()), reason=str(native.missing()))

WINDOW = hann(64, torch.float32)
RUN = {"window": WINDOW, "max_iter": 6, "tol": 0, "eva_iter": 2, "verbose": False}


@pytest.fixture
def spec():
    wave = torch.randn(3, 1200, generator=torch.Generator().manual_seed(1))
    spec = torch.stft(wave, 64, window=WINDOW, return_complex=True).abs()
    return spec * (1 + 0.3 * torch.rand(spec.shape, generator=torch.Generator().manual_seed(2)))


@pytest.fixture
def engines(monkeypatch):
    """Which engines were made."""
    made = []
    for kind in (NativeTraining, TorchEngine):
        init = kind.__init__

        def watched(self, *rest, kind=kind, init=init, **keywords):
            made.append(kind)
            init(self, *rest, **keywords)

        monkeypatch.setattr(kind, "__init__", watched)
    return made


def gradient(spec, function):
    leaf = spec.clone().requires_grad_()
    function(leaf).square().sum().backward()
    return leaf.grad


def close(found, expected, rtol=5e-4):
    assert (found - expected).abs().max() < rtol * expected.abs().max()


CALLS = {
    "griffin_lim": lambda spec, **more: griffin_lim(spec, **{**RUN, **more}),
    "plain": lambda spec, **more: griffin_lim(spec, alpha=0.0, init="zero", **{**RUN, **more}),
    "every iteration": lambda spec, **more: griffin_lim(spec, **{**RUN, **more, "eva_iter": 1}),
    "checkpoint": lambda spec, **more: griffin_lim(spec, checkpoint=2, **{**RUN, **more}),
    "complex": lambda spec, **more: griffin_lim(
        torch.polar(spec, spec.detach().cumsum(-2)), **{**RUN, **more}
    ),
    "lengths": lambda spec, **more: griffin_lim(spec, lengths=[1200, 500, 801], **{**RUN, **more}),
    "half": lambda spec, **more: griffin_lim(spec.bfloat16(), **{**RUN, **more}).float(),
    "not centred": lambda spec, **more: griffin_lim(spec, center=False, **{**RUN, **more}),
    "one item": lambda spec, **more: griffin_lim(spec[0], **{**RUN, **more}),
    "tiny levels": lambda spec, **more: griffin_lim(1e-20 * spec, **{**RUN, **more}) * 1e20,
}


@pytest.mark.parametrize("name", CALLS)
def test_calls_have_the_gradient_of_the_plain_engine(name, spec, engines):
    call = CALLS[name]
    found = gradient(spec, call)
    assert set(engines) == {NativeTraining}
    expected = gradient(spec, lambda x: call(x, backend="torch"))
    close(found, expected, 1e-2 if name == "half" else 5e-4)
    assert TorchEngine in engines


def test_checkpoints_change_no_gradient(spec):
    assert torch.equal(gradient(spec, CALLS["checkpoint"]), gradient(spec, CALLS["griffin_lim"]))


def test_the_gradient_of_a_start_alone(spec, engines):
    phase = torch.rand(spec.shape, generator=torch.Generator().manual_seed(0))
    found = gradient(phase, lambda x: griffin_lim(spec, init=x, **RUN))
    assert set(engines) == {NativeTraining}
    close(found, gradient(phase, lambda x: griffin_lim(spec, init=x, backend="torch", **RUN)))


@pytest.mark.parametrize(
    "algorithm",
    [Chain((algorithms.GriffinLim(), RAAR(0.9)), (1, 1)),
     Chain((RAAR(0.9), algorithms.GriffinLim()), (1, 1))],
)  # fmt: skip
def test_a_part_of_a_chain(algorithm, spec, engines):
    found = gradient(spec, lambda x: invert(x, algorithm, **RUN).wave)
    assert set(engines) == {NativeTraining, TorchEngine}
    close(found, gradient(spec, lambda x: invert(x, algorithm, backend="torch", **RUN).wave))


def test_default_dtypes_and_devices_are_not_asked(spec):
    expected = gradient(spec, CALLS["griffin_lim"])
    torch.set_default_dtype(torch.float64)
    try:
        with torch.device("meta"):
            found = gradient(spec, CALLS["griffin_lim"])
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(found, expected)


def test_runs_that_go_on(spec):
    def on(x, **more):
        first = invert(x, "griffin_lim", **{**RUN, "max_iter": 3}, **more)
        return invert(x, "griffin_lim", resume=first, **{**RUN, "max_iter": 3}, **more).wave

    close(gradient(spec, on), gradient(spec, lambda x: on(x, backend="torch")))


def test_what_it_has_no_gradient_of_goes_through_torch(spec, engines):
    alpha = torch.tensor(0.9, requires_grad=True)
    window = WINDOW.clone().requires_grad_()
    griffin_lim(spec, alpha=alpha, **RUN).sum().backward()
    griffin_lim(spec, **{**RUN, "window": window}).sum().backward()
    assert alpha.grad.abs() > 0
    assert window.grad.abs().max() > 0
    for name in ("raar", "admm", "agla"):
        assert gradient(spec, lambda x, name=name: invert(x, name, **RUN).wave).abs().max() > 0
    bank = torch.rand(8, 33)
    bands = (bank @ spec).requires_grad_()
    invert(bands, "griffin_lim", mel=bank, n_fft=64, **RUN).wave.sum().backward()
    assert bands.grad.abs().max() > 0
    gradient(spec.double(), lambda x: griffin_lim(x, **{**RUN, "window": WINDOW.double()}))
    assert set(engines) == {TorchEngine}


def test_forward_mode_and_torch_func_go_through_torch(spec, engines):
    def energy(x):
        return griffin_lim(x, **RUN).square().sum()

    expected = gradient(spec, lambda x: griffin_lim(x, **RUN))
    engines.clear()
    close(torch.func.grad(energy)(spec), expected)
    with forward_ad.dual_level():
        found = forward_ad.unpack_dual(energy(forward_ad.make_dual(spec, expected))).tangent
    assert set(engines) == {TorchEngine}
    close(found, expected.square().sum())


def test_second_derivatives_of_calls(spec):
    def penalty(x, **more):
        wave = griffin_lim(x, **{**RUN, "max_iter": 2, "window": WINDOW.to(x), **more})
        (slope,) = torch.autograd.grad(wave.pow(3).sum(), x, create_graph=True)
        return slope

    exact = gradient(spec.double(), penalty)
    errors = [
        (gradient(spec, lambda x, b=b: penalty(x, backend=b)) - exact).norm() / exact.norm()
        for b in ("auto", "torch")
    ]
    assert errors[0] < 2 * errors[1] + 1e-3
    assert errors[0] < 0.05


def test_by_its_name(spec, engines):
    wave = griffin_lim(spec.requires_grad_(), backend="native", **RUN)
    assert wave.requires_grad
    assert set(engines) == {NativeTraining}
    for algorithm, mode, words in (
        ("raar", False, "gradient is that of Griffin-Lim"),
        ("griffin_lim", True, "forward mode is at work"),
    ):
        with (
            forward_ad.dual_level() if mode else torch.enable_grad(),
            pytest.raises(SpecInvError, match=f"backend='native' can't run this: .*{words}"),
        ):
            invert(spec, algorithm, backend="native", **RUN)
    with pytest.raises(SpecInvError, match="'chunked' can't run this: it carries no gradient"):
        choose_engine("chunked", gradient=True)


# torch's own: where a graph ends, it asks the tensors that the next one begins with for gradients
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
def test_a_model_that_learns(spec, engines):
    """A step in the direction of the gradient makes the loss smaller; compiled it is the same."""
    torch.manual_seed(0)
    net = torch.nn.Conv1d(33, 33, 1)
    model = torch.nn.Sequential(net, torch.nn.Softplus(), GriffinLim(4, window=WINDOW))
    aim = griffin_lim(spec, **RUN)

    def loss(called):
        net.zero_grad()
        value = (called(spec) - aim).square().mean()
        value.backward()
        return value.detach(), net.weight.grad.clone()

    before, slope = loss(model)
    torch._dynamo.reset()
    same, equal = loss(torch.compile(model, backend="eager"))
    torch._dynamo.reset()
    assert set(engines) == {NativeTraining}
    close(same, before)
    close(equal, slope)
    torch.optim.SGD(net.parameters(), lr=0.1).step()
    assert loss(model)[0] < before
