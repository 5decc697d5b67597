"""From a user's spectrogram and keywords to a problem, a solver, and back to a waveform."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor

from ..checks import check_spectrogram, check_tensor, real_dtype
from ..constraints.read import Observation, read_observation
from ..doctor import warn_unless_magnitude
from ..engines import choose_engine
from ..errors import SpecInvError, check_keywords, warn
from ..mel import MelSpec
from ..metrics import Metric, resolve_metrics
from ..phase import check_generator, check_init, initial_spectrum
from ..solve.algorithm import ALGORITHMS, Algorithm, hyperparameters, make_algorithm
from ..solve.loop import Callback, Run
from ..solve.out_of_memory import in_parts
from ..solve.problem import SpectrogramProblem
from ..solve.result import Inversion
from ..solve.resume import check_inversion, check_resume, identify
from ..transform.geometry import STFT_KEYWORDS, STFTKeywords
from ..transform.ragged import ragged_stft
from ..transform.stft import STFT


def invert(
    spec: Tensor,
    algorithm: str | Algorithm = "auto",
    *,
    init: str | Tensor | None = None,
    max_iter: int = 200,
    tol: float = 1e-6,
    eva_iter: int = 10,
    metric: str | Metric | Sequence[str | Metric] = "sc",
    verbose: bool = True,
    length: int | None = None,
    lengths: Tensor | Sequence[int] | None = None,
    generator: torch.Generator | None = None,
    callback: Callback | None = None,
    backend: str = "auto",
    checkpoint: int | None = None,
    resume: Inversion | None = None,
    mel: MelSpec | Tensor | None = None,
    **keywords: Any,
) -> Inversion:
    r"""Find a waveform whose spectrogram is `spec`, and tell how it went.

    Solves :math:`\min_x \lVert\, |A x| - S \,\rVert` with :math:`A` the STFT that the keywords
    describe.

    Parameters
    ----------
    spec : Tensor
        Shape (..., bins, frames), any floating or complex dtype, any device. Real: the magnitude
        :math:`S \ge 0`. Complex: the magnitude together with the phase to start from.
    algorithm : str or Algorithm, default "auto"
        A registered name, or an algorithm with its hyperparameters.
    init : str or Tensor, optional
        The starting phase: "spsi", "pghi", "zero" or "random", a complex spectrum, or a real
        phase in radians of the shape of `spec`. Default: what suits the algorithm.
    max_iter : int, default 200
        Most iterations; one is an analysis and a synthesis.
    tol : float, default 1e-6
        An item stops once its squared error changes, from one evaluation to the next, by less
        than `tol` times its first value; 0 never stops early, and neither does an algorithm
        that plans its budget ahead, such as "auto".
    eva_iter : int, default 10
        Iterations between evaluations.
    metric : str, callable, or a sequence of them, default "sc"
        "sc", "snr", "ser", "lsd" (see :mod:`torch_specinv.metrics`), or a function of
        (magnitude, target) that returns one value an item.
    verbose : bool, default True
        Show a progress bar.
    length : int, optional
        Samples of the waveform. Default: the fewest that have as many frames as `spec`.
    lengths : Tensor or sequence of int, optional
        For a padded batch of different lengths: samples of each item's waveform. What lies
        behind an item's last frame is ignored, the wave is 0 behind its length, and each item
        comes out as it would alone.
    generator : torch.Generator, optional
        For "random" phases; the same seed gives the same result.
    callback : callable, optional
        Called with a :class:`torch_specinv.Report` at each evaluation; a true answer stops.
    backend : str, default "auto"
        The engine: "torch", differentiable and on any device; "chunked", faster, on a CPU and
        without gradients; "native", compiled and several times faster again, for float32 and
        rules that are numbers (:func:`torch_specinv.show_config` tells whether it is there);
        "graph", which records an iteration on a CUDA device and plays it back, for short clips.
        "auto" takes the fastest of the first three, or what the environment variable
        TORCH_SPECINV_BACKEND says. The result is the same.
    checkpoint : int, optional
        Keep only every so many iterations for the gradient and compute the others again in the
        backward pass: the same gradient in less memory.
    resume : Inversion, optional
        An earlier result for the same `spec` and settings, to which `max_iter` more iterations
        are added. The outcome is that of one longer run.
    mel : MelSpec or Tensor, optional
        If `spec` is a mel spectrogram (..., bands, frames), its conventions; then n_fft is needed.
        Or any bank (bands, bins) that is not negative, of which `spec` holds the sums of
        magnitudes. Magnitudes are refitted to the bands in every iteration.
    **keywords
        The hyperparameters of the algorithm, and the keywords of :func:`torch.stft` with its
        defaults: n_fft (needed only when odd), hop_length, win_length, window, center, pad_mode,
        normalized, onesided.

    Returns
    -------
    Inversion
        The wave (..., samples) in the dtype and on the device of `spec`, the history of the
        metrics, iterations and status of each item.

    Raises
    ------
    SpecInvError
        If an argument is not what it should be; before any work is done.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv import invert
    >>> wave = torch.randn(8000, generator=torch.manual_seed(0))
    >>> window = torch.hann_window(512)
    >>> magnitude = torch.stft(wave, 512, window=window, return_complex=True).abs()
    >>> result = invert(magnitude, max_iter=50, window=window, length=8000, verbose=False)
    >>> result.wave.shape
    torch.Size([8000])
    >>> result.evaluated
    (0, 10, 20, 30, 40, 50)
    >>> bool(result.history["sc"][-1] < result.history["sc"][0] - 5)
    True
    """
    stft_keywords = cast(
        STFTKeywords, {key: keywords.pop(key) for key in STFT_KEYWORDS & keywords.keys()}
    )
    _check_keywords(algorithm, keywords)
    chosen = make_algorithm(algorithm, keywords)
    run = Run(max_iter, tol, eva_iter, resolve_metrics(metric), verbose, callback, checkpoint)
    if chosen.planned:
        run = dataclasses.replace(run, tol=0)  # a plan is carried out to its end
    check_tensor(spec, "spec")
    gradient = _wants_gradient(spec, init, stft_keywords.get("window"), chosen)
    engine = choose_engine(backend, gradient=gradient)
    check_generator(generator)
    batch, dtype = spec.shape[:-2], spec.dtype
    if lengths is not None:
        observation, stft = _read_ragged(spec, mel, length, lengths, stft_keywords)
    elif mel is None:
        stft = STFT.of(spec, length=length, **stft_keywords)
        observation = read_observation(spec, None, None)
        if not spec.is_complex():
            warn_unless_magnitude(spec, stft.geometry.window)
    else:
        observation = read_observation(spec, mel, stft_keywords.get("n_fft"))
        stft = STFT.of(observation.spectrogram(), length=length, **stft_keywords)
    start = _read_start(spec if mel is None else observation.spectrogram(), init, chosen)
    flat = observation.values.reshape(-1, *observation.values.shape[-2:])
    problem = SpectrogramProblem.from_observation(
        flat, stft, observation.constraint, observation.power
    )
    solver = chosen.solver(problem, max_iter, engine)
    identity = {**identify(chosen, problem), "backend": type(solver).__name__, "mel": mel}
    if resume is not None:
        check_inversion(resume)
        if init is not None:
            raise SpecInvError("init is given, but resume goes on where the last run ended.")
        if solver.unfinished and resume.state and resume.state.steps >= solver.steps:
            raise SpecInvError("resume: an online method ends with the last frame.")
        if chosen.planned:
            raise SpecInvError(
                f"resume: {type(chosen).__name__} plans its whole budget ahead, so that nothing "
                "can be added. Run it again with a larger max_iter, or polish its result, passed "
                "as a complex spectrum, by griffin_lim or lbfgs."
            )
        check_resume(resume, identity)

    def present(wave: Tensor) -> Tensor:
        return to_dtype(wave, real_dtype(dtype)).reshape(*batch, -1)

    def attempt(items: Tensor | None) -> Inversion:
        part, its_solver, its_start, its_batch = problem, solver, start, batch
        if items is not None:
            part, its_batch = problem.select(items), items.shape
            its_solver = chosen.solver(part, max_iter, engine)
            its_start = start if isinstance(start, str) else start[items]

        def begin() -> Any:
            return its_solver.start(
                initial_spectrum(part.constraint.guess(), part.stft, its_start, generator)
            )

        return run.solve(its_solver, part, begin, present, its_batch, resume and resume.state)

    if gradient or callback is not None or resume is not None:
        result = attempt(None)
    else:
        result = in_parts(attempt, len(flat), spec.device, generator)
    return shape_result(result, present, batch, identity)


def _check_keywords(algorithm: str | Algorithm, keywords: dict[str, Any]) -> None:
    """Raise for a keyword that neither the algorithm, nor torch.stft, nor invert knows."""
    known = {*STFT_KEYWORDS, *(invert.__kwdefaults__ or {})}
    if isinstance(algorithm, str):
        known |= hyperparameters(ALGORITHMS.named(algorithm)).keys()
    for keyword in keywords.keys() - known:
        owners = [name for name, kind in ALGORITHMS.items() if keyword in hyperparameters(kind)]
        if owners:
            raise SpecInvError(
                f"{keyword!r} is a hyperparameter of {', '.join(owners)}, but the algorithm is "
                f"{algorithm!r}: choose another algorithm, or leave {keyword} out."
            )
    check_keywords(keywords, known)


def _read_ragged(
    spec: Tensor,
    mel: MelSpec | Tensor | None,
    length: int | None,
    lengths: Tensor | Sequence[int],
    keywords: STFTKeywords,
) -> tuple[Observation, STFT]:
    """Zero the padding of a batch and build its transform."""
    if length is not None:
        raise SpecInvError("length and lengths are both given: lengths alone says it all.")
    if spec.ndim < 3:
        raise SpecInvError(
            f"lengths needs a batch, but spec has shape {tuple(spec.shape)}: pass length instead."
        )
    if spec.numel() == 0:
        check_spectrogram(spec)
    flat = spec.reshape(-1, *spec.shape[-2:])
    numbers = lengths if isinstance(lengths, Tensor) else list(lengths)
    if mel is None:
        stft, flat = ragged_stft(flat, numbers, **keywords)
        return read_observation(flat, None, None), stft
    # what lies behind the items may be anything, so the bands are read when it is gone
    empty = read_observation(torch.zeros_like(flat), mel, keywords.get("n_fft"))
    stft, _ = ragged_stft(empty.spectrogram(), numbers, **keywords)
    flat = torch.where(stft.frame_mask.unsqueeze(1), flat, 0)
    observation = read_observation(flat, mel, keywords.get("n_fft"))
    return dataclasses.replace(
        observation, values=observation.values * stft.frame_mask.unsqueeze(1)
    ), stft


def _read_start(spec: Tensor, init: str | Tensor | None, algorithm: Algorithm) -> str | Tensor:
    """Return the starting phase, as a name or a tensor with one batch dimension."""
    name = type(algorithm).__name__
    if not algorithm.takes_start:
        if spec.is_complex() or init is not None:
            raise SpecInvError(
                f"{name} makes its own phase as it goes: pass a real magnitude, and no init."
            )
        return "zero"
    if init is None:
        if spec.is_complex():
            return spec.reshape(-1, *spec.shape[-2:])
        return algorithm.default_start
    check_init(init, spec)
    if spec.is_complex():
        raise SpecInvError(
            "init is given although spec is complex and so has a phase to start from: "
            f"pass spec.abs() to {name} with init, or spec alone."
        )
    return init if isinstance(init, str) else init.reshape(-1, *init.shape[-2:])


def _wants_gradient(spec: Tensor, *others: Any) -> bool:
    """Tell whether anything that the wave depends on requires a gradient."""
    return torch.is_grad_enabled() and any(map(_requires_gradient, (spec, *others)))


def _requires_gradient(value: Any) -> bool:
    """Look into algorithms, chains of them, and modules."""
    if isinstance(value, Tensor):
        return value.requires_grad
    if isinstance(value, torch.nn.Module):
        return any(parameter.requires_grad for parameter in value.parameters())
    if isinstance(value, (tuple, list)):
        return any(map(_requires_gradient, cast(Sequence[Any], value)))
    return isinstance(value, Algorithm) and any(map(_requires_gradient, vars(value).values()))


def shape_result(
    result: Inversion,
    present: Callable[[Tensor], Tensor],
    batch: torch.Size,
    identity: dict[str, Any],
) -> Inversion:
    """Give a result the batch dimensions and the dtype of the input."""
    state = result.state
    return dataclasses.replace(
        result,
        wave=present(result.wave),
        history={name: rows.reshape(len(rows), *batch) for name, rows in result.history.items()},
        iterations=result.iterations.reshape(batch),
        state=None if state is None else dataclasses.replace(state, problem=identity),
    )


def to_dtype(wave: Tensor, dtype: torch.dtype) -> Tensor:
    """Round to the dtype of the input, and warn of what it can't hold."""
    rounded = wave.to(dtype)
    if dtype == torch.float16 and not bool(torch.isfinite(rounded).all()):
        warn(
            f"the wave reaches {float(wave.detach().abs().max()):.3g}, more than float16 holds: "
            "pass spec.float(), or scale it.",
            RuntimeWarning,
        )
    return rounded
