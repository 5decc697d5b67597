"""Invert: read the request, pose the problem, choose the solver, run it, present the result."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..solve.algorithm import Algorithm
from ..solve.result import Inversion, RunState
from ..tensors import Numbers
from .request import Request
from .settings import DEFAULTS, method
from .several import SeveralRequest


@method(tuple(DEFAULTS), more="hyperparameters")
def invert(spec: Numbers, algorithm: str | Algorithm = "auto", **keywords: Any) -> Inversion:
    r"""Find a waveform whose spectrogram is `spec`, with its convergence history.

    Solves :math:`\min_x \lVert\, |A x| - S \,\rVert` with :math:`A` the STFT that the keywords
    describe.

    Parameters
    ----------
    spec : Tensor
        Shape (..., bins, frames), any floating or complex dtype, any device. Real: the magnitude
        :math:`S \ge 0`. Complex: the magnitude together with the phase to start from. With
        `transforms` a list of several.
    algorithm : str or Algorithm, default "auto"
        A registered name, or an algorithm with its hyperparameters.
    {keywords}
    **hyperparameters
        Those of the algorithm, if it is given by name.

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
    several = keywords.get("transforms") is not None
    request = (SeveralRequest if several else Request).read(spec, algorithm, keywords)

    def solve(items: Tensor | None, earlier: RunState | None) -> Inversion:
        part = request if items is None else request.select(items)
        problem = part.problem()
        solver = part.solver(problem)
        return part.run(problem, solver, earlier)

    return request.present(request.in_parts(solve))
