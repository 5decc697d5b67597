"""From a user's spectrogram and keywords to a problem, a solver, and back to a waveform."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor

from .checks import compute_dtype, real_dtype
from .errors import SpecInvError, check_keywords
from .geometry import STFT_KEYWORDS, STFTKeywords
from .metrics import Metric, resolve_metrics
from .phase import check_init, initial_spectrum
from .solve.algorithm import ALGORITHMS, Algorithm, hyperparameters, make_algorithm
from .solve.engines import ENGINES
from .solve.loop import Callback, Run
from .solve.problem import Problem
from .solve.result import Inversion
from .stft import STFT


def invert(
    spec: Tensor,
    algorithm: str | Algorithm = "griffin_lim",
    *,
    init: str | Tensor | None = None,
    max_iter: int = 200,
    tol: float = 1e-6,
    eva_iter: int = 10,
    metric: str | Metric | Sequence[str | Metric] = "sc",
    verbose: bool = True,
    length: int | None = None,
    generator: torch.Generator | None = None,
    callback: Callback | None = None,
    backend: str = "auto",
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
    algorithm : str or Algorithm, default "griffin_lim"
        A registered name, or an algorithm with its hyperparameters.
    init : str or Tensor, optional
        The starting phase: "spsi" (default), "zero", "random", a complex spectrum, or a real
        phase in radians of the shape of `spec`.
    max_iter : int, default 200
        Most iterations; one is an analysis and a synthesis.
    tol : float, default 1e-6
        An item stops once its squared error changes, from one evaluation to the next, by less
        than `tol` times its first value; 0 never stops early.
    eva_iter : int, default 10
        Iterations between evaluations.
    metric : str, callable, or a sequence of them, default "sc"
        "sc", "snr", "ser" (see :mod:`torch_specinv.metrics`), or a function of
        (magnitude, target) that returns one value an item.
    verbose : bool, default True
        Show a progress bar.
    length : int, optional
        Samples of the waveform. Default: the fewest that have as many frames as `spec`.
    generator : torch.Generator, optional
        For "random" phases; the same seed gives the same result.
    callback : callable, optional
        Called with a :class:`torch_specinv.Report` at each evaluation; a true answer stops.
    backend : str, default "auto"
        The engine: "auto" or "torch". The result does not depend on it.
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
    name = algorithm if isinstance(algorithm, str) else type(algorithm).__name__
    stft_keywords = {key: keywords.pop(key) for key in STFT_KEYWORDS & keywords.keys()}
    _check_keywords(algorithm, keywords)
    chosen = make_algorithm(algorithm, keywords)
    run = Run(max_iter, tol, eva_iter, resolve_metrics(metric), verbose, callback)
    engine = ENGINES.named("torch" if backend == "auto" else backend)
    stft = STFT.of(spec, length=length, **cast(STFTKeywords, stft_keywords))
    if init is not None:
        check_init(init, spec)
        if spec.is_complex():
            raise SpecInvError(
                "init is given although spec is complex and so has a phase to start from: "
                f"pass spec.abs() to {name} with init, or spec alone."
            )
    magnitude, start = _split(spec, "spsi" if init is None else init)
    problem = Problem.from_magnitude(magnitude, stft)
    spectrum = initial_spectrum(problem.target, stft, start, generator)
    solver = engine(problem, chosen, max_iter)
    batch = spec.shape[:-2]
    return _shaped(run.solve(solver, solver.start(spectrum), problem, batch), batch, spec.dtype)


def _check_keywords(algorithm: str | Algorithm, keywords: dict[str, Any]) -> None:
    """Raise for a keyword that neither the algorithm, nor torch.stft, nor invert knows."""
    known = {*STFT_KEYWORDS, *(invert.__kwdefaults__ or {})}
    if isinstance(algorithm, str):
        known |= hyperparameters(ALGORITHMS.named(algorithm)).keys()
    check_keywords(keywords, known)


def _split(spec: Tensor, init: str | Tensor) -> tuple[Tensor, str | Tensor]:
    """Separate magnitude and starting phase, with one batch dimension."""
    flat = spec.reshape(-1, *spec.shape[-2:])
    if spec.is_complex():
        flat = flat.to(compute_dtype(spec.dtype).to_complex())
        return flat.abs(), flat
    return flat, init if isinstance(init, str) else init.reshape(flat.shape)


def _shaped(result: Inversion, batch: torch.Size, dtype: torch.dtype) -> Inversion:
    """Give a result the batch dimensions and the dtype of the input."""
    return dataclasses.replace(
        result,
        wave=result.wave.to(real_dtype(dtype)).reshape(*batch, -1),
        history={name: rows.reshape(len(rows), *batch) for name, rows in result.history.items()},
        iterations=result.iterations.reshape(batch),
    )
