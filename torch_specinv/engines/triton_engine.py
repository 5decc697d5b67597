"""The engine "triton": an iteration as three kernels around two transforms, on a CUDA device."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor

from ..constraints.magnitude import Magnitude
from ..solve.algorithm import Momentum, PointwiseAlgorithm, Relaxation, Step
from ..solve.problem import SpectrogramProblem
from ..solve.recorded import Recorded
from ..solve.recording import Recorder, record
from ..solve.solver import Solver
from .base import Engine, goes_on, group_count
from .cuda_graph import is_large
from .triton_plan import TritonPlan, TritonState, numbers_of

# Factors of a length that cuFFT does in one kernel
_FACTORS = (2, 3, 5, 7)
# The frames of which a program cuts some, and the most items
_SHORTEST, _LONGEST, _MOST_ITEMS = 16, 8192, 65535


class _Launches(Solver[TritonState]):
    """Launches the kernels one by one, and knows the problem."""

    def __init__(self, problem: SpectrogramProblem, algorithm: PointwiseAlgorithm, steps: int):
        self.problem, self.algorithm, self.steps = problem, algorithm, steps
        whole = TritonPlan.of(problem, algorithm, steps)
        self.plan = replace(whole, piece=len(problem.target))  # fewer launches
        self.piece = whole.piece

    @torch.no_grad()
    def start(self, spectrum: Tensor) -> TritonState:
        """Synthesise the starting spectrum."""
        stft, plan = self.problem.stft, self.plan
        groups = range(len(plan.targets))
        every = [slice(i, None, len(groups)) for i in groups]
        waves = [plan.padded(stft.synthesise(spectrum[..., part], part)) for part in every]
        if len(waves) == 1:
            waves.append(waves[0].clone())
        variables: tuple[Tensor, ...] = ()
        if not plan.momentum:
            variables = tuple(spectrum[..., part].mT.contiguous() for part in every)
        memories = tuple(map(torch.zeros_like, variables)) if plan.remembers else ()
        return TritonState(0, (waves[0], waves[1]), variables, memories)

    @torch.no_grad()
    def advance(self, state: TritonState, until: int) -> TritonState:
        """Iterate up to iteration `until`, in the memory of the state."""
        if until > len(self.plan.table):
            rows = numbers_of(self.algorithm, self.steps, until)[0]
            self.plan = replace(self.plan, table=self.plan.table.new_tensor(rows))
        self.plan.counter.fill_(state.iteration)
        for number in range(state.iteration, until):
            state = self.plan.advance(state, number + 1)
            self.plan.counter.add_(1)
        return state

    @torch.no_grad()
    def wave(self, state: TritonState) -> Tensor:
        """Synthesise the algorithm's answer."""
        stft, plan, groups = self.problem.stft, self.plan, len(state.variables)
        if plan.momentum:
            return self.problem.finish(state.waves[1][:, : stft.geometry.length].clone())
        total: Tensor | None = None
        for i, variable in enumerate(state.variables):
            part = slice(i, None, groups)
            answer = self.problem.constraint.of_frames(part).project(variable.mT)
            wave = stft.synthesise(answer, part)
            total = wave if total is None else total + wave
        assert total is not None
        return self.problem.finish(total)

    @torch.no_grad()
    def look(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        """Do what :meth:`Engine.look` does, of plain Griffin-Lim."""
        plan, stft = self.plan, self.problem.stft
        lacking = stft.analyse(wave).abs() - self.problem.target
        value = 0.5 * (lacking.square() * stft.bin_weights()).flatten(1).sum(1)
        waves = plan.padded(wave), plan.padded(wave)
        plan.counter.zero_()
        plan.advance(TritonState(0, waves, (), ()), 1)
        return value, waves[1][:, : stft.geometry.length]

    def select(self, items: Tensor) -> _Launches:
        """Go on with some items of the batch."""
        return _Launches(self.problem.select(items), self.algorithm, self.steps)


class TritonEngine(Recorded, Engine[TritonState]):
    """Runs an algorithm whose iterations are given by numbers; recorded, and played back."""

    name = "triton"
    takes = (
        "rules that are numbers, float32 on a CUDA device, without gradients; compiled, played back"
    )

    def __init__(
        self,
        problem: SpectrogramProblem,
        algorithm: PointwiseAlgorithm,
        steps: int,
        recorder: Recorder = record,
    ) -> None:
        self.problem, self.algorithm = problem, algorithm
        plain = _Launches(problem, algorithm, steps)
        # the recording has the counter to itself
        counter = torch.zeros_like(plain.plan.counter)
        steady = replace(plain.plan, counter=counter, piece=plain.piece)
        super().__init__(plain, 0, (steady, counter), recorder)
        whole = plain.piece == len(problem.target)
        if whole and is_large(problem):  # then a recording gains nothing, and takes memory
            self.fail()

    @classmethod
    def missing(cls) -> str | None:
        """Return why it can't run here, or None where it is ready."""
        if not _has_triton():
            return "the package triton is not installed (a build of torch for CUDA on Linux has it)"
        if torch.cuda.is_available() or interpreted():
            return None
        return "it needs a CUDA device, and there is none"

    @classmethod
    def obstacle(
        cls, problem: SpectrogramProblem, algorithm: PointwiseAlgorithm, steps: int
    ) -> str | None:
        """Return why it can't run an algorithm on a problem, or None where it can."""
        stft, target, constraint = problem.stft, problem.target, problem.constraint
        if target.device.type != "cuda" and not interpreted():
            return f"it needs a CUDA device, but spec is on {target.device}"
        if not stft.single or type(constraint) is not Magnitude:
            return f"it takes magnitudes of one STFT, not {type(constraint).__name__}"
        if target.dtype != torch.float32:
            return f"it computes in float32, and spec has {target.dtype}"
        g = stft.geometry
        if not g.onesided or g.window.is_complex():
            return "it takes one-sided spectra and real windows"
        if g.center and g.pad_mode not in ("reflect", "constant"):
            return f"it takes pad_mode 'reflect' and 'constant', not {g.pad_mode!r}"
        if _rest(g.n_fft) != 1 or g.n_fft % 2 or not _SHORTEST <= g.n_fft <= _LONGEST:
            return (
                f"it takes even n_fft from {_SHORTEST} to {_LONGEST} without prime factors above "
                f"{_FACTORS[-1]}, not {g.n_fft}"
            )
        if len(target) > _MOST_ITEMS or g.frames * g.n_fft >= 2**31:
            return f"it takes at most {_MOST_ITEMS} items, and 2^31 samples in the frames of each"
        groups, numbers = group_count(problem, algorithm), algorithm.coefficients(Step(0, steps))
        most = 1 if isinstance(numbers, Momentum) else 2
        known = isinstance(numbers, (Momentum, Relaxation))
        if not known or not algorithm.coefficients_are_the_rule or groups > most:
            return f"it does not know the rule of {algorithm!r}"
        if any(isinstance(number, Tensor) for number in numbers):
            return f"it takes numbers as hyperparameters, and {algorithm!r} has tensors"
        return None

    def goes_on(self, until: int) -> bool:
        """Whether later iterations have the numbers of the last one."""
        return goes_on(self.algorithm, self.steps, until)

    def answers_last(self, state: TritonState) -> bool:
        """Return what the algorithm says."""
        return self.algorithm.answers_last

    def select(self, items: Tensor) -> TritonEngine:
        """Go on with some items of the batch; that is another recording."""
        part = self.problem.select(items)
        return TritonEngine(part, self.algorithm, self.steps, self.recorder)


def interpreted() -> bool:
    """Tell whether triton interprets its kernels, on any device: slowly, for tests."""
    return os.environ.get("TRITON_INTERPRET") == "1"


@cache
def _has_triton() -> bool:
    return find_spec("triton") is not None


def _rest(number: int) -> int:
    """Return what is left of a number without the factors that are done in one kernel."""
    for factor in _FACTORS:
        while number % factor == 0:
            number //= factor
    return number
