"""Users' functions and classes that return anything: they are refused, or the result is true.

``python benchmarks/fuzz_plugins.py [CALLS] [SEED]`` makes so many calls, each with a phase, a rule,
a constraint, a metric, a callback, a transform, a loss, a guess or a degradation of a user's that
is wrong in a random way, at a random time. They run in processes of their own, so that one that
dies or hangs is counted and the others go on. What counts as survived: a SpecInvError that says
something, the function's own exception with its name, or a result that is true: all finite, of the
right shape, with errors as they are measured anew, and with input tensors as they were.
"""

from __future__ import annotations

import collections
import random
import signal
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from torch_specinv import (
    STFT,
    SpecInvError,
    invert,
    invert_transform,
    phase_init,
    register_phase,
)
from torch_specinv.algorithms import GriffinLim
from torch_specinv.comparing.degrade import (
    DEGRADATIONS,
    Degradation,
    Given,
    Recording,
    register_degradation,
)
from torch_specinv.constraints import Magnitude
from torch_specinv.metrics import METRICS, register_metric, sc
from torch_specinv.online import OnlineInverter
from torch_specinv.phase import PHASES
from torch_specinv.solve import Momentum, PointwiseAlgorithm, Relaxation

WINDOW = torch.hann_window(32)
# Calls in one process, and seconds that one of them may take
CHUNK, LIMIT = 250, 20


class OwnError(Exception):
    """What a user's function raises."""


def wrong(x: Any, draw: random.Random) -> Any:
    """Return something else than `x`, which is what should be returned, or write into it."""
    if not isinstance(x, torch.Tensor):
        return draw.choice(
            [None, 3, "x", (), [x], (x, x), {}, object(), torch.zeros(2), np.ones(3)]
        )
    real = x.abs() if x.is_complex() else x
    return draw.choice(
        [
            lambda: None,
            lambda: 0.5,
            lambda: "x",
            lambda: (x, x),
            lambda: x.detach().numpy(),
            lambda: x[None],
            lambda: torch.stack([x, x]),
            lambda: x[:1],
            lambda: x[..., :-1],
            lambda: x[..., 0],
            lambda: x.mT if x.ndim > 1 else x[:0],
            lambda: x.sum(),
            lambda: x.flatten(),
            lambda: torch.cat([x, x]),
            lambda: torch.cat([x, x], -1),
            lambda: x.double(),
            lambda: x.half() if not x.is_complex() else x.to(torch.complex128),
            lambda: x.to(torch.bfloat16) if not x.is_complex() else x.conj(),
            lambda: real.long(),
            lambda: real > 0,
            lambda: torch.complex(real, real),
            lambda: real,
            lambda: x * float("nan"),
            lambda: x * float("inf"),
            lambda: torch.where(torch.rand_like(real) < 0.01, float("nan"), x),
            lambda: x * 1e30,
            lambda: x * 0,
            lambda: -x,
            lambda: x.to("meta"),
            lambda: x.detach().to_sparse(),
            lambda: x.detach().requires_grad_(),
            lambda: x.expand(3, *x.shape),
            lambda: x.mul_(0),
            lambda: x.zero_(),
            lambda: x.data.fill_(7),
            lambda: torch.as_strided(x, x.shape, [0] * x.ndim),
            lambda: torch.empty(0),
        ]
    )()


@dataclass
class Fault:
    """What goes wrong at one call of a user's function."""

    draw: random.Random
    when: int
    calls: int = 0

    def __call__(self, value: Any, *arguments: Any) -> Any:
        """Return a value, or something else where it is time, and change arguments."""
        self.calls += 1
        if self.calls < self.when:
            return value
        kind = self.draw.random()
        if kind < 0.08:
            raise OwnError
        if kind < 0.12:
            raise self.draw.choice([ValueError, RuntimeError, KeyError, ZeroDivisionError])("mine")
        tensors = [x for x in arguments if isinstance(x, torch.Tensor)]
        if kind < 0.22 and tensors:
            self.draw.choice(tensors).detach().mul_(0)
            return value
        if kind < 0.28 and tensors and not tensors[0].requires_grad:
            tensors[0].numpy()[...] = 0  # torch does not see it
            return value
        if kind < 0.32:
            invert(torch.rand(17, 9), "griffin_lim", window=WINDOW, max_iter=2, verbose=False)
            return value
        return wrong(value, self.draw)


def own_rule(fault: Fault, method: str) -> PointwiseAlgorithm:
    """Return an algorithm of which one method is at fault."""

    def at(name: str, value: Any, *arguments: Any) -> Any:
        return fault(value, *arguments) if name == method else value

    @dataclass(frozen=True)
    class Mine(PointwiseAlgorithm):
        def begin(self, spectrum, constraint):
            return at("begin", (spectrum.clone(),), spectrum, constraint.target)

        def rule(self, spectrum, memory, constraint, step):
            estimate = at("estimate", constraint.project(spectrum), spectrum, *memory)
            return at("rule", (estimate, (spectrum,)), constraint.target)

        def remember(self, wave):
            return at("remember", (wave.clone(),), wave)

        def mix(self, wave, past, step):
            return at("mix", (at("mixed", wave, *past), (wave,)))

        def answer(self, memory, constraint):
            return at("answer", None, *memory)

        def coefficients(self, step):
            numbers = fault.draw.choice([None, Momentum(0.3), Relaxation(1.0)])
            return at("coefficients", numbers) if method == "coefficients" else None

        def interlaced_groups(self):
            return at("interlaced_groups", 2)

    return Mine()


def own_constraint(fault: Fault, method: str) -> Any:
    """Return a constraint of which one method is at fault."""
    parent = getattr(Magnitude, method)
    if isinstance(parent, property):
        own: Any = property(lambda self: fault(parent.fget(self), self.target))
    elif callable(parent):

        def own(self, *arguments):
            return fault(parent(self, *arguments), self.target, *arguments)
    else:
        own = wrong(parent, fault.draw)
    kind = type("Known", (Magnitude,), {"__annotations__": {"target": torch.Tensor}, method: own})
    return dataclass(frozen=True, eq=False)(kind)


RULES = [
    "begin",
    "estimate",
    "rule",
    "remember",
    "mix",
    "mixed",
    "answer",
    "coefficients",
    "interlaced_groups",
]
CONSTRAINTS = [
    "project",
    "observe",
    "magnitude",
    "start",
    "spread",
    "error",
    "energy",
    "bins",
    "degree",
    "scaled",
    "select",
    "of_frames",
    "map_tensors",
    "is_nearest_point",
    "tensors",
]


def check(spec: torch.Tensor, result: Any) -> None:
    """Raise unless a result is what it says."""
    wave = result.wave
    assert wave.shape[:-1] == spec.shape[:-2], f"shape {wave.shape}"
    assert torch.isfinite(wave).all() or "not_finite" in result.status, "not finite"
    assert not wave.requires_grad or wave.grad_fn is not None
    stft = STFT.of(spec, window=WINDOW, length=wave.shape[-1])
    if "sc" in result.history and torch.isfinite(wave).all():
        true, told = sc(stft(wave), spec), result.history["sc"][-1]
        assert ((true - told).abs() < 0.05).all() | (true > 40).any(), f"{true} and not {told}"


def one(seed: int) -> str:
    """Make a call, and return what came of it."""
    draw = random.Random(seed)
    torch.manual_seed(seed)
    fault = Fault(draw, draw.choice([1, 1, 1, 2, 3, 5, 9]))
    what = draw.choice(
        ["phase", "rule", "rule", "constraint", "constraint", "metric", "callback", "transform",
         "loss", "guess", "degradation"]
    )  # fmt: skip
    items, frames = draw.choice([1, 2, 3, 8]), draw.choice([1, 5, 20, 60])
    spec = torch.rand(items, 17, frames)
    before, window = spec.clone(), WINDOW.clone()
    run: dict[str, Any] = {
        "window": WINDOW, "max_iter": 5, "eva_iter": 2, "verbose": False, "tol": 0,
        "backend": draw.choice(["auto", "chunked", "torch"]),
    }  # fmt: skip
    name = draw.choice(["griffin_lim", "amdr", "raar", "admm", "auto"])
    if draw.random() < 0.2:
        run["init"] = draw.choice(["zero", "random", "spsi"])
    try:
        if what == "phase":
            register_phase("mine")(lambda m, stft, g: fault(torch.zeros_like(m), m, stft.gain))
            if draw.random() < 0.2:
                phase_init(spec, method="mine", window=WINDOW)
            else:
                check(spec, invert(spec, name, **{**run, "init": "mine"}))
        elif what == "rule":
            check(spec, invert(spec, own_rule(fault, draw.choice(RULES)), **run))
        elif what == "constraint":
            made: Any = own_constraint(fault, draw.choice(CONSTRAINTS))
            if draw.random() < 0.2:
                maker = made if draw.random() < 0.5 else Magnitude
                made = lambda target: fault(maker(target), target)  # noqa: E731
            name = draw.choice([name, "lbfgs"])
            result = invert(spec, name, constraint=made, **run)
            assert result.wave.shape[0] == items
            assert torch.isfinite(result.wave).all() or "not_finite" in result.status
        elif what == "metric":
            register_metric("mine")(lambda x, y: fault((x - y).abs().amax((1, 2)), x, y))
            metric = ["sc", "mine"] if draw.random() < 0.5 else ["mine", "sc"]
            check(spec, invert(spec, name, metric=metric, **run))
        elif what == "callback":
            call = lambda r: fault(None, r.wave, *r.metrics.values())  # noqa: E731
            check(spec, invert(spec, name, callback=call, **run))
        elif what in ("transform", "loss"):
            matrix = torch.rand(12, 30)
            square = lambda x, y: (x - y).square().sum()  # noqa: E731
            loss = (lambda x, y: fault(square(x, y), x, y)) if what == "loss" else None
            transform = (
                (lambda x: fault(x @ matrix.T, x))
                if what == "transform"
                else (lambda x: x @ matrix.T)
            )
            target = torch.rand(items, 12)
            kept = target.clone()
            wave = invert_transform(
                target, transform, (items, 30), loss_fn=loss, outer_max_iter=6, verbose=False
            ).wave
            assert wave.shape == (items, 30)
            assert torch.isfinite(wave).all()
            assert torch.equal(target, kept), "the target was changed"
        elif what == "guess":
            geometry = STFT.of(spec, window=WINDOW).geometry

            class Guessing:
                past = 0

                def __call__(self, arrival, geometry):
                    c = arrival.magnitude[:, -1]
                    return fault(torch.complex(c, c), arrival.wave.clone())

            online = OnlineInverter(
                geometry, look_ahead=1, asymmetric_window=True, max_iter=2,
                algorithm=GriffinLim(0.5), guess=Guessing(),
            )  # fmt: skip
            state = online.begin(items)
            for frame in range(4):
                state, wave = online.push(state, spec[..., frame % frames], torch.ones(items) > 0)
                assert wave.shape == (items, geometry.hop_length)
        else:
            register_degradation("mine")(lambda recording, strength, generator: fault(
                Given(fault(recording.magnitude)), recording.wave))  # fmt: skip
            wave = torch.randn(400)
            stft = STFT.of_wave(wave, n_fft=32, window=WINDOW)
            recording = Recording(wave, 8000, stft)
            true = stft(wave)
            given = Degradation.read("mine")(recording)
            assert given.magnitude.shape == true.shape
            assert torch.equal(recording.stft(recording.wave), true), "the recording was changed"
        outcome = "true result"
    except SpecInvError as error:
        outcome = "refused" if len(str(error)) > 20 else f"SILENT {what}"
    except OwnError as error:
        outcome = "own exception, named" if hasattr(error, "__notes__") else f"NO NAME {what}"
    except AssertionError as error:
        outcome = f"NONSENSE {what} {error}"
    except Exception as error:
        named = hasattr(error, "__notes__")
        outcome = "own exception, named" if named else f"TRACEBACK {what} {error!r}"[:150]
    finally:
        for registry in (PHASES, METRICS, DEGRADATIONS):
            registry.pop("mine", None)
    if not torch.equal(spec, before) or not torch.equal(WINDOW, window):
        outcome = f"INPUT CHANGED {what}"
        WINDOW.copy_(window)
    return outcome


def work(first: int, count: int) -> None:
    """Make some calls, and print what came of each."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    for seed in range(first, first + count):
        signal.alarm(LIMIT)
        print(seed, flush=True)
        print(f"{seed} {one(seed)}", flush=True)


def main(calls: int, seed: int) -> int:
    """Make all calls, and print a table; return how many went wrong."""
    found: collections.Counter[str] = collections.Counter()
    next_, end = seed, seed + calls
    while next_ < end:
        command = [sys.executable, str(Path(__file__)), "--work", str(next_)]
        done = subprocess.run(
            [*command, str(min(CHUNK, end - next_))], stdout=subprocess.PIPE, text=True, check=False
        )
        lines = [line.split(" ", 1) for line in done.stdout.splitlines()]
        for line in lines:
            if len(line) > 1:
                found[line[1]] += 1
                if line[1][:4].isupper():
                    print(line[0], line[1], flush=True)
        last = int(lines[-1][0]) if lines else next_
        if done.returncode:
            end_ = "HANG" if done.returncode == -signal.SIGALRM else f"DEATH {done.returncode}"
            print(last, end_, flush=True)
            found[end_] += 1
        next_ = last + 1
    for outcome, count in found.most_common():
        print(f"{count:6d}  {outcome}")
    return sum(count for outcome, count in found.items() if outcome[:4].isupper())


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(int(sys.argv[2]), int(sys.argv[3]))
    else:
        numbers = [int(argument) for argument in sys.argv[1:]]
        sys.exit(min(main(*numbers, *(5000, 0)[len(numbers) :]), 100))
