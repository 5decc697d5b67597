"""From any differentiable transform and what it gave, back to a waveform."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Generator, Sequence
from typing import Any, cast

import torch
from torch import Tensor

from ..algorithms.lbfgs import LBFGS
from ..checks import check_finite, check_generator, lift, real_dtype
from ..errors import SpecInvError, check_count, check_function
from ..metrics import Metric, resolve_metrics
from ..optimize.lbfgs import BatchedLBFGS
from ..optimize.torch_lbfgs import TorchLBFGS, check_options
from ..optimize.transform_checks import check_loss, check_transform
from ..optimize.transform_problem import (
    Loss,
    Transform,
    TransformObjective,
    TransformProblem,
)
from ..optimize.wave_shape import read_shape, starting_noise
from ..solve.callback import Callback
from ..solve.loop import Run
from ..solve.presentation import Presentation
from ..solve.result import Inversion, RunState
from ..solve.resume import check_same, read_state
from ..solve.solver import Solver
from ..tensors import Numbers, as_tensor
from ..transform.fingerprint import fingerprint
from ..transform.stft import STFT
from .gradients import wants_gradient
from .invert import invert
from .opaque import opaque

#: How many past moves our own solver keeps, as torch.optim.LBFGS does for 100.
HISTORY_SIZE = 10


@opaque
def invert_transform(
    spec: Numbers,
    transform_fn: Transform,
    samples: int | tuple[int, ...] | None = None,
    init_x0: Numbers | None = None,
    *,
    loss_fn: Loss | None = None,
    outer_max_iter: int = 1000,
    tol: float = 1e-6,
    eva_iter: int = 10,
    metric: str | Metric | Sequence[str | Metric] = "sc",
    verbose: bool = True,
    lengths: Numbers | None = None,
    generator: torch.Generator | None = None,
    callback: Callback | None = None,
    checkpoint: int | None = None,
    resume: Inversion | None = None,
    **options: Any,
) -> Inversion:
    """Find a waveform whose transform is `spec`, by L-BFGS, with its history.

    The parameters are those of :func:`torch_specinv.L_BFGS`, which returns the wave alone;
    `lengths` is for a :class:`torch_specinv.STFT` only, and `resume` is an earlier result for the
    same problem, to which `outer_max_iter` more iterations are added.

    Returns
    -------
    Inversion
        The wave in the shape that `transform_fn` takes, history, iterations and status.

    Raises
    ------
    SpecInvError
        If an argument is not what it should be; before any iteration.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv import invert_transform
    >>> _ = torch.manual_seed(0)
    >>> matrix = torch.randn(40, 20)
    >>> result = invert_transform(matrix @ torch.ones(20), lambda x: matrix @ x, 20, verbose=False)
    >>> torch.allclose(result.wave, torch.ones(20), atol=1e-3)
    True
    """
    spec = check_spec(spec)
    if init_x0 is not None:
        init_x0 = as_tensor(init_x0, "init_x0", spec.device)
        _check_start(init_x0, spec)
    check_options(options)
    check_generator(generator)
    check_count("outer_max_iter", outer_max_iter)
    if loss_fn is not None:
        check_function("loss_fn", loss_fn, "a function of (transform, spec)")
    run = Run(outer_max_iter, tol, eva_iter, resolve_metrics(metric), verbose, callback, checkpoint)
    if isinstance(transform_fn, STFT) and loss_fn is None and set(options) <= {"history_size"}:
        length = _check_stft(spec, transform_fn, samples, init_x0)
        return invert(
            spec,
            LBFGS(options.get("history_size", HISTORY_SIZE)),
            init=_stft_start(transform_fn, init_x0, resume),
            max_iter=outer_max_iter,
            tol=tol,
            eva_iter=eva_iter,
            metric=metric,
            verbose=verbose,
            length=None if lengths is not None else length,
            lengths=lengths,
            generator=generator,
            callback=callback,
            checkpoint=checkpoint,
            resume=resume,
            **transform_fn.geometry.keywords(),
        )
    if lengths is not None:
        raise SpecInvError(
            "lengths: an arbitrary transform can't be told where an item ends. L_BFGS solves "
            "items of each length together; or pass a torch_specinv.STFT as transform_fn."
        )
    with _ordinary_tensors(spec, init_x0) as (spec, init_x0):
        lifted = lift(spec)
        shape = _read_shape(samples, init_x0, lifted, transform_fn)
        problem = TransformProblem.of(transform_fn, loss_fn, shape, lifted)
        objective = _objective(problem, spec, init_x0, generator)
        solver = _choose_solver(objective, outer_max_iter, options)
        show = Presentation(torch.Size(problem.batch), real_dtype(spec.dtype), shape)
        result = _solve(run, solver, objective, show, resume)
    return show.result(result)


def _check_stft(spec: Tensor, stft: STFT, samples: Any, init_x0: Tensor | None) -> int:
    """Return the length of the waveform of an STFT, after checking what was said about it."""
    g = stft.geometry
    shape = (*spec.shape[:-2], g.length)
    if spec.is_complex():
        raise SpecInvError("spec is complex, but an STFT as transform_fn gives magnitudes.")
    if samples is not None and read_shape(samples, spec, stft) not in (shape, (g.length,)):
        raise SpecInvError(f"samples={samples!r}, but the STFT is one of waveforms {shape}.")
    if init_x0 is not None and tuple(init_x0.shape) != shape:
        raise SpecInvError(
            f"init_x0 has shape {tuple(init_x0.shape)}, but the STFT is one of waveforms {shape}."
        )
    return g.length


def _stft_start(
    stft: STFT, init_x0: Tensor | None, resume: Inversion | None
) -> str | Tensor | None:
    """Return the phase that :func:`invert` is to start from."""
    if init_x0 is not None:
        spectrum = stft.analyse(init_x0)
        check_finite(spectrum, "the STFT of init_x0")
        return spectrum
    return "random" if resume is None else None


@contextlib.contextmanager
def _ordinary_tensors(
    spec: Tensor, init_x0: Tensor | None
) -> Generator[tuple[Tensor, Tensor | None]]:
    """Leave the inference mode: gradients of the waveform are the method, and need others."""
    if not torch.is_inference_mode_enabled():
        yield spec, init_x0
        return
    with torch.inference_mode(False), torch.no_grad():
        yield spec.clone(), None if init_x0 is None else init_x0.clone()


def _objective(
    problem: TransformProblem,
    spec: Tensor,
    init_x0: Tensor | None,
    generator: torch.Generator | None,
) -> TransformObjective:
    """Return what is to be minimised, after trying the transform on the first waves."""
    if init_x0 is None:
        initial = starting_noise(problem, generator)
    else:
        initial = init_x0.to(problem.everyone.dtype).reshape(problem.everyone.shape)
    trainable = check_transform(problem, initial, tuple(spec.shape), complex_=spec.is_complex())
    wanted = trainable or spec.requires_grad or initial.requires_grad
    problem = dataclasses.replace(problem, everyone=initial.detach())
    check_loss(problem, initial)
    return TransformObjective(problem, initial, torch.is_grad_enabled() and wanted)


def _solve(
    run: Run,
    solver: Solver[Any],
    objective: TransformObjective,
    show: Presentation,
    resume: Inversion | None,
) -> Inversion:
    """Start, or go on where an earlier run for the same problem ended."""
    problem = objective.problem
    identity = fingerprint(None, spec=problem.observation, solver=type(solver).__name__)
    earlier = None if resume is None else read_state(resume)
    if earlier is not None:
        check_same(earlier, identity)
    result = run.solve(solver, problem, lambda: solver.start(objective.initial), show, earlier)
    state = dataclasses.replace(cast(RunState, result.state), problem=identity)
    return dataclasses.replace(result, state=state)


def _choose_solver(
    objective: TransformObjective, steps: int, options: dict[str, Any]
) -> Solver[Any]:
    """Return our own solver, or torch's where its own settings are asked for."""
    if set(options) <= {"history_size"}:
        history_size = check_count("history_size", options.get("history_size", HISTORY_SIZE))
        return BatchedLBFGS(objective, steps, history_size)
    names = ", ".join(sorted(options))
    if objective.higher or wants_gradient(objective.problem.observation, objective.initial):
        raise SpecInvError(
            f"{names}: torch.optim.LBFGS gives no gradient of its result, but spec, "
            "transform_fn or torch.func asks for one. Leave these keywords out, or use "
            "torch.no_grad()."
        )
    if math.prod(objective.problem.batch) > 1:
        # torch's optimiser would share one step and one curvature among the items of a batch
        objective = dataclasses.replace(objective, problem=objective.problem.taken_apart())
    return TorchLBFGS(objective, steps, options)


def check_spec(spec: Numbers) -> Tensor:
    """Return `spec` if it is finite and there is something in it; its sign is free."""
    spec = as_tensor(spec, "spec")
    if spec.numel() == 0 or spec.ndim == 0:
        raise SpecInvError(f"spec has shape {tuple(spec.shape)}, which holds no values to match.")
    check_finite(spec, "spec")
    return spec


def _check_start(init_x0: Tensor, spec: Tensor) -> None:
    """Raise unless `init_x0` is a finite, real waveform on the device of `spec`."""
    if init_x0.is_complex() or init_x0.ndim == 0 or init_x0.numel() == 0:
        raise SpecInvError(
            f"init_x0 has shape {tuple(init_x0.shape)} and dtype {init_x0.dtype}: expected a real "
            "waveform."
        )
    if init_x0.device != spec.device:
        raise SpecInvError(
            f"init_x0 is on {init_x0.device}, spec on {spec.device}: use init_x0.to(spec.device)."
        )
    check_finite(init_x0, "init_x0")


def _read_shape(
    samples: Any, init_x0: Tensor | None, spec: Tensor, transform_fn: Transform
) -> tuple[int, ...]:
    """Return the waveform's shape from `samples` or `init_x0`, which must agree."""
    if init_x0 is None:
        return read_shape(samples, spec, transform_fn)
    shape = tuple(init_x0.shape)
    if samples is not None and read_shape(samples, spec, transform_fn) != shape:
        raise SpecInvError(
            f"init_x0 has shape {shape}, but samples={samples!r}: leave out samples, or make them "
            "agree."
        )
    return shape
