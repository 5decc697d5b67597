"""A call with something of a user's that is at fault, one function for each kind of plug-in."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from fuzzing.faulty import CONSTRAINTS, RULES, WINDOW, Fault, own_constraint, own_rule
from torch import Tensor

from torch_specinv import STFT, invert, invert_transform, phase_init, register_phase
from torch_specinv.algorithms import GriffinLim
from torch_specinv.comparing.degrade import Degradation, Given, Recording, register_degradation
from torch_specinv.constraints import Magnitude
from torch_specinv.metrics import register_metric, sc
from torch_specinv.online import OnlineInverter


@dataclass
class Setting:
    """What a call is made with; it raises an AssertionError where its result is not true."""

    draw: random.Random
    fault: Fault
    spec: Tensor
    """A magnitude (items, bins, frames)."""
    name: str
    """An algorithm."""
    run: dict[str, Any]
    """Keywords of an inversion."""


def check(spec: Tensor, result: Any) -> None:
    """Raise unless a result is what it says."""
    wave = result.wave
    assert wave.shape[:-1] == spec.shape[:-2], f"shape {wave.shape}"
    assert torch.isfinite(wave).all() or "not_finite" in result.status, "not finite"
    assert not wave.requires_grad or wave.grad_fn is not None
    stft = STFT.of(spec, window=WINDOW, length=wave.shape[-1])
    if "sc" in result.history and torch.isfinite(wave).all():
        true, told = sc(stft(wave), spec), result.history["sc"][-1]
        assert ((true - told).abs() < 0.05).all() | (true > 40).any(), f"{true} and not {told}"


def with_phase(s: Setting) -> None:
    """Start from a phase of the user's."""
    register_phase("mine")(lambda m, stft, g: s.fault(torch.zeros_like(m), m, stft.gain))
    if s.draw.random() < 0.2:
        phase_init(s.spec, method="mine", window=WINDOW)
    else:
        check(s.spec, invert(s.spec, s.name, **{**s.run, "init": "mine"}))


def with_rule(s: Setting) -> None:
    """Iterate a rule of the user's."""
    check(s.spec, invert(s.spec, own_rule(s.fault, s.draw.choice(RULES)), **s.run))


def with_constraint(s: Setting) -> None:
    """Invert with a constraint of the user's, or with a function that makes one."""
    made: Any = own_constraint(s.fault, s.draw.choice(CONSTRAINTS))
    if s.draw.random() < 0.2:
        maker = made if s.draw.random() < 0.5 else Magnitude
        made = lambda target: s.fault(maker(target), target)  # noqa: E731
    result = invert(s.spec, s.draw.choice([s.name, "lbfgs"]), constraint=made, **s.run)
    assert result.wave.shape[0] == len(s.spec)
    assert torch.isfinite(result.wave).all() or "not_finite" in result.status


def with_metric(s: Setting) -> None:
    """Measure with a metric of the user's."""
    register_metric("mine")(lambda x, y: s.fault((x - y).abs().amax((1, 2)), x, y))
    metric = ["sc", "mine"] if s.draw.random() < 0.5 else ["mine", "sc"]
    check(s.spec, invert(s.spec, s.name, metric=metric, **s.run))


def with_callback(s: Setting) -> None:
    """Report to a callback of the user's."""
    call = lambda r: s.fault(None, r.wave, *r.metrics.values())  # noqa: E731
    check(s.spec, invert(s.spec, s.name, callback=call, **s.run))


def with_transform(s: Setting) -> None:
    """Invert a transform of the user's."""
    matrix = torch.rand(12, 30)
    _invert_matrix(len(s.spec), lambda x: s.fault(x @ matrix.T, x))


def with_loss(s: Setting) -> None:
    """Invert a transform with a loss of the user's."""
    matrix = torch.rand(12, 30)
    loss = lambda x, y: s.fault((x - y).square().sum(), x, y)  # noqa: E731
    _invert_matrix(len(s.spec), lambda x: x @ matrix.T, loss)


def _invert_matrix(
    items: int, transform: Callable[[Tensor], Tensor], loss: Callable[..., Tensor] | None = None
) -> None:
    target = torch.rand(items, 12)
    kept = target.clone()
    wave = invert_transform(
        target, transform, (items, 30), loss_fn=loss, outer_max_iter=6, verbose=False
    ).wave
    assert wave.shape == (items, 30)
    assert torch.isfinite(wave).all()
    assert torch.equal(target, kept), "the target was changed"


def with_guess(s: Setting) -> None:
    """Begin frames that arrive one by one with a guess of the user's."""

    class Guessing:
        past = 0

        def __call__(self, arrival, geometry):
            c = arrival.magnitude[:, -1]
            return s.fault(torch.complex(c, c), arrival.wave.clone())

    geometry, items = STFT.of(s.spec, window=WINDOW).geometry, len(s.spec)
    online = OnlineInverter(
        geometry, look_ahead=1, asymmetric_window=True, max_iter=2,
        algorithm=GriffinLim(0.5), guess=Guessing(),
    )  # fmt: skip
    state, frames = online.begin(items), s.spec.shape[-1]
    for frame in range(4):
        state, wave = online.push(state, s.spec[..., frame % frames], torch.ones(items) > 0)
        assert wave.shape == (items, geometry.hop_length)


def with_degradation(s: Setting) -> None:
    """Degrade a magnitude as the user says."""
    register_degradation("mine")(lambda recording, strength, generator: s.fault(
        Given(s.fault(recording.magnitude)), recording.wave))  # fmt: skip
    wave = torch.randn(400)
    stft = STFT.of_wave(wave, n_fft=32, window=WINDOW)
    recording = Recording(wave, 8000, stft)
    true = stft(wave)
    given = Degradation.read("mine")(recording)
    assert given.magnitude.shape == true.shape
    assert torch.equal(recording.stft(recording.wave), true), "the recording was changed"


CALLS: dict[str, Callable[[Setting], None]] = {
    "phase": with_phase,
    "rule": with_rule,
    "constraint": with_constraint,
    "metric": with_metric,
    "callback": with_callback,
    "transform": with_transform,
    "loss": with_loss,
    "guess": with_guess,
    "degradation": with_degradation,
}
