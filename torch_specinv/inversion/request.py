"""What a user asks for, read and checked: every complaint about an argument comes from here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor

from ..checks import check_generator, check_not_hidden, check_spectrogram, compute_dtype, real_dtype
from ..constraints import (
    Constraint,
    ConstraintMaker,
    Magnitude,
    MakeConstraint,
    MelBands,
    read_constraint,
)
from ..engines import EngineChoice, choose_engine
from ..errors import SpecInvError
from ..mel import Preset
from ..metrics import resolve_metrics
from ..phase import Start, check_init
from ..solve.algorithm import Algorithm, make_algorithm
from ..solve.checked import solver_of
from ..solve.loop import Run
from ..solve.out_of_memory import Attempt, in_parts
from ..solve.presentation import Presentation
from ..solve.problem import SpectrogramProblem
from ..solve.result import Inversion, RunState
from ..solve.resume import check_resume, check_same, identify
from ..solve.solver import Solver
from ..tensors import Numbers, as_tensor
from ..transform.geometry import Geometry, STFTKeywords
from ..transform.kept import kept_stft
from ..transform.named_windows import named_window, read_window
from ..transform.ragged import ragged_stft
from ..transform.stft import STFT
from .beforehand import peak_at_least, warn_unless_plausible
from .constrained import constrained_problem
from .follow_preset import follow_preset
from .forms import with_tensors
from .gradients import wants_gradient
from .names import check_names
from .settings import DEFAULTS, Settings, split_stft


@dataclass(frozen=True, eq=False)
class Request:
    """A spectrogram, an algorithm and settings whose names and numbers are what they should be."""

    spec: Tensor
    algorithm: Algorithm
    settings: Settings
    stft: STFTKeywords
    loop: Run
    engine: EngineChoice
    gradient: bool
    """Whether a derivative may be taken of the wave, or the values are mapped over."""
    dtype: torch.dtype
    """Of the waves that are returned."""
    preset: Preset | None = None
    """The recipe that was given, of which the spectrogram and the settings hold most already."""
    items: Tensor | None = None
    """Which items of a larger batch these are."""

    @classmethod
    def read(cls, spec: Numbers, algorithm: str | Algorithm, keywords: dict[str, Any]) -> Request:
        """Check names and numbers; nothing is computed."""
        keywords = dict(keywords)
        stft = split_stft(keywords)
        check_names(algorithm, keywords, (*DEFAULTS, "algorithm"))
        chosen = make_algorithm(algorithm, keywords)
        s = Settings(**keywords)
        run = Run(
            s.max_iter, s.tol, s.eva_iter, resolve_metrics(s.metric), s.verbose, s.callback,
            s.checkpoint,
        )  # fmt: skip
        if chosen.planned:
            run = replace(run, tol=0)  # a plan is carried out to its end
        spec = as_tensor(spec, "spec")
        s = with_tensors(s, spec.device)
        gradient = wants_gradient(spec, s.init, stft.get("window"), s.constraint, s.mel, chosen)
        engine = choose_engine(s.backend, gradient=gradient)
        check_generator(s.generator)
        if s.resume is not None:
            check_resume(s.resume, chosen, s.init)
        if s.constraint is not None and s.mel is not None:
            raise SpecInvError("constraint and mel are both given: mel is a constraint as well.")
        preset, dtype = None, real_dtype(spec.dtype)
        if s.preset is not None:
            preset, spec, s, stft = follow_preset(s.preset, spec, s, stft)
        return cls(spec, chosen, s, stft, run, engine, gradient, dtype, preset)

    def problem(self) -> SpectrogramProblem:
        """Pose the problem: a transform that fits, and what its spectrum has to satisfy."""
        s, make = self.settings, self._make_constraint()
        if isinstance(make, ConstraintMaker):
            whole = self.items is None
            return constrained_problem(make, self.spec, s, self.stft, whole=whole)
        if s.lengths is not None:
            return SpectrogramProblem.of(*self._read_ragged(make, s.lengths))
        if make is Magnitude:
            stft = kept_stft(self.spec, length=s.length, **self.stft)
            constraint = read_constraint(self._flat(self.spec), make)
            return SpectrogramProblem.of(constraint, stft, shared=self._shares(constraint.target))
        constraint = read_constraint(self._flat(self.spec), make, self.items)
        shape = self._spectrogram(constraint)
        stft = kept_stft(shape, length=s.length, only_shape=True, **self.stft)
        return SpectrogramProblem.of(constraint, stft)

    def _shares(self, target: Tensor) -> bool:
        """Tell whether a target lies in the memory of the spectrogram, which nobody writes to."""
        if self.gradient or self.settings.callback is not None or target.device.type != "cpu":
            return False
        return target.untyped_storage().data_ptr() == self.spec.untyped_storage().data_ptr()

    def solver(self, problem: SpectrogramProblem) -> Solver[Any]:
        """Let the algorithm, and the engine that it is carried out by, make what the loop runs."""
        # a function that makes a constraint may have brought more
        gradient = self.gradient or wants_gradient(problem.given)
        engine = replace(self.engine, gradient=gradient)
        return solver_of(self.algorithm, problem, self.settings.max_iter, engine)

    def run(
        self, problem: SpectrogramProblem, solver: Solver[Any], earlier: RunState | None
    ) -> Inversion:
        """Iterate from the start, or from where an earlier run ended."""
        start = self.check(problem)
        backend, mel = type(solver).__name__, self.settings.mel
        identity = identify(self.algorithm, problem, backend=backend, mel=mel)
        if earlier is not None:
            check_not_hidden(
                "resume goes on for the same spec", "resume outside of it", problem.like
            )
            if solver.unfinished and earlier.steps >= solver.steps:
                raise SpecInvError("resume: an online method ends with the last frame.")
            check_same(earlier, identity)

        def first() -> Any:
            return self._first_state(problem, solver, start)

        result = self.loop.solve(solver, problem, first, self._presentation(), earlier)
        state = replace(cast(RunState, result.state), problem=identity)
        return replace(result, state=state, geometry=problem.stft.geometry)

    def _first_state(
        self, problem: SpectrogramProblem, solver: Solver[Any], start: str | Tensor | None
    ) -> Any:
        """Return the state before the first step; without a start the solver chooses one."""
        if start is None:
            return solver.start(None)
        generator = self.settings.generator
        return Start.of(problem, start, generator).state(solver)

    def check(self, problem: SpectrogramProblem) -> str | Tensor | None:
        """Warn of what is probably a mistake, and return the starting phase."""
        self.warn_unless_plausible(problem.stft.geometry, problem.stft.frame_mask)
        return self._read_start(problem)

    def warn_unless_plausible(self, geometry: Geometry, frame_mask: Tensor | None = None) -> None:
        """Warn if what is given is plainly something else than what it is said to be."""
        warn_unless_plausible(self.spec, self.settings, self.preset, geometry, frame_mask)

    def peak_at_least(self, problem: SpectrogramProblem) -> float:
        """Return a peak that every waveform with this spectrogram reaches; 0 if none is known."""
        return peak_at_least(self.spec, self.settings, self.preset, problem.stft)

    def present_length(self, length: int) -> int:
        """Return how many samples of waves of so many are returned."""
        return length - 2 * (self.preset.padding if self.preset else 0)

    def present(self, result: Inversion) -> Inversion:
        """Return the result in the shape and the dtype of the input."""
        sr = None if self.preset is None else self.preset.sr
        return replace(self._presentation().result(result), sr=sr)

    def _window(self, n_fft: int) -> Tensor | None:
        """Return the window of the STFT as a tensor, also where it is said by name."""
        window = read_window(self.stft.get("window"))
        if window is None or isinstance(window, Tensor):
            return window
        length = self.stft.get("win_length") or n_fft
        return named_window(window, length, compute_dtype(self.spec.dtype), self.spec.device)

    def _presentation(self) -> Presentation:
        batch, preset = self.spec.shape[: -self._dims], self.preset
        if preset is None:
            return Presentation(batch, self.dtype, (*self.spec.shape[:-2], -1))
        n_fft, lengths = self.stft.get("n_fft"), self.settings.lengths
        if n_fft is None:  # of a linear spectrogram
            n_fft = max(2 * (self.spec.shape[-2] - 1), 1)
        if lengths is not None:
            lengths = torch.as_tensor(lengths, device="cpu").flatten() - 2 * preset.padding

        # a phase tells the ends too
        window = None if self.spec.is_complex() else self._window(n_fft)

        def finish(wave: Tensor) -> Tensor:
            return preset.finish(wave, n_fft, lengths, window)

        return Presentation(batch, self.dtype, (*batch, -1), finish)

    def in_parts(self, attempt: Attempt) -> Inversion:
        """Let `attempt` solve all items or, where memory does not hold them, some at a time.

        A batch stays whole where a callback sees it, or a gradient flows through it.
        """
        s = self.settings
        earlier = None if s.resume is None else s.resume.state
        whole = self.gradient or s.callback is not None
        if earlier is not None and earlier.parts and whole:
            raise SpecInvError(
                "resume: this batch did not fit in memory and was solved in parts, so it can go on "
                "neither with a callback nor with a gradient."
            )
        if whole or (earlier is not None and not earlier.parts):
            return attempt(None, earlier)
        count = max(
            1, self.spec.shape[: -self._dims].numel()
        )  # an empty batch is refused when it is read
        parts = () if earlier is None else earlier.parts
        return in_parts(attempt, count, self.spec.device, s.generator, parts)

    def of(self, spec: Tensor, **settings: Any) -> Request:
        """Return the same request for another spectrogram, with some other settings."""
        return replace(self, spec=spec, settings=replace(self.settings, **settings))

    def select(self, items: Tensor) -> Request:
        """Return the request for some items of the batch, which then has one dimension."""
        s = self.settings
        lengths = (
            None
            if s.lengths is None
            else torch.as_tensor(s.lengths, device="cpu").flatten()[items.cpu()]
        )
        init = self._flat(s.init)[items] if isinstance(s.init, Tensor) else s.init
        constraint = s.constraint
        if isinstance(constraint, ConstraintMaker):
            constraint = constraint.select(items)
        flat = self._flat(self.spec)[items]
        part = self.of(flat, lengths=lengths, init=init, constraint=constraint)
        return replace(part, items=items)

    def _make_constraint(self) -> MakeConstraint:
        """Return what makes the constraint of the spectrogram."""
        s = self.settings
        if s.mel is not None:
            if self.spec.is_complex() or self.spec.ndim < 2 or self.spec.numel() == 0:
                raise SpecInvError(
                    f"spec has shape {tuple(self.spec.shape)} and dtype {self.spec.dtype}: with "
                    "mel= it is real, (..., bands, frames)."
                )
            usual = self.preset is not None and self.preset.n_mels is not None
            n_fft = self.stft.get("n_fft")
            return MelBands(s.mel, n_fft, self._window(n_fft) if n_fft else None, usual)
        if s.constraint is None:
            return Magnitude
        if self.spec.ndim < 2 or self.spec.numel() == 0:
            check_spectrogram(self.spec)
        return s.constraint

    def _read_ragged(self, make: MakeConstraint, lengths: Numbers) -> tuple[Constraint, STFT]:
        """Zero the padding of a batch and build its transform."""
        if self.settings.length is not None:
            raise SpecInvError("length and lengths are both given: pass lengths alone.")
        if self.spec.ndim < 3:
            raise SpecInvError(
                f"lengths needs a batch, but spec has shape {tuple(self.spec.shape)}: pass length "
                "instead."
            )
        if self.spec.numel() == 0:
            check_spectrogram(self.spec)
        flat = self._flat(self.spec)
        whole = self.items is None
        if make is Magnitude:
            stft, flat = ragged_stft(flat, lengths, whole=whole, **self.stft)
            return read_constraint(flat, make), stft
        # what lies behind the items may be anything, so the rows are read when it is gone
        empty = read_constraint(torch.zeros_like(flat), make, self.items)
        stft, _ = ragged_stft(self._spectrogram(empty), lengths, whole=whole, **self.stft)
        mask = stft.frame_mask.unsqueeze(1)
        constraint = read_constraint(torch.where(mask, flat, 0), make, self.items)
        return constraint.map_tensors(lambda x: torch.where(mask, x, x.new_zeros(()))), stft

    def _spectrogram(self, constraint: Constraint) -> Tensor:
        """Return something shaped as the spectrogram, to read a geometry from."""
        shape = (*constraint.target.shape[:-2], constraint.bins, constraint.target.shape[-1])
        return constraint.target.detach().new_zeros(()).expand(shape)

    def _read_start(self, problem: SpectrogramProblem) -> str | Tensor | None:
        """Return the starting phase, as a name or a tensor with one batch dimension.

        None leaves the choice to the solver.
        """
        spec, init, name = self.spec, self.settings.init, type(self.algorithm).__name__
        if not self.algorithm.takes_start:
            if spec.is_complex() or init is not None:
                raise SpecInvError(
                    f"{name} makes its own phase as it goes: pass a real magnitude, and no init."
                )
            return "zero"
        if init is None:
            if spec.is_complex():
                return self._within(problem, self._flat(spec))
            own = problem.given.own_start()
            if own is not None:
                return own
            return None if self.algorithm.chooses_start else self.algorithm.default_start
        g = problem.stft.geometry
        check_init(init, torch.Size((*spec.shape[:-2], g.bins, g.frames)), spec.device)
        if spec.is_complex():
            raise SpecInvError(
                "init is given although spec is complex and so has a phase to start from: "
                f"pass spec.abs() to {name} with init, or spec alone."
            )
        return init if isinstance(init, str) else self._flat(init)

    def _within(self, problem: SpectrogramProblem, flat: Tensor) -> Tensor:
        """Return a spectrum that is 0 behind the ends of items, where it may be anything."""
        mask = problem.stft.frame_mask
        if mask is None:
            return flat
        return torch.where(mask.view(*flat.shape[:-2], 1, -1), flat, flat.new_zeros(()))

    @property
    def _dims(self) -> int:
        """How many of the last dimensions of the spectrogram are an item."""
        make = self.settings.constraint
        return make.dims if isinstance(make, ConstraintMaker) else 2

    def _flat(self, tensor: Tensor) -> Tensor:
        dims = min(self._dims, tensor.ndim)
        return tensor.reshape(-1, *tensor.shape[-dims:])
