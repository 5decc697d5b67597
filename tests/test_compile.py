"""A compiled model that holds an inversion computes and learns what it does without a compiler."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.testing import CompileCounter, CompileCounterWithBackend

import torch_specinv
from tests.conftest import hann
from torch_specinv import SpecInvError
from torch_specinv import nn as inverters

# torch's own: where a graph ends, it asks the tensors that the next one begins with for gradients
pytestmark = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")

WINDOW = hann(32)
SPEC = torch.rand(2, 17, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.fixture(autouse=True)
def _forget_graphs():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def log_magnitude(wave: Tensor) -> Tensor:
    return torch.stft(wave, 32, window=WINDOW, return_complex=True).abs().log1p()


class Model(nn.Module):
    """A network with an inversion in its middle."""

    def __init__(self, inverter):
        super().__init__()
        self.net = nn.Conv1d(17, 17, 1).double()
        self.inverter = inverter

    def forward(self, spec):
        return self.inverter(nn.functional.softplus(self.net(spec))).square().mean()


def gradients(model, called, spec=SPEC):
    model.zero_grad()
    called(spec).backward()
    return [parameter.grad.clone() for parameter in model.parameters()]


INVERTERS = {
    "griffin_lim": lambda: inverters.GriffinLim(
        3, 0, nn.Parameter(torch.tensor(0.9).double()), window=WINDOW
    ),
    "admm": lambda: nn.Sequential(inverters.ADMM(3, window=WINDOW), nn.Tanh()),
    "rtisi_la": lambda: inverters.RTISILA(max_iter=2, window=WINDOW),
    "mel": lambda: inverters.MelToAudio(
        16000, n_fft=128, filters=torch.rand(17, 65).double(), max_iter=3, algorithm="griffin_lim"
    ),
    "lbfgs": lambda: inverters.LBFGS(log_magnitude, (2, 88), 3),
    "invert": lambda: (
        lambda spec: (
            torch_specinv.invert(spec, "raar", max_iter=3, window=WINDOW, verbose=False).wave
        )
    ),
    "phase_init": lambda: lambda spec: torch_specinv.phase_init(spec, window=WINDOW).real.cos(),
}


@pytest.mark.parametrize("name", INVERTERS)
def test_a_compiled_model_learns_the_same(name):
    model = Model(INVERTERS[name]())
    torch.manual_seed(1)
    expected = gradients(model, model)
    assert all(bool(gradient.any()) for gradient in expected)
    counter = CompileCounterWithBackend("eager")
    compiled = torch.compile(model, backend=counter)
    for _ in range(2):
        torch.manual_seed(1)
        for gradient, same in zip(gradients(model, compiled), expected, strict=True):
            torch.testing.assert_close(gradient, same)
    # what is before the inversion and what is behind it, each once
    assert counter.frame_count <= 3


def test_other_sizes_compile_nothing_new():
    model = Model(inverters.GriffinLim(3, window=WINDOW))
    counter = CompileCounter()
    compiled = torch.compile(model, backend=counter)
    with torch.no_grad():
        for frames in (12, 13):  # from the second size on, the size is a variable
            compiled(torch.rand(2, 17, frames).double())
        count = counter.frame_count
        for frames in range(14, 18):
            spec = torch.rand(2, 17, frames).double()
            torch.testing.assert_close(compiled(spec), model(spec))
    assert counter.frame_count == count


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_inductor():
    model = Model(inverters.GriffinLim(3, window=WINDOW))
    compiled = torch.compile(model)
    for gradient, same in zip(gradients(model, compiled), gradients(model, model), strict=True):
        torch.testing.assert_close(gradient, same)


@pytest.mark.parametrize("strict", [False, True])
def test_an_inversion_that_looks_at_its_data_is_not_exported(strict):
    model = inverters.GriffinLim(3, window=WINDOW)
    with pytest.raises(Exception, match=r"griffin_lim can't be exported.*export\.traceable"):
        torch.export.export(model, (SPEC,), strict=strict)


@pytest.mark.filterwarnings("ignore:.*torch.jit.trace:DeprecationWarning")
def test_an_inversion_that_looks_at_its_data_is_not_traced():
    with pytest.raises(SpecInvError, match=r"griffin_lim can't be exported.*export\.traceable"):
        torch.jit.trace(inverters.GriffinLim(3, window=WINDOW), SPEC)
