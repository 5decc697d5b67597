"""Traceable inverters: the waveforms of invert, its gradients, and what has no graph."""

from __future__ import annotations

import warnings

import pytest
import torch

from tests.conftest import hann
from tests.export_cases import ALGORITHMS, SPEC, STFTS, distance, inverted, seeded
from torch_specinv import SpecInvError, invert
from torch_specinv.algorithms import AMDR, GriffinLim
from torch_specinv.export import traceable
from torch_specinv.mel import PRESETS, preset


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
