"""Derivatives of methods in both modes, and within torch.func: against finite differences."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch.autograd import forward_ad

import torch_specinv
from torch_specinv import L_BFGS, STFT, SpecInvError, algorithms, griffin_lim, invert
from torch_specinv.constraints import Magnitude
from torch_specinv.mel import MelSpec
from torch_specinv.solve.algorithm import ALGORITHMS

from .derivative_cases import (
    DOUBLE,
    N_FFT,
    SAMPLES,
    SPEC,
    TANGENT,
    WINDOW,
    analyse,
    check_derivatives,
    close,
    draw,
    seeded,
)

# torch.vmap takes the items of torch.stft one by one, and says so
pytestmark = pytest.mark.filterwarnings("ignore:.*batching rule for aten..stft:UserWarning")

BANK = draw(5, SPEC.shape[1], seed=3).abs()
KEYWORDS = {"window": WINDOW, "verbose": False, "tol": 0, "max_iter": 3, "eva_iter": 2}


def run(spec, algorithm="griffin_lim", **more):
    """Invert from a phase that does not depend on the spectrogram."""
    if "init" not in more and not spec.is_complex():
        more = {"init": "random", "generator": seeded(), **more}
    return invert(spec, algorithm, **{**KEYWORDS, **more}).wave


def of_complex(magnitude):
    """Start from a given spectrum whose phase depends on the input."""
    return run(torch.polar(magnitude, magnitude.square()))


def by_lbfgs(spec, **more):
    return L_BFGS(
        spec, analyse, (*spec.shape[:-2], SAMPLES), outer_max_iter=3, tol=0, verbose=False,
        generator=seeded(), **more,
    )  # fmt: skip


def by_rtisi_la(spec, **more):
    return invert(spec, "rtisi_la", look_ahead=1, **{**KEYWORDS, "max_iter": 2}, **more).wave


def ragged(spec, **more):
    whole = spec if spec.ndim == 3 else spec[None]
    lengths = [SAMPLES - 4 * i for i in range(len(whole))] if spec.ndim == 3 else [SAMPLES]
    return run(whole, lengths=lengths, **more).reshape(*spec.shape[:-2], -1)


#: Every way to a wave: all algorithms, and what else there is around them
METHODS = {name: partial(run, algorithm=name) for name in ALGORITHMS} | {
    "pghi": lambda spec: invert(spec, "pghi", **KEYWORDS).wave,
    "rtisi_la": partial(by_rtisi_la, exact_gradient=True),
    "auto, exact": partial(run, algorithm=algorithms.Auto("exact")),
    "auto, noisy": partial(run, algorithm=algorithms.Auto("noisy")),
    "chain": partial(
        run, algorithm=algorithms.Chain((algorithms.RAAR(), algorithms.LBFGS()), (1, 1))
    ),
    "complex start": of_complex,
    "mel": lambda spec: run(BANK @ spec, mel=BANK, n_fft=N_FFT),
    "lengths": ragged,
    "edges": lambda spec: run(spec, center=False),
    "two-sided": lambda spec: run(
        torch.cat([spec, spec[..., 1:-1, :].flip(-2)], -2), n_fft=N_FFT, onesided=False
    ),
    "L_BFGS": by_lbfgs,
    "L_BFGS, loss": partial(by_lbfgs, loss_fn=lambda a, b: (a - b).pow(4).sum()),
    "L_BFGS, STFT": lambda spec: L_BFGS(
        spec, STFT.of(SPEC, window=WINDOW), outer_max_iter=3, verbose=False, generator=seeded()
    ),
    "auto": partial(run, algorithm="auto"),
}  # fmt: skip
#: Their first phase is found from the magnitude, and counts as a constant
GUESSED = {"pghi"}
UNMAPPED = {"auto"}


@pytest.mark.parametrize("name", METHODS)
def test_methods_agree_with_finite_differences(name):
    function, expected = METHODS[name], None
    if name in GUESSED:  # a synthesis of the magnitude with a phase that stays
        stft = STFT.of(SPEC, window=WINDOW)
        phase = torch_specinv.phase_init(SPEC, method="pghi", window=WINDOW).angle()
        expected = stft.synthesise(torch.polar(torch.ones_like(phase), phase) * TANGENT)
    check_derivatives(function, SPEC, TANGENT, expected)


@pytest.mark.parametrize("name", METHODS)
def test_jacobians_of_both_modes_agree(name):
    magnitude = SPEC[:1]

    def function(x):
        return METHODS[name](x)[..., ::8]

    forward, reverse = (
        torch.func.jacfwd(function)(magnitude),
        torch.func.jacrev(function)(magnitude),
    )
    close(forward, reverse, 1e-9)
    tangent = TANGENT[:1]
    _, slope = torch.func.jvp(function, (magnitude,), (tangent,))
    close((forward * tangent).flatten(-3).sum(-1), slope, 1e-9)


@pytest.mark.parametrize("name", [name for name in METHODS if name not in UNMAPPED])
def test_a_map_is_the_batch(name):
    function = METHODS[name]

    def energy(x):
        return function(x).square().sum()

    single = torch.stack([function(item) for item in SPEC])
    close(torch.vmap(function)(SPEC), single, 1e-9)
    gradient = torch.stack([torch.func.grad(energy)(item) for item in SPEC])
    close(torch.vmap(torch.func.grad(energy))(SPEC), gradient, 1e-9)
    close(torch.func.grad(lambda x: torch.vmap(energy)(x).sum())(SPEC), gradient, 1e-9)


def test_maps_in_maps_over_any_dimension():
    several = torch.stack([SPEC, 2 * SPEC, SPEC.flip(0)]).movedim(1, 3)  # 3, bins, frames, 2
    mapped = torch.vmap(torch.vmap(run, in_dims=2), in_dims=0)(several)
    assert torch.equal(mapped, run(several.movedim(3, 1), backend="torch"))


def test_items_of_a_map_end_where_they_end_alone():
    def status_and_iterations(spec):
        result = invert(spec, "griffin_lim", max_iter=400, tol=1e-3, alpha=0.0, window=WINDOW)
        assert result.status == ("hidden",)
        assert "hidden" in repr(result)
        return result.wave, result.iterations, result.history["sc"][-1]

    found = torch.vmap(status_and_iterations)(SPEC)
    expected = invert(
        SPEC, "griffin_lim", max_iter=400, tol=1e-3, alpha=0.0, window=WINDOW, verbose=False,
        backend="torch",
    )  # fmt: skip
    assert len(set(expected.iterations.tolist())) == 2
    assert expected.iterations.max() < 400
    for mine, theirs in zip(
        found, (expected.wave, expected.iterations, expected.history["sc"][-1]), strict=True
    ):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize(
    ("algorithm", "name"), [("griffin_lim", "alpha"), ("admm", "rho"), ("agla", "gamma")]
)
def test_hyperparameters_are_differentiated_and_mapped(algorithm, name):
    def function(value):
        return run(SPEC, algorithm, **{name: value})

    at = torch.tensor(0.5, dtype=DOUBLE)
    check_derivatives(function, at, torch.ones_like(at))
    several = torch.tensor([0.0, 0.5, 0.9], dtype=DOUBLE)
    assert torch.equal(torch.vmap(function)(several), torch.stack(list(map(function, several))))


def test_windows_banks_and_tensors_of_a_constraint_are_differentiated():
    tangent = draw(N_FFT, seed=4)
    check_derivatives(lambda window: run(SPEC, window=window), WINDOW + 0.1, tangent)
    bands = BANK @ SPEC
    check_derivatives(
        lambda bank: run(bands, mel=bank, n_fft=N_FFT), BANK, 0.1 * draw(*BANK.shape, seed=5)
    )
    # of a function nobody knows what it holds
    gains = 1 + draw(SPEC.shape[1], 1, seed=6).abs()
    check_derivatives(
        lambda gains: run(SPEC, constraint=lambda target: Magnitude(target * gains)),
        gains, draw(*gains.shape, seed=6),
    )  # fmt: skip


def test_bounded_gradients_of_rtisi_la_are_those_of_both_modes():
    def function(spec):
        return by_rtisi_la(spec)[..., ::8]

    forward, reverse = (f(function)(SPEC[0]) for f in (torch.func.jacfwd, torch.func.jacrev))
    close(forward, reverse, 1e-9)


def test_what_a_map_hides_is_said():
    earlier = invert(SPEC[0], "griffin_lim", **KEYWORDS)
    for spec, function, words in (
        (SPEC, lambda s: run(s, "auto", init=None, generator=None), "auto looks at what each"),
        (SPEC, lambda s: run(s, algorithms.Auto("blurred")), "auto looks at what each item"),
        (SPEC, lambda s: run(s, callback=lambda report: report.wave.max() > 3), "return nothing"),
        (WINDOW[None], lambda w: griffin_lim(SPEC, 3, window=w, verbose=False), "one window after"),
        (BANK[None], lambda b: run(BANK @ SPEC, mel=b, n_fft=N_FFT), "one bank after the other"),
        (SPEC, lambda s: run(s, backend="chunked"), "torch.func is at work"),
        (SPEC, lambda s: run(s, resume=earlier, init=None), "resume outside"),
        (SPEC, lambda s: torch_specinv.wave_init(s, analyse, SAMPLES), "without it"),
        (SPEC, lambda s: by_lbfgs(s, lr=0.1), "gives no gradient of its result"),
    ):
        with pytest.raises(SpecInvError, match=words):
            torch.vmap(function)(spec)


def test_what_can_be_checked_is_checked():
    for wrong in (-SPEC, SPEC * float("nan")):
        with pytest.raises(SpecInvError, match="holds"):
            torch.func.grad(lambda s: run(s).sum())(wrong)
    with pytest.raises(SpecInvError, match=r"filters=bank.detach\(\)"):
        MelSpec(16000, filters=BANK.clone().requires_grad_())


def test_checkpoints_and_callbacks_within_torch_func():
    seen = []
    gradient = torch.func.grad(lambda s: run(s).square().sum())(SPEC)
    again = torch.func.grad(
        lambda s: run(s, checkpoint=1, callback=lambda r: seen.append(r.iteration)).square().sum()
    )(SPEC)
    assert torch.equal(gradient, again)
    assert seen == [2, 3]


def test_metrics_of_a_run_are_constants():
    with forward_ad.dual_level():
        result = invert(forward_ad.make_dual(SPEC, TANGENT), "griffin_lim", **KEYWORDS)
        assert forward_ad.unpack_dual(result.wave).tangent is not None
        for values in (result.history["sc"], result.inconsistency):
            assert forward_ad.unpack_dual(values).tangent is None
