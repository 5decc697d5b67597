"""The projection methods against their textbook recursions, and chains of methods."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch

from tests.conftest import hann, magnitude
from tests.projection_cases import ITERATIONS, Constant, Setting
from torch_specinv import ConventionWarning, SpecInvError, invert
from torch_specinv.algorithms import (
    AGLA,
    AMDR,
    LBFGS,
    RAAR,
    RTISILA,
    Auto,
    Chain,
    DifferenceMap,
    GriffinLim,
)
from torch_specinv.online import RTISI


@pytest.fixture
def setting(speech):
    return Setting(speech)


@pytest.mark.parametrize("row", [(0.7, 0.9, 1.1, 0.5), (1.0, 0.0, 0.0, 0.99), (0.6, 0.2, 0.4, 0.0)])
def test_the_rule_with_four_numbers(setting, row):
    q, r, a, alpha = row
    c, previous = setting.start, None
    for _ in range(ITERATIONS):
        p = setting.p_s(c)
        t = q * setting.p_c(p + a * (p - c)) + r * c + (1 - q - r) * p
        c = t if previous is None else t + alpha * (t - previous)
        previous = t
    expected = setting.stft.synthesise(setting.p_s(c))
    assert (setting.ours(Constant(row)) - expected).abs().max() < 1e-10


def test_griffin_lim_is_a_row(setting):
    """Both make the same trips."""
    rows = setting.ours(Constant((1.0, 0.0, 0.0, 0.0)))
    assert (rows - setting.ours(GriffinLim(0.0))).abs().max() < 1e-10


@pytest.mark.parametrize("relaxation", [0.5, 0.9, 1.0])
def test_raar(setting, relaxation):
    c = setting.start
    for _ in range(ITERATIONS):
        p = setting.p_s(c)
        c = relaxation * (c + setting.p_c(2 * p - c)) + (1 - 2 * relaxation) * p
    expected = setting.stft.synthesise(setting.p_s(c))
    assert (setting.ours(RAAR(relaxation)) - expected).abs().max() < 1e-10
    if relaxation == 1:
        assert torch.allclose(setting.ours(DifferenceMap(1.0)), expected, atol=1e-10)


@pytest.mark.parametrize("beta", [1.0, 0.7, -0.8, 1.3])
def test_the_difference_map(setting, beta):
    """With beta other than 1 an iteration is two steps of the loop."""
    c = setting.start
    for _ in range(ITERATIONS // 2):
        f_s = setting.p_s(c) + (setting.p_s(c) - c) / beta
        f_c = setting.p_c(c) - (setting.p_c(c) - c) / beta
        c = c + beta * (setting.p_c(f_s) - setting.p_s(f_c))
    expected = setting.stft.synthesise(setting.p_s(c))
    steps = ITERATIONS // 2 if beta == 1 else ITERATIONS
    assert (setting.ours(DifferenceMap(beta), steps) - expected).abs().max() < 1e-9


def test_agla(setting):
    alpha, beta, gamma = 0.3, 0.8, 1.2
    previous = c = d = setting.p_c(setting.start)
    for _ in range(ITERATIONS):
        g = setting.p_c(setting.p_s(c))
        t = (1 - gamma) * d + gamma * g
        c, d = t + alpha * (t - previous), t + beta * (t - previous)
        previous = t
    expected = setting.stft.synthesise(g)
    assert (setting.ours(AGLA(alpha, beta, gamma)) - expected).abs().max() < 1e-10
    fast = setting.ours(AGLA(0.99, 0.0, 1.0))
    assert torch.allclose(fast, setting.ours(GriffinLim(0.99)), atol=1e-10)


def test_a_chain_is_one_after_the_other(setting):
    chain = Chain((RAAR(0.9), GriffinLim(0.0)), (1.0, 2.0))
    first = setting.ours(RAAR(0.9), 3)
    expected = first
    for _ in range(7):  # handing over is an iteration of Griffin-Lim
        spectrum = setting.p_s(setting.stft.analyse(expected))
        expected = setting.stft.synthesise(spectrum)
    assert (setting.ours(chain, 9) - expected).abs().max() < 1e-10
    # wherever it is evaluated
    many = invert(
        setting.spec, chain, init=setting.start.angle(), max_iter=9, tol=0, eva_iter=2,
        window=setting.window, verbose=False,
    )  # fmt: skip
    assert many.history["sc"][-1] <= many.history["sc"][0]
    assert (many.wave - expected).abs().max() < 1e-10


def test_auto_beats_its_parts(clips):
    spec = magnitude(clips[[0, 1, 3, 4, 5, 6, 7]])
    ends = {
        name: invert(
            spec, name, max_iter=100, tol=0, window=hann(256), length=2048, verbose=False
        ).history["sc"][-1].mean()
        for name in ("auto", "amdr", "griffin_lim", "lbfgs", "admm")
    }  # fmt: skip
    assert ends["auto"] < ends["amdr"] + 0.5
    assert max(ends["auto"], ends["amdr"]) < min(ends["griffin_lim"], ends["lbfgs"], ends["admm"])
    assert Auto().planned


@pytest.mark.parametrize("kind", [GriffinLim, AGLA, AMDR, RTISILA, partial(RTISI, n_fft=64)])
def test_momentum_above_one_raises_a_warning(kind):
    """Errors that it ends with are those of the start, or worse."""
    more = {"window": hann(64)} if isinstance(kind, partial) else {}
    for alpha in (1.1, torch.tensor(2.0)):
        with pytest.warns(ConventionWarning, match="a momentum above 1 amplifies"):
            kind(alpha=alpha, **more)
    for alpha in (0, 0.99, 1.0, torch.tensor(1.0)):
        kind(alpha=alpha, **more)  # warnings are errors


def test_bad_input(setting):
    for algorithm, message in (
        ({"algorithm": "raar", "relaxation": -0.1}, r"relaxation=-0\.1"),
        ({"algorithm": "difference_map", "beta": 0.0}, r"beta=0\.0"),
        ({"algorithm": "difference_map", "beta": "x"}, r"beta='x'"),
        ({"algorithm": "agla", "gamma": -1.0}, r"gamma=-1\.0"),
        ({"algorithm": "amdr", "polish": -1.0}, r"polish=-1\.0"),
        ({"algorithm": "raar", "relaxation": 1.5}, r"relaxation=1\.5: .* and at most 1\."),
        ({"algorithm": "raar", "relaxation": torch.tensor(1.1)}, "at most 1"),
        ({"algorithm": "difference_map", "beta": math.inf}, "beta=inf: expected a finite number"),
        ({"algorithm": "difference_map", "beta": 1j}, "beta=1j"),
        ({"algorithm": "difference_map", "beta": True}, "beta=True"),
        ({"algorithm": "difference_map", "beta": None}, "beta=None"),
        ({"algorithm": "amdr", "cooling": 1.1}, r"cooling=1\.1: .* at most 1\."),
        ({"algorithm": "amdr", "polish": 2.0}, r"polish=2\.0: .* at most 1\."),
        ({"algorithm": "amdr", "blend": 2.5}, r"blend=2\.5: expected a whole number"),
        ({"algorithm": "admm", "rho": 10**400}, "rho=1"),
        ({"algorithm": "ammdr"}, r"Did you mean 'amdr'"),
    ):
        with pytest.raises(SpecInvError, match=message):
            invert(setting.spec, window=setting.window, verbose=False, **algorithm)
    for parts, shares, message in (
        ((RAAR(),), (0.5, 0.5), "positive, finite share for each of 1 parts"),
        ((RAAR(), LBFGS()), (1.0, 0.0), "positive, finite share"),
        ((RAAR(), LBFGS()), (1.0, math.nan), "positive, finite share"),
        ((RAAR(), LBFGS()), (math.inf, 1.0), "positive, finite share"),
        ((RTISILA(),), (1.0,), "RTISILA takes no start"),
    ):
        with pytest.raises(SpecInvError, match=message):
            Chain(parts, shares)
    with pytest.raises(SpecInvError, match=r"max_iter=3 leaves no iteration for LBFGS.* 10%"):
        setting.ours(Chain((RAAR(), LBFGS()), (0.9, 0.1)), 3)
