"""Traceable inverters: the waveforms of invert, and graphs that give them for any size."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from tests.conftest import hann
from torch_specinv import SpecInvError, invert
from torch_specinv.algorithms import AMDR, GriffinLim
from torch_specinv.export import traceable
from torch_specinv.mel import PRESETS, preset
from torch_specinv.transform.real_stft import RealSTFT, fold, fourier_rows, pad
from torch_specinv.transform.stft import STFT

ALGORITHMS = ("griffin_lim", "agla", "admm", "raar", "difference_map", "amdr")
SPEC = torch.rand(2, 33, 20, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
STFTS = {
    "usual": {},
    "hop": {"hop_length": 20},
    "not_centred": {"center": False},
    "constant": {"pad_mode": "constant", "normalized": True},
    "circular": {"pad_mode": "circular"},
    "replicate": {"pad_mode": "replicate"},
    "start": {"win_length": 40, "window_align": "start"},
    "short": {"win_length": 40},
}


def seeded():
    return torch.Generator().manual_seed(3)


def inverted(spec, algorithm, steps, init="zero", **keywords):
    """The last waveform of the plain engine."""
    result = invert(
        spec, algorithm, max_iter=steps, tol=0, eva_iter=steps, init=init, backend="torch",
        generator=seeded(), verbose=False, **keywords,
    )  # fmt: skip
    assert bool((result.history["sc"][-1] <= result.history["sc"][0]).all())  # the last is the best
    return result.wave


def distance(wave, expected):
    assert wave.shape == expected.shape
    return float((wave - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize("stft", STFTS)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_waveform_is_that_of_invert(algorithm, stft):
    keywords = {"window": "hann", "hop_length": 16, **STFTS[stft]}
    for init in ("zero", "random"):
        inverter = traceable(SPEC, algorithm, 5, init=init, generator=seeded(), **keywords)
        expected = inverted(SPEC, algorithm, 5, init, **keywords)
        assert distance(inverter(SPEC), expected) < 1e-9
        assert distance(inverter(SPEC[0]), expected[0]) < 1e-9


def test_a_phase_may_be_given():
    phase = torch.randn(SPEC.shape, generator=seeded(), dtype=torch.float64) * 4
    inverter = traceable(SPEC, "raar", 3, window="hann")
    assert distance(inverter(SPEC, phase), inverted(SPEC, "raar", 3, phase, window="hann")) < 1e-9


def test_odd_transforms_and_other_sizes():
    inverter = traceable(SPEC, "amdr", 4, n_fft=65, window="hann", hop_length=16)
    for frames in range(inverter.least_frames, 12):
        spec = SPEC[..., :frames]
        expected = invert(
            spec, "amdr", max_iter=4, eva_iter=4, init="zero", verbose=False, backend="torch",
            n_fft=65, window="hann", hop_length=16,
        ).wave  # fmt: skip
        assert inverter(spec).shape == expected.shape
    # a starting phase of bin 0 is real, and of an odd size that is the only such bin
    odd = {"n_fft": 65, "window": "hann", "hop_length": 16}
    phase = torch.randn(SPEC.shape, generator=seeded(), dtype=torch.float64) * 4
    again = traceable(SPEC, "raar", 3, **odd)(SPEC, phase)
    assert distance(again, inverted(SPEC, "raar", 3, phase, **odd)) < 1e-9
    short = SPEC[..., : inverter.least_frames - 1]
    with pytest.raises(SpecInvError, match="too few"):
        invert(short, n_fft=65, window="hann", hop_length=16, verbose=False)


def recipes():
    """All presets but those whose rows take gigabytes; those with long frames are slow."""
    for name, recipe in PRESETS.items():
        n_fft = recipe.n_fft or 512
        if n_fft < 2**13:
            yield pytest.param(name, marks=pytest.mark.slow if n_fft > 1024 else ())


@pytest.mark.parametrize("name", list(recipes()))
def test_presets(name):
    recipe = preset(name)
    if recipe.n_fft is None:
        recipe = preset(name, n_fft=512)
    if recipe.is_mel and recipe.n_mels is None:
        recipe = preset(recipe, n_mels=40)
    assert recipe.n_fft is not None
    samples = 4 * recipe.n_fft
    spec = recipe.record(torch.randn(1, samples, generator=seeded(), dtype=torch.float64) / 10)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # noise is loud for some recipes
        inverter = traceable(spec, "griffin_lim", 2, preset=recipe)
        expected = inverted(spec, "griffin_lim", 2, preset=recipe)
    assert distance(inverter(spec), expected) < 1e-6


def test_a_bank_that_is_a_matrix():
    bank = torch.rand(8, 33, generator=seeded(), dtype=torch.float64)
    bank[3] = 0
    bands = bank @ SPEC
    keywords = {"mel": bank, "n_fft": 64, "window": hann(64)}
    with pytest.warns(UserWarning, match="1 of 8 mel bands"):
        inverter = traceable(bands, "raar", 4, **keywords)
    with pytest.warns(UserWarning, match="1 of 8 mel bands"):
        expected = inverted(bands, "raar", 4, **keywords)
    assert distance(inverter(bands), expected) < 1e-9


def test_levels_silence_and_dtypes():
    inverter = traceable(SPEC.float(), "griffin_lim", 4, window="hann")
    spec = torch.stack([SPEC[0], 0 * SPEC[0], 1e30 * SPEC[0], 1e-30 * SPEC[0]]).float()
    waves = inverter(spec)
    assert torch.equal(waves[1], torch.zeros(304))
    for item in (0, 2, 3):
        assert distance(waves[item], inverter(spec[item])) < 1e-5
        relative = waves[item].double() / spec[item].max().double()
        assert distance(relative, waves[0].double() / spec[0].max().double()) < 1e-5
    assert inverter(spec[:1].half()).dtype == torch.float16
    assert bool(inverter(spec[:1] * float("nan")).isnan().all())
    moved = traceable(SPEC.float(), "griffin_lim", 4, window="hann").to(torch.float64)
    assert distance(moved(SPEC[0]).float(), waves[0]) < 1e-5


def test_gradients():
    inverter = traceable(SPEC, "griffin_lim", 3, window="hann")
    spec = SPEC.clone()
    spec[:, :, 7:13] = 0  # where silence is, there is no phase
    spec.requires_grad_()
    (gradient,) = torch.autograd.grad(inverter(spec).sin().sum(), spec)
    assert torch.isfinite(gradient).all()
    expected = invert(
        spec, "griffin_lim", max_iter=3, eva_iter=3, tol=0, init="zero", window="hann",
        verbose=False,
    ).wave  # fmt: skip
    (same,) = torch.autograd.grad(expected.sin().sum(), spec)
    torch.testing.assert_close(gradient, same, rtol=1e-6, atol=1e-9)
    # in the first silent frame, which the frame before reaches into
    step = torch.zeros_like(spec)
    step[0, 2, 7] = 1e-6
    with torch.no_grad():
        rise = (inverter(spec + step).sin().sum() - inverter(spec).sin().sum()) / 1e-6
    assert gradient[0, 2, 7] == pytest.approx(float(rise), rel=1e-3)


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


def test_what_has_no_graph_is_refused():
    for keywords, message in (
        ({"algorithm": "auto"}, "looks at its data.*griffin_lim"),
        ({"algorithm": "lbfgs"}, "looks at its data"),
        ({"init": "pghi"}, "from 'zero' or 'random'.*module"),
        ({"lengths": [300, 300]}, "Leave out lengths"),
        ({"tol": 0}, "Leave out tol"),
        ({"rho": 0.1}, "hyperparameter of admm"),
        ({"windo": "hann"}, "windo"),
        ({"max_iter": 0}, "max_iter=0"),
        ({"onesided": False, "n_fft": 33}, "one-sided"),
        ({"preset": "hifigan"}, "80"),
    ):
        with pytest.raises(SpecInvError, match=message), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            traceable(SPEC, **keywords)
    with pytest.raises(SpecInvError, match="complex"):
        traceable(SPEC.to(torch.complex128), window="hann")


def test_hyperparameters_become_numbers():
    alpha = torch.nn.Parameter(torch.tensor(0.5))
    learnt = traceable(SPEC, GriffinLim(alpha), 3, window="hann")
    assert not list(learnt.parameters())
    assert distance(learnt(SPEC), inverted(SPEC, "griffin_lim", 3, alpha=0.5, window="hann")) < 1e-9
    at_once = traceable(SPEC, AMDR(alternating=False), 3, window="hann")
    expected = inverted(SPEC, AMDR(alternating=False), 3, window="hann")
    assert distance(at_once(SPEC), expected) < 1e-9


@pytest.mark.parametrize("stft", STFTS)
def test_the_real_transform_is_the_complex_one(stft):
    keywords = {"window": hann(STFTS[stft].get("win_length", 64)), **STFTS[stft]}
    complex_ = STFT.of(SPEC, n_fft=64, **keywords)
    g = complex_.geometry
    real = RealSTFT.of(g, fourier_rows(g), g.frames, edges=complex_.poorly_covered is not None)
    wave = torch.randn(2, g.length, generator=seeded(), dtype=torch.float64)
    spectrum = complex_.analyse(wave)
    pairs = torch.cat([spectrum.real, spectrum.imag], 1)
    torch.testing.assert_close(real.analyse(wave), pairs)
    noisy = spectrum + torch.randn(spectrum.shape, generator=seeded(), dtype=spectrum.dtype)
    pairs = torch.cat([noisy.real, noisy.imag], 1)
    expected = complex_.synthesise(noisy)
    torch.testing.assert_close(real.synthesise(pairs), expected, rtol=1e-7, atol=1e-9)
    for first in range(2):
        part, frames = spectrum[..., first::2], slice(first, None, 2)
        torch.testing.assert_close(real.analyse(wave, frames), torch.cat([part.real, part.imag], 1))
        pairs = torch.cat([noisy.real, noisy.imag], 1)[..., frames]
        expected = complex_.synthesise(noisy[..., frames], frames)
        torch.testing.assert_close(real.synthesise(pairs, frames), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("mode", ["reflect", "constant", "replicate", "circular"])
def test_folding_is_the_adjoint_of_padding(mode):
    x = torch.randn(2, 11, generator=seeded(), dtype=torch.float64)
    y = torch.randn(2, 11 + 2 * 7, generator=seeded(), dtype=torch.float64)
    numpy_mode = {"replicate": "edge", "circular": "wrap"}.get(mode, mode)
    expected = torch.from_numpy(np.pad(x.numpy(), ((0, 0), (7, 7)), mode=numpy_mode))
    assert torch.equal(pad(x, 7, mode), expected)
    torch.testing.assert_close((pad(x, 7, mode) * y).sum(), (x * fold(y, 7, mode, 11)).sum())
