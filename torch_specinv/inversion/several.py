"""A request for one waveform from several spectrograms of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor

from ..checks import check_finite, check_spectrogram
from ..constraints import Constraint, Magnitude, MelBands, read_constraint
from ..constraints.mel_bands import read_bank
from ..constraints.stacked import stacked
from ..engines import choose_engine
from ..errors import SpecInvError, check_keywords
from ..mel import MelSpec
from ..phase import starting_spectrum
from ..solve.algorithm import Algorithm
from ..solve.problem import SpectrogramProblem
from ..solve.solver import Solver
from ..tensors import Numbers, as_tensor
from ..transform.geometry import STFT_KEYWORDS, STFTKeywords
from ..transform.named_windows import named_window, read_window
from ..transform.ragged import ragged_stft
from ..transform.read_geometry import read_geometry
from ..transform.several import SeveralSTFT
from ..transform.stft import STFT
from .gradients import wants_gradient
from .request import Request

# What says the same of a single spectrogram, or is of no use for several
_FOREIGN = ("mel", "preset", "constraint")


@dataclass(frozen=True, eq=False)
class SeveralRequest(Request):
    """Spectrograms of one waveform, each with the keywords of its transform."""

    specs: tuple[Tensor, ...] = ()
    stfts: tuple[STFTKeywords, ...] = ()
    mels: tuple[MelSpec | Tensor | None, ...] = ()

    @classmethod
    def read(
        cls, spec: Numbers, algorithm: str | Algorithm, keywords: dict[str, Any]
    ) -> SeveralRequest:
        """Check names, numbers and shapes; nothing is computed."""
        keywords = dict(keywords)
        transforms = keywords.pop("transforms")
        foreign = [name for name in (*_FOREIGN, *STFT_KEYWORDS) if keywords.get(name) is not None]
        if foreign:
            raise SpecInvError(
                f"{foreign[0]} and transforms are both given: each entry of transforms has its "
                "own, and constraint and preset are for one spectrogram."
            )
        specs, stfts, mels = _read_lists(spec, transforms)
        one = Request.read(specs[0], algorithm, {**keywords, **stfts[0]})
        if not one.algorithm.takes_start:
            raise SpecInvError(
                f"{type(one.algorithm).__name__} takes one transform: use auto or griffin_lim for "
                "several."
            )
        init = one.settings.init
        if isinstance(init, Tensor):
            raise SpecInvError(
                "init is a tensor: with transforms pass a name, or complex spectrograms."
            )
        windows = [stft.get("window") for stft in stfts]
        gradient = one.gradient or wants_gradient(*specs, *windows, *mels)
        engine = choose_engine(one.settings.backend, gradient=gradient)
        given: dict[str, Any] = {**vars(one), "gradient": gradient, "engine": engine}
        return cls(**given, specs=specs, stfts=stfts, mels=mels)

    def problem(self) -> SpectrogramProblem:
        """Pose the problem: transforms of one length, and what is known of each."""
        flats = [self._flat(spec) for spec in self.specs]
        parts, masks = self._transforms(flats)
        stft = SeveralSTFT(parts)
        known: list[Constraint] = []
        for number, (flat, mel, part) in enumerate(zip(flats, self.mels, parts, strict=True)):
            mask = None if masks is None else masks[number]
            flat = flat if mask is None else torch.where(mask, flat, 0)
            if mel is None:
                check_spectrogram(flat, f"spec[{number}]")
                known.append(read_constraint(flat, Magnitude))
                continue
            g = part.geometry
            bands = read_constraint(flat, MelBands(mel, g.n_fft, g.window))
            if mask is not None:  # a logarithm of 0 is not silence
                bands = bands.map_tensors(partial(_present, mask))
            known.append(bands)
            if known[-1].degree != 1:
                raise SpecInvError(
                    f"transforms[{number}]: bands of powers can't be combined with others; take "
                    "the square root before they are summed up, power=1."
                )
        return SpectrogramProblem.of(stacked(known, stft), stft)

    def select(self, items: Tensor) -> SeveralRequest:
        """Return the request for some items of the batch."""
        part = cast(SeveralRequest, super().select(items))
        return replace(part, specs=tuple(self._flat(spec)[items] for spec in self.specs))

    def _transforms(self, flats: list[Tensor]) -> tuple[list[STFT], list[Tensor] | None]:
        """Return the transforms and, where items have different lengths, masks of their frames."""
        s, templates = self.settings, []
        for flat, mel, stft in zip(flats, self.mels, self.stfts, strict=True):
            n_fft = stft.get("n_fft")
            bins = flat.shape[-2] if mel is None else cast(int, n_fft) // 2 + 1
            templates.append(
                flat.real.detach().new_zeros(()).expand(len(flat), bins, flat.shape[-1])
            )
        pairs = list(zip(templates, self.stfts, strict=True))
        if s.lengths is not None:
            whole = self.items is None
            parts = [ragged_stft(x, s.lengths, whole=whole, **stft)[0] for x, stft in pairs]
            return list(parts), [part.frame_mask.unsqueeze(1) for part in parts]
        length = s.length
        if length is None:
            length = max(_least_length(x, stft) for x, stft in pairs)
        found: list[STFT] = []
        for number, (x, stft) in enumerate(pairs):
            try:
                found.append(STFT.of(x, length=length, **stft))
            except SpecInvError as error:
                raise SpecInvError(f"transforms[{number}] and spec[{number}]: {error}") from None
        return found, None

    def _first_state(
        self, problem: SpectrogramProblem, solver: Solver[Any], start: str | Tensor | None
    ) -> Any:
        """Return the state before the first step."""
        return solver.start(self._start(problem, start))

    def _start(self, problem: SpectrogramProblem, start: str | Tensor | None) -> Tensor:
        """Start from the phase of one of the spectrograms: that which comes nearest to all."""
        stft, constraint = cast(SeveralSTFT, problem.stft), problem.constraint
        name = start if isinstance(start, str) else self.algorithm.default_start
        magnitude, least = constraint.magnitude(), None
        best = torch.zeros_like(magnitude, dtype=magnitude.dtype.to_complex())
        phases = any(spec.is_complex() for spec in self.specs)
        several = zip(self.specs, stft.split(magnitude), stft.parts, strict=True)
        for spec, own, part in several:
            if phases and not spec.is_complex():
                continue
            init = self._flat(spec) if phases else name
            if isinstance(init, Tensor) and part.frame_mask is not None:
                init = _present(part.frame_mask.unsqueeze(1), init)
            begin = starting_spectrum(Magnitude(own), part, init, self.settings.generator)
            found = constraint.project(stft.analyse(part.synthesise(begin)))
            # how much of it is left when all transforms have to agree
            wave = stft.synthesise(found)
            error = constraint.error(constraint.observe(stft.analyse(wave)))
            least = torch.full_like(error, math.inf) if least is None else least
            better = error < least
            best = torch.where(better[:, None, None], found, best)
            least = torch.where(better, error, least)
        return best


def _present(mask: Tensor, x: Tensor) -> Tensor:
    """Return what is within items; what lies behind them may be anything."""
    return torch.where(mask, x, x.new_zeros(()))


def _least_length(spec: Tensor, stft: STFTKeywords) -> int:
    """Return the fewest samples that have so many frames."""
    bins, frames = spec.shape[-2:]
    return read_geometry(bins, frames, spec.dtype, spec.device, None, stft, check_pad=False).length


def _read_lists(
    spec: Any, transforms: Any
) -> tuple[tuple[Tensor, ...], tuple[STFTKeywords, ...], tuple[MelSpec | Tensor | None, ...]]:
    """Return spectrograms, keywords and conventions of bands, as many of each."""
    if not isinstance(transforms, (list, tuple)) or not isinstance(spec, (list, tuple)):
        raise SpecInvError(
            "transforms: expected lists of spectrograms and of as many transforms: "
            "invert([a, b], transforms=[{'n_fft': 1024, ...}, {'n_fft': 256, ...}])."
        )
    entries = cast(Sequence[Any], transforms)
    given = cast(Sequence[Any], spec)
    if len(entries) != len(given) or len(given) < 2:
        raise SpecInvError(
            f"spec holds {len(given)} spectrograms, transforms {len(entries)} entries: expected "
            "two or more, and as many of both."
        )
    specs = tuple(as_tensor(each, f"spec[{i}]") for i, each in enumerate(given))
    first = specs[0]
    for i, each in enumerate(specs):
        if each.ndim < 2 or each.numel() == 0:
            raise SpecInvError(
                f"spec[{i}] has shape {tuple(each.shape)}: expected (..., rows, frames)."
            )
        alike = each.shape[:-2] == first.shape[:-2] and each.device == first.device
        if not alike or each.real.dtype != first.real.dtype:
            raise SpecInvError(
                f"spec[{i}] is {tuple(each.shape)}, {each.dtype} on {each.device}, spec[0] "
                f"{tuple(first.shape)}, {first.dtype} on {first.device}: expected one batch, one "
                "dtype, one device."
            )
    stfts: list[STFTKeywords] = []
    mels: list[MelSpec | Tensor | None] = []
    for i, entry in enumerate(entries):
        if isinstance(entry, STFT):
            stfts.append(entry.geometry.keywords())
            mels.append(None)
            continue
        if not isinstance(entry, dict):
            raise SpecInvError(
                f"transforms[{i}] is a {type(entry).__name__}: expected a dict of the keywords of "
                "torch.stft, or a torch_specinv.STFT."
            )
        own = dict(cast(dict[str, Any], entry))
        check_keywords(own, {*STFT_KEYWORDS, "mel"})
        mel = own.pop("mel", None)
        if mel is not None:
            if own.get("n_fft") is None:
                raise SpecInvError(f"transforms[{i}] has mel= and no n_fft.")
            check_finite(specs[i], f"spec[{i}]")
        mels.append(mel if mel is None or isinstance(mel, MelSpec) else read_bank(mel))
        window = read_window(own.get("window"))
        if window is not None and not isinstance(window, Tensor):
            n_fft = own.get("n_fft") or 2 * (specs[i].shape[-2] - 1)
            size = own.get("win_length") or n_fft
            own["window"] = named_window(window, size, first.real.dtype, first.device)
        stfts.append(cast(STFTKeywords, own))
    return specs, tuple(stfts), tuple(mels)
