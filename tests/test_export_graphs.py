"""Graphs of traceable inverters, traced, compiled, exported and in ONNX, for any size."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from tests.export_cases import ALGORITHMS, SPEC, distance, inverted, seeded
from torch_specinv.export import traceable
from torch_specinv.mel import preset


@pytest.mark.slow
def test_one_piece_of_a_compiled_model():
    inverter = traceable(SPEC, "griffin_lim", 3, window="hann")
    spec = SPEC.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(inverter(spec).sin().sum(), spec)
    compiled = torch.compile(inverter, backend="eager", fullgraph=True)
    (again,) = torch.autograd.grad(compiled(spec).sin().sum(), spec)
    torch.testing.assert_close(again, gradient)


@pytest.mark.parametrize("algorithm", ["griffin_lim", "amdr"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_a_trace_holds_for_other_sizes(algorithm):
    inverter = traceable(SPEC, algorithm, 2, window="hann")
    traced = torch.jit.trace(inverter, (SPEC,))
    other = torch.cat([SPEC, SPEC[:1]])[..., :13]
    torch.testing.assert_close(traced(other), inverter(other))


def example(inverter, spec):
    """The example that an exporter is given: two items, as one would be taken for a constant."""
    return (spec.expand(2, *spec.shape[-2:]).contiguous(),)


@pytest.mark.slow
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_torch_export(algorithm, strict):
    inverter = traceable(SPEC, algorithm, 2, window="hann")
    program = torch.export.export(
        inverter,
        example(inverter, SPEC[:1]),
        dynamic_shapes=inverter.dynamic_shapes(),
        strict=strict,
    )
    for spec in (SPEC[:1], torch.cat([SPEC, SPEC[:1]])[..., :13], SPEC[..., :4]):
        torch.testing.assert_close(program.module()(spec), inverter(spec))


def onnx_wave(inverter, spec, others, phase=None):
    """Export with an example, run with others."""
    import onnxruntime

    given, shapes = example(inverter, spec), inverter.dynamic_shapes(phase=phase is not None)
    if phase is not None:
        given += example(inverter, phase)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own making
        program = torch.onnx.export(
            inverter, given, dynamo=True, dynamic_shapes=shapes, verbose=False
        )
    assert program is not None
    session = onnxruntime.InferenceSession(program.model_proto.SerializeToString())
    names = [put.name for put in session.get_inputs()]
    assert names == ["spec", "phase"][: len(given)]
    return [
        torch.from_numpy(
            session.run(None, dict(zip(names, map(np.asarray, other), strict=True)))[0]
        )
        for other in others
    ]


ONNX = {
    **{name: {"algorithm": name, "window": "hann"} for name in ALGORITHMS},
    "random": {"init": "random", "window": "hann"},
    "not_centred": {"center": False, "window": "hann"},
    "mel": {"preset": "tacotron2"},
    "padding": {"preset": "hifigan"},
    "preemphasis": {"preset": "kaldi"},
    "linear": {"preset": "tacotron_linear"},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ONNX)
def test_onnx(name):
    keywords = {"algorithm": "griffin_lim", **ONNX[name]}
    algorithm = keywords.pop("algorithm")
    spec = SPEC.float()
    if "preset" in keywords:
        recipe = preset(keywords["preset"])
        samples = 6 * recipe.n_fft
        spec = recipe.record(torch.randn(2, samples, generator=seeded()) / 10)
    # of bands, single precision itself is that far from double, with which it is compared
    tolerance = 1e-3 if "preset" in keywords else 1e-4
    inverter = traceable(spec, algorithm, 2, generator=seeded(), **keywords)
    others = [spec[:1], torch.cat([spec, spec])[..., :-1]]
    init = keywords.pop("init", "zero")
    for wave, other in zip(
        onnx_wave(inverter, spec[:1], [(x,) for x in others]), others, strict=True
    ):
        assert distance(wave, inverter(other)) < tolerance
        exact = other.double() if "preset" in keywords else other
        assert distance(wave, inverted(exact, algorithm, 2, init, **keywords)) < tolerance


@pytest.mark.slow
def test_onnx_with_a_phase():
    inverter, spec = traceable(SPEC.float(), "griffin_lim", 2, window="hann"), SPEC.float()
    phase = torch.randn(spec.shape, generator=seeded())
    (wave,) = onnx_wave(inverter, spec[:1], [(spec, phase)], phase[:1])
    assert distance(wave, inverter(spec, phase)) < 1e-4
