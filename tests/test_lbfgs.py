"""L-BFGS: on an STFT, on any transform, one item and many, ours and torch's."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from torch import nn

from tests.conftest import hann, magnitude
from torch_specinv import L_BFGS, STFT, SpecInvError, Status, invert, invert_transform, metrics
from torch_specinv.optimize.lbfgs import BatchedLBFGS
from torch_specinv.optimize.stft_objective import SpectrogramObjective
from torch_specinv.solve import SpectrogramProblem


def seeded():
    return torch.Generator().manual_seed(3)


def power_mel(wave):
    """Triangles over the bins of a power spectrogram: a small mel bank of the test's own."""
    spec = torch.stft(wave, 128, window=hann(128, wave.dtype), return_complex=True)
    centres = torch.linspace(0, 64, 14)[1:-1, None]
    bank = (1 - (torch.arange(65) - centres).abs() / 5).clamp_min(0).to(wave.dtype)
    return bank @ spec.abs().square()


def log_mel(wave):
    return (power_mel(wave) + 1e-3).log()


def constant_q(wave):
    """A small constant-Q transform: one complex filter for each of three octaves' notes."""
    time = torch.arange(-256, 257, dtype=wave.dtype)
    filters = []
    for note in range(18):
        frequency = 0.03 * 2 ** (note / 6)
        width = 6 / frequency
        envelope = torch.exp(-0.5 * (time / width) ** 2) / width
        filters.append(envelope * torch.exp(2j * math.pi * frequency * time))
    bank = torch.stack(filters)
    flat = wave.reshape(-1, 1, wave.shape[-1])
    parts = [
        torch.nn.functional.conv1d(flat, part[:, None], stride=32, padding=256)
        for part in (bank.real, bank.imag)
    ]
    return torch.complex(*parts).abs().reshape(*wave.shape[:-1], 18, -1)


def many_resolutions(wave):
    parts = [
        torch.stft(wave, n, n // 4, window=hann(n, wave.dtype), return_complex=True).abs()
        for n in (64, 128, 256)
    ]
    return torch.cat([part.flatten(-2) for part in parts], -1)


class Learnable(nn.Module):
    """A transform with parameters."""

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(1 + torch.arange(33, dtype=torch.float64)[:, None] / 33)

    def forward(self, wave):
        spec = torch.stft(wave, 64, window=hann(64), return_complex=True)
        return (self.gain * spec.abs().square() + 1e-2).sqrt()


TRANSFORMS = {
    "power mel": power_mel,
    "log mel": log_mel,
    "constant q": constant_q,
    "many resolutions": many_resolutions,
    "module": Learnable(),
}
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


def test_an_stft_gets_the_scaled_objective(clips):
    stft = STFT.of_wave(clips[0], n_fft=256, window=hann(256))
    target = stft(clips)
    wave = L_BFGS(target, stft, outer_max_iter=20, tol=0, generator=seeded(), verbose=False)
    expected = invert(
        target, "lbfgs", init="random", max_iter=20, tol=0, generator=seeded(), window=hann(256),
        length=2048, verbose=False,
    )  # fmt: skip
    assert torch.equal(wave, expected.wave)
    unscaled = L_BFGS(target, lambda x: stft(x), (8, 2048), outer_max_iter=20, tol=0,
                      generator=seeded(), verbose=False)  # fmt: skip
    gain = metrics.sc(stft(unscaled), target) - metrics.sc(stft(wave), target)
    assert gain[[0, 1, 3, 4, 5, 6, 7]].mean() > 1


@pytest.mark.parametrize("geometry", [{}, {"center": False}, {"pad_mode": "circular"},
                                      {"onesided": False}, {"normalized": True}])  # fmt: skip
def test_the_gradient_of_the_scaled_objective(geometry):
    spec = torch.rand(2, 16 if geometry.get("onesided") is False else 9, 8, dtype=torch.float64)
    stft = STFT.of(spec, window=0.1 + hann(16), **geometry)
    objective = SpectrogramObjective(SpectrogramProblem.from_magnitude(spec, stft))
    point = torch.randn(2, stft.geometry.length, dtype=torch.float64, requires_grad=True)
    value, gradient = objective.evaluate(point)
    observed = objective.problem.observe(objective.wave(point))
    squares = (observed - objective.problem.target).square() * stft.bin_weights()
    assert torch.allclose(value, 0.5 * squares.sum((1, 2)))
    (by_autograd,) = torch.autograd.grad(0.5 * squares.sum(), point)
    assert torch.allclose(gradient, by_autograd, atol=1e-10)
    # and a unit step is one iteration of Griffin-Lim
    step = objective.wave(point - gradient)
    projected = objective.problem.constraint.project(stft.analyse(objective.wave(point)))
    assert torch.allclose(step, stft.synthesise(projected), atol=1e-10)


class Quadratic:
    """Two independent quadratics with known minima: one flat, one with a condition of 10^4."""

    first_step = True
    scales = torch.stack([torch.ones(8), torch.logspace(0, 4, 8)]).double()
    minimum = torch.stack([torch.arange(8.0), -torch.ones(8)]).double()

    def evaluate(self, point):
        gap = point - self.minimum
        return 0.5 * (self.scales * gap**2).sum(1), self.scales * gap

    def begin(self, spectrum):
        return spectrum

    def point(self, wave):
        return wave

    def answer(self, point):
        return point


def test_curvature_is_learnt():
    solver = BatchedLBFGS(Quadratic(), 100, 10)
    state = solver.start(torch.zeros(2, 8, dtype=torch.float64))
    values = [state.value]
    for step in range(1, 101):
        state = solver.advance(state, step)
        values.append(state.value)
    values = torch.cat(values, 1)
    assert (values.diff(dim=1) <= 0).all()
    assert values[0, 2] < 1e-20
    assert (solver.wave(state) - Quadratic.minimum).abs().max() < 1e-6


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


class Rough(Quadratic):
    """Finite only near the minimum: the first unit step of the steep item is thrown far away."""

    def evaluate(self, point):
        value, gradient = super().evaluate(point)
        far = (point - self.minimum).abs().amax(1) > 10
        value = torch.where(far, -math.inf, value)  # looks good, but for its gradient
        return value, torch.where(far[:, None], math.nan, gradient)


def test_trials_that_are_not_finite_are_refused():
    solver = BatchedLBFGS(Rough(), 100, 10)
    state = solver.start(torch.zeros(2, 8, dtype=torch.float64))
    for step in range(1, 101):
        state = solver.advance(state, step)
        assert torch.isfinite(state.value).all()
        assert torch.isfinite(state.gradient).all()
    assert (solver.wave(state) - Quadratic.minimum).abs().max() < 1e-4


class Hill(Quadratic):
    """Bends down everywhere, so that nothing is learnt about the curvature."""

    minimum = torch.zeros(2, 8).double()
    scales = -torch.ones(2, 8).double()


def test_directions_that_lead_uphill_are_replaced():
    """A pair that lies about the curvature turns the direction round; the gradient does not."""
    solver = BatchedLBFGS(Hill(), 5, 5)
    state = solver.start(torch.ones(2, 8, dtype=torch.float64))
    v = state.gradient / state.gradient.norm(dim=1, keepdim=True)
    lie = (v, -v, -torch.ones(2, 1, dtype=torch.float64))
    state = solver.advance(dataclasses.replace(state, pairs=(lie,)), 1)
    assert ((state.direction * state.gradient).sum(1) < 0).all()


class Steep(Quadratic):
    """So steep that the step has to shrink by more than one line search allows."""

    scales = torch.full((2, 8), 1e9).double()


def test_a_line_search_that_fails_goes_on_with_shorter_steps():
    solver = BatchedLBFGS(Steep(), 40, 5)
    state = solver.advance(solver.start(torch.zeros(2, 8, dtype=torch.float64)), 40)
    assert (solver.wave(state) - Quadratic.minimum).abs().max() < 1e-6


def test_a_line_search_is_no_convergence(clips):
    """Evaluating often must not end an item that is trying shorter steps."""
    spec = magnitude(clips[[0, 1]])
    for eva_iter in (1, 10):
        result = invert(
            spec, "lbfgs", eva_iter=eva_iter, max_iter=60, tol=1e-9, window=hann(256),
            verbose=False,
        )  # fmt: skip
        assert (result.iterations == 60).all()


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


def test_an_stft_with_more_wishes(clips):
    """Start, memory, lengths and any length of the waveform keep the scaled objective."""
    stft = STFT.of(magnitude(torch.randn(4000, dtype=torch.float64)), length=4000,
                   window=hann(256))  # fmt: skip
    target = stft(torch.randn(2, 4000, dtype=torch.float64))
    run = {"outer_max_iter": 5, "tol": 0, "verbose": False}
    assert L_BFGS(target, stft, history_size=3, **run).shape == (2, 4000)
    start = torch.randn(2, 4000, dtype=torch.float64)
    wave = L_BFGS(target, stft, (2, 4000), start, **run)
    assert (metrics.sc(stft(wave), target) < metrics.sc(stft(start), target) - 5).all()
    lengths = [4000, 2000]
    ragged = L_BFGS(target, stft, lengths=lengths, generator=seeded(), **run)
    assert (ragged[1, 2000:] == 0).all()
    for samples in ((5, 4000), 3999, ()):
        with pytest.raises(SpecInvError, match="samples="):
            L_BFGS(target, stft, samples, **run)
    with pytest.raises(SpecInvError, match=r"init_x0 has shape \(2, 99\)"):
        L_BFGS(target, stft, init_x0=torch.zeros(2, 99), **run)
    with pytest.raises(SpecInvError, match="spec is complex"):
        L_BFGS(target + 0j, stft, **run)


def test_going_on_with_an_stft(clips):
    stft = STFT.of_wave(clips[0], n_fft=256, window=hann(256))
    target = stft(clips[:2])
    run = {"eva_iter": 4, "tol": 0, "verbose": False}
    whole = invert_transform(target, stft, outer_max_iter=20, generator=seeded(), **run)
    part = invert_transform(target, stft, outer_max_iter=9, generator=seeded(), **run)
    on = invert_transform(target, stft, outer_max_iter=11, resume=part, **run)
    assert torch.equal(on.wave, whole.wave)


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


@pytest.mark.parametrize("lead", [(), (3,), (2, 2)])
@pytest.mark.parametrize("center", [True, False])
def test_samples_are_inferred_from_frames(lead, center):
    def transform(wave):
        flat = wave.reshape(-1, wave.shape[-1])
        spec = torch.stft(flat, 64, 20, window=hann(64, wave.dtype), center=center,
                          return_complex=True)  # fmt: skip
        return spec.abs().reshape(*wave.shape[:-1], 33, -1)

    target = transform(torch.randn(*lead, 515))
    result = invert_transform(target, transform, outer_max_iter=2, verbose=False)
    frames = target.shape[-1]
    assert result.wave.shape == (*lead, 20 * (frames - 1) + (0 if center else 64))


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


def untouched(wave):
    return torch.stft(wave, 64, window=hann(64, wave.dtype), return_complex=True).abs()


@pytest.mark.parametrize(
    ("transform", "keywords", "message"),
    [
        (lambda x: untouched(x)[:-1], {}, r"shape \(32, 26\).*\(33, 26\)"),
        (lambda x: untouched(x.detach()), {}, "not differentiable: no gradient"),
        (lambda x: torch.from_numpy(untouched(x.detach()).numpy()), {}, "not differentiable"),
        (lambda x: untouched(x).log() - math.inf, {}, "NaN or infinite values at the start"),
        (lambda x: 3, {}, "returns a int"),
        (untouched, {"samples": 20}, r"transform_fn fails on a waveform of shape \(20,\)"),
        (untouched, {"samples": 0}, "samples=0"),
        (untouched, {"samples": ()}, r"samples=\(\)"),
        (untouched, {"samples": 300}, r"shape \(33, 19\) .* \(300,\), but spec has shape"),
        (untouched, {"init_x0": torch.zeros(99)}, r"\(33, 7\)"),
        (untouched, {"init_x0": torch.zeros(400), "samples": 300}, "leave out samples"),
        (untouched, {"init_x0": torch.full((400,), math.nan)}, "init_x0 holds 400 values"),
        (untouched, {"samples": 400, "outer_max_iter": 0}, "max_iter=0"),
        (untouched, {"samples": 400, "line_serch_fn": "x"}, "'line_search_fn'"),
        (lambda x: x.sum() * torch.ones(33, 26), {"samples": None}, "cannot be inferred"),
        (untouched, {"samples": 400, "metric": "scc"}, "metric='scc'"),
        (
            untouched, {"samples": 400, "loss_fn": lambda a, b: (a - b).sum(0)},
            r"loss_fn returns shape \(26,\) for one item",
        ),
    ],
)  # fmt: skip
def test_bad_input(transform, keywords, message):
    target = untouched(torch.randn(400, dtype=torch.float64))
    keywords = {"samples": 400, **keywords} if "init_x0" not in keywords else keywords
    with pytest.raises(SpecInvError, match=message):
        L_BFGS(target, transform, verbose=False, **keywords)


def test_mistakes_that_have_a_cure():
    target = untouched(torch.randn(2, 400, dtype=torch.float64))
    with pytest.raises(SpecInvError, match=r"for a batch pass samples=\(2, 400\)"):
        L_BFGS(target, untouched, 400, verbose=False)
    with pytest.raises(SpecInvError, match=r"returns torch.complex128, but spec is real: \.abs"):
        L_BFGS(
            target[0],
            lambda x: torch.stft(x, 64, window=hann(64), return_complex=True),
            400,
            verbose=False,
        )
    with pytest.raises(SpecInvError, match=r"'n_iter'\. Did you mean 'outer_max_iter'"):
        L_BFGS(target[0], untouched, 400, n_iter=3, verbose=False)


def test_bad_batches():
    target = untouched(torch.randn(2, 400, dtype=torch.float64))
    with pytest.raises(SpecInvError, match=r"lr: torch\.optim\.LBFGS shares one step"):
        L_BFGS(target, untouched, (2, 400), lr=0.1, verbose=False)
    with pytest.raises(SpecInvError, match="gives no gradient of its result"):
        L_BFGS(target[0].requires_grad_(), untouched, 400, lr=0.1, verbose=False)
    with pytest.raises(SpecInvError, match="one length for each of the 2 items"):
        L_BFGS(target.detach(), untouched, lengths=[400, 400, 400], verbose=False)
    with pytest.raises(SpecInvError, match="lengths holds 0"):
        L_BFGS(target.detach(), untouched, lengths=[400, 0], verbose=False)
    with pytest.raises(SpecInvError, match="frames, but spec"):
        L_BFGS(target.detach(), untouched, lengths=[400, 900], verbose=False)
    with pytest.raises(SpecInvError, match="history_size=0"):
        invert(target.detach(), "lbfgs", history_size=0, window=hann(64), verbose=False)
