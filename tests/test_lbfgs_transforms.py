"""L-BFGS on any transform: one item and many, its gradients, losses, and torch's optimiser."""

from __future__ import annotations

import math
import pickle
from functools import partial

import pytest
import torch
from torch import nn

from tests.conftest import hann
from tests.lbfgs_cases import TRANSFORMS, Learnable, log_mel, power_mel, seeded
from torch_specinv import L_BFGS, SpecInvError, Status, invert_transform, metrics

transforms = pytest.mark.parametrize("name", TRANSFORMS)


@transforms
def test_any_transform(clips, name):
    """The loss falls at least sixteenfold from the best noise, and never rises."""
    transform = TRANSFORMS[name]
    target = transform(clips[0]).detach()
    with torch.no_grad():
        result = invert_transform(
            target, transform, 2048, outer_max_iter=150, eva_iter=1, tol=0, generator=seeded(),
            verbose=False,
        )  # fmt: skip
    history = result.history["sc"]
    assert history[-1] < history[0] - 12
    assert (history.diff() <= 0).all()
    loss = (transform(result.wave) - target).detach().norm() / target.norm()
    assert float(history[-1]) == pytest.approx(20 * math.log10(float(loss)), abs=1e-6)


@transforms
def test_batch_equals_single(clips, name):
    """One transform call an evaluation, and yet each item as if alone, in any shape."""
    calls = []

    def transform(wave):
        calls.append(tuple(wave.shape))
        return TRANSFORMS[name](wave).detach() if not wave.requires_grad else TRANSFORMS[name](wave)

    chosen = clips[[0, 1, 2, 5]] if name != "log mel" else clips[[0, 1, 3, 4]]
    with torch.no_grad():
        target = TRANSFORMS[name](chosen).detach()
        run = {"outer_max_iter": 12, "tol": 1e-3, "eva_iter": 3, "verbose": False}
        batch = L_BFGS(target, transform, (4, 2048), generator=seeded(), **run)
        assert set(calls) == {(4, 2048)}
        # a trial, an evaluation each; a start; the levels of noise; the checks
        assert len(calls) <= 12 + 5 + 1 + 5 + 3
        for i in range(4):
            alone = L_BFGS(target[i], transform, 2048, generator=seeded(), **run)
            level = max(float(alone.abs().max()), 1e-12)
            assert (batch[i] - alone).abs().max() < 1e-8 * level


def test_gradients_reach_the_modules_parameters_the_target_and_the_start(clips):
    module = Learnable()
    target = module(clips[0, :300]).detach() + 0.05
    start = 0.1 * torch.randn(300, dtype=torch.float64, generator=seeded())

    def wave(gain, target, start):
        module.gain = nn.Parameter(gain.detach())

        def transform(x):
            return torch.func.functional_call(module, {"gain": gain}, (x,))

        return L_BFGS(target, transform, 300, start, outer_max_iter=3, tol=0, verbose=False)[::50]

    inputs = [
        x.detach().clone().requires_grad_() for x in (module.gain, target[:, :].clone(), start)
    ]
    assert torch.autograd.gradcheck(wave, inputs, atol=1e-5, nondet_tol=1e-9, fast_mode=True)
    module = Learnable()
    L_BFGS(target, module, 300, start, outer_max_iter=3, tol=0, verbose=False).sum().backward()
    assert module.gain.grad.abs().max() > 0


@pytest.mark.parametrize("options", [{"lr": 0.5}, {"line_search_fn": "strong_wolfe"},
                                     {"max_iter": 4, "history_size": 5, "lr": 1}])  # fmt: skip
def test_torch_keywords_mean_torchs_optimiser(clips, options):
    target = log_mel(clips[0])
    start = 0.01 * torch.randn(2048, dtype=torch.float64, generator=seeded())
    point = start.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([point], **options)

    def closure():
        optimizer.zero_grad()
        loss = (log_mel(point) - target).square().mean()
        loss.backward()
        return loss

    for _ in range(6):
        optimizer.step(closure)
    for eva_iter in (2, 6):
        result = invert_transform(
            target, log_mel, 2048, start, outer_max_iter=6, tol=0, eva_iter=eva_iter, verbose=False,
            **options,
        )  # fmt: skip
        assert (result.wave - point).abs().max() < 1e-10


def test_loss_functions(clips):
    target = log_mel(clips[[0, 1]])

    def huber(a, b):
        return nn.functional.huber_loss(a, b)

    def per_item(a, b):
        return nn.functional.huber_loss(a, b, reduction="none").mean((-2, -1))

    run = {"outer_max_iter": 8, "tol": 0, "verbose": False}
    mapped = L_BFGS(target, log_mel, (2, 2048), generator=seeded(), loss_fn=huber, **run)
    own = L_BFGS(target, log_mel, (2, 2048), generator=seeded(), loss_fn=per_item, **run)
    alone = L_BFGS(target[1], log_mel, 2048, generator=seeded(), loss_fn=huber, **run)
    assert torch.allclose(mapped, own, atol=1e-10)
    assert torch.allclose(mapped[1], alone, atol=1e-8)

    def negative(a, b):
        return metrics.sc(a, b)  # in dB: negative, and never 0

    result = invert_transform(
        target[0], log_mel, 2048, loss_fn=negative, outer_max_iter=30, tol=0, generator=seeded(),
        verbose=False,
    )  # fmt: skip
    assert result.history["sc"][-1] < result.history["sc"][0] - 3
    assert result.status == (Status.MAX_ITER,)


@pytest.mark.parametrize("level", [1e-4, 1e-2, 1.0, 1e4])
@pytest.mark.parametrize("unit", [1e-12, 1.0, 1e12])
def test_the_units_of_wave_and_loss_do_not_matter(clips, level, unit):
    target = power_mel(level * clips[0])

    def loss(a, b):
        return unit * (a - b).square().mean()

    history = invert_transform(
        target, power_mel, 2048, outer_max_iter=100, tol=0, generator=seeded(), loss_fn=loss,
        verbose=False,
    ).history["sc"]  # fmt: skip
    assert history[-1] < -20


def test_a_stopped_item_does_not_poison_the_gradients_of_the_others(clips):
    gain = torch.tensor(1.5, dtype=torch.float64, requires_grad=True)

    def transform(wave):
        spec = torch.stft(wave, 64, window=hann(64), return_complex=True)
        return gain * spec.abs().square().log()  # undefined on silence

    start = torch.randn(2, 300, dtype=torch.float64, generator=seeded())
    target = transform(start).detach() + torch.tensor([0.0, 0.1]).double()[:, None, None]
    result = invert_transform(
        target, transform, (2, 300), start, outer_max_iter=6, eva_iter=1, tol=0, verbose=False
    )
    assert result.status[0] == Status.CONVERGED
    result.wave.sum().backward()
    assert torch.isfinite(gain.grad)


def test_going_on_with_a_transform(clips):
    target = log_mel(clips[[0, 1]])
    run = {"eva_iter": 4, "tol": 1e-6, "generator": seeded(), "verbose": False}
    whole = invert_transform(target, log_mel, (2, 2048), outer_max_iter=20, **run)
    run["generator"] = seeded()
    part = invert_transform(target, log_mel, (2, 2048), outer_max_iter=9, **run)
    on = invert_transform(target, log_mel, (2, 2048), outer_max_iter=11, resume=part, **run)
    assert torch.allclose(on.wave, whole.wave, atol=1e-9)
    assert on.evaluated == whole.evaluated
    with pytest.raises(SpecInvError, match="spec differ"):
        invert_transform(target + 1, log_mel, (2, 2048), resume=part, **run)


def test_several_channels_that_mix_are_one_item():
    def transform(wave):
        return torch.stft(wave[0] + 0.5 * wave[1], 64, window=hann(64), return_complex=True).abs()

    target = transform(torch.randn(2, 500, dtype=torch.float64, generator=seeded()))
    result = invert_transform(target, transform, (2, 500), outer_max_iter=40, tol=0, verbose=False)
    assert result.wave.shape == (2, 500)
    assert result.iterations.shape == ()
    assert result.history["sc"][-1] < result.history["sc"][0] - 10


def test_inference_mode_and_half_precision(clips):
    def quick(wave):
        return torch.stft(wave, 64, window=hann(64, wave.dtype), return_complex=True).abs()

    target = quick(clips[0].float())
    run = {"outer_max_iter": 5, "tol": 0, "verbose": False}
    expected = L_BFGS(target, quick, 2048, generator=seeded(), **run)
    with torch.inference_mode():
        wave = L_BFGS(target.clone(), quick, 2048, generator=seeded(), **run)
    assert torch.equal(wave, expected)
    half = L_BFGS(target.half(), quick, 2048, generator=seeded(), **run)
    assert half.dtype == torch.float16


def test_complex_transforms():
    def transform(wave):
        return torch.stft(wave, 64, window=hann(64), return_complex=True)

    wave = torch.randn(500, dtype=torch.float64, generator=seeded())
    found = L_BFGS(transform(wave), transform, 500, outer_max_iter=60, verbose=False)
    assert (found - wave).abs().max() < 1e-4


@pytest.mark.parametrize("lead", [(3,), (3, 1)])
@pytest.mark.parametrize("of_its_own", [False, True], ids=["any item", "of this batch"])
@pytest.mark.parametrize("options", [{"lr": 0.5}, {"line_search_fn": "strong_wolfe"}])
def test_torchs_optimiser_solves_each_item_of_a_batch_as_if_alone(lead, of_its_own, options):
    """Also of a transform that knows how many items there are, and differs among them."""
    gains = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    wave = torch.randn(3, 300, dtype=torch.float64, generator=seeded())
    shapes = []

    def single(wave, gain=1.0):
        spec = torch.stft(wave, 64, window=hann(64), return_complex=True)
        return gain * spec.abs().square().log1p()

    def transform(wave):
        shapes.append(tuple(wave.shape[:-1]))
        if of_its_own:
            parts = zip(wave.reshape(3, -1), gains, strict=True)
            return torch.stack([single(*part) for part in parts]).reshape(*lead, 33, -1)
        return single(wave.reshape(-1, 300)).reshape(*wave.shape[:-1], 33, -1)

    target = transform(wave.reshape(*lead, 300))
    start = 0.01 * torch.randn(3, 300, dtype=torch.float64, generator=seeded())
    start[1] = wave[1]  # it stops at once, the others go on
    run = {"tol": 1e-12, "eva_iter": 1, "verbose": False, **options}
    several = (target, transform, (*lead, 300), start.reshape(*lead, 300))
    batch = invert_transform(*several, outer_max_iter=4, **run)
    assert (shapes.count((1,) * len(lead)) > 8) == (not of_its_own)
    for i in range(3):
        alone = invert_transform(
            target[i].reshape(33, -1),
            partial(single, gain=gains[i] if of_its_own else 1.0),
            300, start[i], outer_max_iter=4, **run,
        )  # fmt: skip
        assert (batch.wave.reshape(3, 300)[i] - alone.wave).abs().max() < 1e-10
        assert int(alone.iterations) == int(batch.iterations.flatten()[i]) == (1 if i == 1 else 4)
    part = invert_transform(*several, outer_max_iter=2, **run)
    part = pickle.loads(pickle.dumps(part))
    again = invert_transform(*several, outer_max_iter=2, resume=part, **run)
    assert torch.equal(again.wave, batch.wave)
