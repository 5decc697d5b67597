"""Inversions as graphs: for torch.export, ONNX and torch.jit.trace, and one piece of torch.compile.

A graph can't look at its data. So it makes a fixed number of iterations, of one of the pointwise
rules, from a phase that is zero, random, or given; and it returns the last waveform, whatever its
error. What it computes is what :func:`torch_specinv.invert` computes: the same rules, carried out
by the same engine, on spectra as pairs of real numbers.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn

from .constraints import MelBands, Pairs, PhaseKeeping
from .engines import TorchEngine
from .errors import SpecInvError
from .inversion.request import Request
from .inversion.settings import DEFAULTS
from .mel import MelSpec, Preset
from .phase.random import draw_seed, random_phase
from .solve import ALGORITHMS, Algorithm, PointwiseAlgorithm, SpectrogramProblem
from .tensors import Numbers
from .transform.real_stft import RealSTFT, fourier_rows
from .transform.stft import STFT

__all__ = ["Traceable", "traceable"]

_A = TypeVar("_A", bound=Algorithm)


def traceable(
    spec: Numbers,
    algorithm: str | Algorithm = "griffin_lim",
    max_iter: int = 32,
    *,
    init: str = "zero",
    generator: torch.Generator | None = None,
    mel: MelSpec | Numbers | None = None,
    preset: str | Preset | None = None,
    **keywords: Any,
) -> Traceable:
    """Return a module that inverts spectrograms like `spec` in a graph without branches.

    The call is that of :func:`torch_specinv.invert`. The module takes spectrograms of any batch
    and number of frames, in place of `spec`, which only tells the rows and the dtype.

    Parameters
    ----------
    spec : Tensor
        An example, shape (..., bins, frames), or (..., bands, frames) with `mel` or a mel preset;
        real, float32 or float64.
    algorithm : str or Algorithm, default "griffin_lim"
        A pointwise rule: "griffin_lim", "agla", "admm", "raar", "difference_map" or "amdr", or one
        of yours. Hyperparameters that are tensors become numbers.
    max_iter : int, default 32
        Iterations, all of which are made. The graph has as many copies of the rule.
    init : str, default "zero"
        The starting phase where none is given with a spectrogram: "zero" or "random". The random
        phases are drawn here once, and are those of :func:`torch_specinv.invert`.
    generator : torch.Generator, optional
        For the random phases.
    mel : MelSpec or Tensor, optional
        What the bands are, see :func:`torch_specinv.invert`.
    preset : str or Preset, optional
        The recipe that made `spec`, which is undone in the graph.
    **keywords
        Those of the STFT, and the hyperparameters of the algorithm.

    Returns
    -------
    Traceable
        The module. Its waveforms have the fewest samples with as many frames as they were given.

    Raises
    ------
    SpecInvError
        If an argument is not what it should be, or there is no fixed graph of what is asked for.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.export import traceable
    >>> spec = torch.rand(33, 40, generator=torch.manual_seed(0))
    >>> inverter = traceable(spec, "raar", 8, window="hann")
    >>> inverter(spec).shape
    torch.Size([624])
    >>> program = torch.export.export(inverter, (spec[None],), strict=False)
    >>> torch.allclose(program.module()(spec[None])[0], inverter(spec))
    True
    """
    foreign = sorted(keywords.keys() & DEFAULTS.keys())
    if foreign:
        raise SpecInvError(
            f"{foreign[0]}={keywords[foreign[0]]!r}: a graph makes max_iter iterations from a "
            "phase that is zero, random or given, and returns the last waveform. Leave out "
            f"{foreign[0]}."
        )
    if init not in ("zero", "random"):
        raise SpecInvError(
            f"init={init!r}: a graph starts from 'zero' or 'random', or from the phase that is "
            "given with each spectrogram: module(spec, phase)."
        )
    asked = {"max_iter": max_iter, "mel": mel, "preset": preset, "generator": generator}
    request = Request.read(spec, algorithm, {**asked, **keywords})
    if request.spec.is_complex():
        raise SpecInvError("spec is complex: pass its magnitude, and its phase to the module.")
    rule = _with_numbers(request.algorithm)
    if not isinstance(rule, PointwiseAlgorithm):
        known = [name for name, kind in ALGORITHMS.items() if issubclass(kind, PointwiseAlgorithm)]
        raise SpecInvError(
            f"algorithm={algorithm!r} looks at its data, so that there is no fixed graph of it: "
            f"expected one of {', '.join(known)}."
        )
    seed = draw_seed(generator) if init == "random" else None
    return Traceable(request, rule, request.settings.max_iter, seed)


class Traceable(nn.Module):
    """What :func:`traceable` returns: an inverter with a fixed graph.

    It runs, and has gradients, like any module, and compiles with ``fullgraph=True``.
    """

    rows: Tensor
    window: Tensor
    used: Tensor | None

    def __init__(
        self, request: Request, rule: PointwiseAlgorithm, steps: int, seed: int | None
    ) -> None:
        super().__init__()
        problem = request.problem()
        constraint, geometry = problem.constraint, problem.stft.geometry
        assert isinstance(constraint, PhaseKeeping) and is_dataclass(constraint)
        self.rule, self.steps, self.seed = rule, steps, seed
        self.preset, self.mel = request.preset, request.settings.mel
        self.geometry = geometry
        self.edges = problem.stft.poorly_covered is not None
        self.register_buffer("rows", fourier_rows(geometry))
        self.register_buffer("window", geometry.window.detach())
        self.kind, self.numbers, self.constants = type(constraint), {}, []
        for field in fields(constraint):
            value = getattr(constraint, field.name)
            if field.name in constraint.tensors:
                continue
            if isinstance(value, Tensor):
                self.register_buffer(field.name, value.detach())
                self.constants.append(field.name)
            else:
                self.numbers[field.name] = value
        used = None
        if self.mel is not None:
            bank, _ = MelBands(self.mel, geometry.n_fft).bank(request.spec.shape[-2])
            kept = (bank.sum(1) > 0).nonzero().flatten().to(geometry.window.device)
            used = kept if len(kept) < len(bank) else None
        self.register_buffer("used", used)

    @property
    def least_frames(self) -> int:
        """The fewest frames that there must be; more than 1, so that a trace holds for more."""
        g = self.geometry
        if g.padding == 0 or g.pad_mode in ("constant", "replicate"):
            return 2
        least = g.padding + (g.pad_mode == "reflect") + 2 * g.padding - g.span
        return max(2, 1 - (-least // g.hop_length))

    def dynamic_shapes(self, *, phase: bool = False) -> dict[str, Any]:
        """Return what ``dynamic_shapes=`` of torch.export and torch.onnx.export takes.

        It is for an example of shape (2, rows, frames), and for a `phase` if there is one. Batch
        and frames are then any numbers, from 1 and from :attr:`least_frames` on. The example has
        at least two items, as torch takes a batch of one for a constant.
        """
        frames = torch.export.Dim("frames", min=self.least_frames)
        dims = {0: torch.export.Dim("batch"), 2: frames}
        return {"spec": dims, "phase": dims} if phase else {"spec": dims}

    def forward(self, spec: Tensor, phase: Tensor | None = None) -> Tensor:
        """Return waveforms (..., samples).

        Parameters
        ----------
        spec : Tensor
            Shape (..., rows, frames), as the example was.
        phase : Tensor, optional
            Where to start from, in radians, shape (..., bins, frames).
        """
        *batch, rows, frames = spec.shape
        flat = spec.to(self.rows.dtype).reshape(-1, rows, frames)
        make: Any = self.kind
        constants = {name: getattr(self, name) for name in self.constants}
        constraint = make(target=self._target(flat), **constants, **self.numbers)
        largest = constraint.target.amax((-2, -1), keepdim=True)
        degree = constraint.degree
        scale = _power_of_two(largest if degree == 1 else largest ** (1 / degree))
        geometry = replace(self.geometry, window=self.window)
        stft = RealSTFT.of(geometry, self.rows, frames, edges=self.edges)
        pairs = Pairs(constraint.scaled(scale))
        # of the transform, an engine uses what both kinds have
        problem = SpectrogramProblem(cast(STFT, stft), pairs, scale)
        engine = TorchEngine(problem, self.rule, self.steps)
        start = pairs.of_phase(self._phase(phase, flat), geometry.n_fft)
        wave = engine.wave(engine.advance(engine.start(start), self.steps)) * scale[..., 0]
        if self.preset is not None:
            wave = self.preset.finish(wave, geometry.n_fft, None, geometry.unpadded_window)
        return wave.to(spec.dtype).reshape(*batch, -1)

    def _target(self, flat: Tensor) -> Tensor:
        """Return what the rows are once what was done to their values is undone."""
        if isinstance(self.mel, MelSpec):
            flat = self.mel.restore(flat)
        elif self.mel is None and self.preset is not None:
            flat = self.preset.magnitude(flat)
        return flat if self.used is None else flat[:, self.used]

    def _phase(self, phase: Tensor | None, flat: Tensor) -> Tensor | None:
        if phase is not None:
            return phase.to(flat.dtype).reshape(-1, *phase.shape[-2:])
        if self.seed is None:
            return None
        frames = torch.arange(flat.shape[-1], device=flat.device)
        return random_phase(self.seed, self.geometry.bins, frames).to(flat.dtype)


def _with_numbers(algorithm: _A) -> _A:
    """Return an algorithm whose hyperparameters are numbers."""
    if not is_dataclass(algorithm):
        return algorithm
    given = {field.name: getattr(algorithm, field.name) for field in fields(algorithm)}
    found = {name: float(x.detach()) for name, x in given.items() if isinstance(x, Tensor)}
    return replace(algorithm, **found)


def _power_of_two(x: Tensor) -> Tensor:
    """Return a power of two near x, or 1 where x is 0."""
    exponent = x.detach().clamp_min(torch.finfo(x.dtype).tiny).log2().floor()
    # exp2 is not in every graph format
    return torch.where(x > 0, torch.full_like(exponent, 2) ** exponent, 1)
