"""The one list of what every inversion takes, whatever its algorithm: names, defaults, texts.

A new keyword is a field of :class:`Settings`, a line of :class:`Common` and its text; then the
functions, the modules and the command line have it.
"""

from __future__ import annotations

import functools
import inspect
import re
import textwrap
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from inspect import Parameter
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

from ..constraints import MakeConstraint
from ..errors import check_keywords
from ..mel import MelSpec, Preset
from ..metrics import Metric
from ..solve.callback import Callback
from ..solve.result import Inversion
from ..tensors import Numbers
from ..transform.geometry import STFT_KEYWORDS, STFTKeywords
from ..transform.stft import STFT
from .opaque import opaque

_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True, eq=False, kw_only=True)
class Settings:
    """The keywords of :func:`torch_specinv.invert`, beside those of the STFT and the algorithm.

    Arrays and lists are tensors by then.
    """

    init: str | Tensor | None = None
    max_iter: int = 200
    tol: float = 1e-6
    eva_iter: int = 10
    metric: str | Metric | Sequence[str | Metric] = "sc"
    verbose: bool = True
    length: int | None = None
    lengths: Tensor | None = None
    generator: torch.Generator | None = None
    callback: Callback | None = None
    backend: str = "auto"
    checkpoint: int | None = None
    resume: Inversion | None = None
    constraint: MakeConstraint | None = None
    mel: MelSpec | Tensor | None = None
    preset: str | Preset | None = None
    transforms: Sequence[STFT | dict[str, Any]] | None = None


class Common(STFTKeywords, total=False):
    """What every classic function takes beside its own parameters."""

    init: str | Numbers | None
    length: int | None
    lengths: Numbers | None
    generator: torch.Generator | None
    callback: Callback | None
    backend: str
    checkpoint: int | None
    constraint: MakeConstraint | None
    mel: MelSpec | Numbers | None
    preset: str | Preset | None


#: What the documentation says of each of them.
TEXTS = {
    "init": """
init : str or Tensor, optional
    Phase initialization: "pghi" (default of all that take a start), "locked", "learned", "spsi",
    "zero" or "random", a complex spectrum, or a real phase in radians of the shape of `spec`. Where
    spectra of real signals are real, in bins 0 and n_fft / 2, the sign of the real part is kept.
    For bands and for coarse magnitudes "auto" starts from "locked".""",
    "max_iter": """
max_iter : int, default {max_iter}
    The most iterations to make. Each is one analysis and one synthesis. Those by which "auto" looks
    at what it holds are not counted.""",
    "tol": """
tol : float, default {tol}
    An item stops once its squared error changes, from one evaluation to the next, by less than
    `tol` times its first value. With 0 no item stops early. Algorithms that plan their budget
    ahead, such as "auto", do not look at it.""",
    "eva_iter": """
eva_iter : int, default {eva_iter}
    Iterations between evaluations.""",
    "metric": """
metric : str, callable, or a sequence of them, default {metric}
    "sc", "snr", "ser", "lsd" (see :mod:`torch_specinv.metrics`), or a function of (magnitude,
    target) that returns one value per item.""",
    "verbose": """
verbose : bool, default {verbose}
    Show a progress bar.""",
    "length": """
length : int, optional
    Samples of the waveform. Default: the fewest that have as many frames as `spec`.""",
    "lengths": """
lengths : Tensor or sequence of int, optional
    For a padded batch of different lengths: samples of each item's waveform. What lies behind an
    item's last frame is ignored, the wave is 0 behind its length, and each item comes out as it
    would alone.""",
    "generator": """
generator : torch.Generator, optional
    For "random" phases; the same seed gives the same result.""",
    "callback": """
callback : callable, optional
    Called with a :class:`torch_specinv.Report` at each evaluation. If it returns something true,
    the run stops.""",
    "backend": """
backend : str, default {backend}
    The engine: "native", compiled and the fastest, for float32 on a CPU, magnitudes or bands, and
    algorithms whose iterations are given by numbers, with gradients for Griffin-Lim; "triton", the
    same on a CUDA device and without gradients; "graph", which records an iteration on a CUDA
    device and plays it back, for short clips; "chunked", on a CPU and without gradients; "torch",
    differentiable and on any device. "auto" takes the first of them that can run, or the one that
    the environment variable TORCH_SPECINV_BACKEND names.
    :func:`torch_specinv.show_config` prints which engines there are. They differ in
    rounding, which "auto", "amdr", "admm", "raar" and "difference_map" magnify: the waves then
    differ, and are equally near to `spec`.""",
    "checkpoint": """
checkpoint : int, optional
    Store the state for the gradient only every so many iterations, and compute the others again in
    the backward pass: the same gradient in less memory. Default: store all.""",
    "resume": """
resume : Inversion, optional
    An earlier result for the same `spec` and settings, to which `max_iter` more iterations are
    added. The outcome is that of one longer run.""",
    "constraint": """
constraint : callable, optional
    What is known about the spectrum, if that is not its magnitude: a function of `spec` as
    (batch, rows, frames) that returns a :class:`torch_specinv.Constraint`, such as a class of
    yours. Then `spec` may have other rows than bins.""",
    "mel": """
mel : MelSpec or Tensor, optional
    What the bands of `spec` (..., bands, frames) are: the conventions of a mel spectrogram, for
    which n_fft is needed, or any bank (bands, bins) that is not negative, with which magnitudes
    were added up. Magnitudes are refitted to the bands in every iteration.""",
    "preset": """
preset : str or Preset, optional
    The recipe that made `spec`, such as "hifigan" or "tacotron_linear"; see
    :data:`torch_specinv.mel.PRESETS`. It says how values were written down, which bands and which
    STFT there were, and what was done to the waveform, all of which is undone. Of these only
    `window` may be given beside it; :func:`torch_specinv.mel.preset` changes others.""",
    "transforms": """
transforms : sequence of dict or STFT, optional
    For one waveform from several spectrograms of it, which `spec` then is a list of: for each the
    keywords of its STFT, and mel= where its rows are bands. The error is that of all of them.""",
    "stft": """
**stft_kwargs
    The keywords of :func:`torch.stft` with its defaults: n_fft (needed only when odd), hop_length,
    win_length, window, center, pad_mode, normalized, onesided. The window may be said by name:
    "hann", ("kaiser", 14.0), or 14.0, the beta of a Kaiser window; see
    :data:`torch_specinv.transform.named_windows.WINDOWS`. And window_align: where a window
    shorter than n_fft lies, in the "center" of a frame, as in torch, or at its "start", as in
    scipy, TensorFlow and Kaldi, whose frames then reach over win_length samples only.""",
}

#: The defaults by name.
DEFAULTS: dict[str, Any] = {field.name: field.default for field in fields(Settings)}
_COMMON = tuple(name for name in DEFAULTS if name in Common.__annotations__)
_STFT = {
    "n_fft": None, "hop_length": None, "win_length": None, "window": None, "center": True,
    "pad_mode": "reflect", "normalized": False, "onesided": None, "return_complex": None,
    "window_align": "center",
}  # fmt: skip


def method(names: Sequence[str] = _COMMON, *, more: str | None = None) -> Callable[[_F], _F]:
    """Give a function the keywords with these names, and those of the STFT.

    Its signature and its docstring show them, a misspelt one is refused before any work, and it is
    :func:`opaque` to compilers.

    Parameters
    ----------
    names : sequence of str
        Of the list above. A line ``{keywords}`` in the docstring stands for their texts, and
        ``{name}`` for that of one that the function spells out itself.
    more : str, optional
        How a function calls the further keywords that it takes, of which it has to take care.
    """

    def decorate(function: _F) -> _F:
        own = inspect.signature(function)
        shown = {p.name: p for p in own.parameters.values() if p.kind is not p.VAR_KEYWORD}
        defaults = {name: DEFAULTS[name] for name in names} | _STFT
        for name, default in defaults.items():
            if name not in shown:
                kind, hint = Parameter.KEYWORD_ONLY, _hint(name)
                shown[name] = Parameter(name, kind, default=default, annotation=hint)
        known = set(shown)
        parameters = list(shown.values())
        if more is not None:
            parameters.append(Parameter(more, Parameter.VAR_KEYWORD, annotation="Any"))

        @functools.wraps(function)
        def checked(*args: Any, **keywords: Any) -> Any:
            if more is None:
                check_keywords(keywords, known)
            return function(*args, **keywords)

        called = opaque(function if more is not None else cast(_F, checked))
        vars(called)["__signature__"] = own.replace(parameters=parameters)
        called.__doc__ = _document(function, names, shown)
        return called

    return decorate


def _hint(name: str) -> str:
    """Return the type of a keyword, as it is written in the lists."""
    hint = (Common if name in Common.__annotations__ else Settings).__annotations__[name]
    return getattr(hint, "__forward_arg__", hint)


def _document(
    function: Callable[..., Any], names: Sequence[str], shown: dict[str, Parameter]
) -> str | None:
    """Fill the texts of the keywords into a docstring."""
    if not function.__doc__:
        return function.__doc__  # there are none under python -OO
    texts = {
        name: text.format(**{name: _shown(shown[name].default)}) if name in shown else text
        for name, text in TEXTS.items()
    }
    others = [name for name in (*names, "stft") if f"{{{name}}}" not in function.__doc__]
    texts["keywords"] = "".join(texts[name] for name in others)

    def fill(match: re.Match[str]) -> str:
        indent, name = match.groups()
        return textwrap.indent(texts[name].strip("\n"), indent) if name in texts else match[0]

    return re.sub(r"^( *)\{(\w+)\}$", fill, function.__doc__, flags=re.MULTILINE)


def flags() -> dict[str, type]:
    """Return which of the keywords a command line can have, with the type of their values."""
    found: dict[str, type] = {}
    for name, hint in typing.get_type_hints(Settings).items():
        options = typing.get_args(hint) or (hint,)
        kinds = [option for option in options if option in (int, float, str)]
        # the command line has no gradients
        if kinds and name != "checkpoint":
            found[name] = kinds[0]
    return found


def summary(name: str) -> str:
    """Return the first sentence of what the documentation says of a keyword, without markup."""
    text = " ".join(TEXTS[name].strip().splitlines()[1:])
    return " ".join(text.replace("`", "").split()).partition(". ")[0].rstrip(".")


def _shown(default: Any) -> str:
    return f'"{default}"' if isinstance(default, str) else repr(default)


def split_stft(keywords: dict[str, Any]) -> STFTKeywords:
    """Take the keywords of the STFT out of others, and return them."""
    taken = {key: keywords.pop(key) for key in STFT_KEYWORDS & keywords.keys()}
    return cast(STFTKeywords, taken)
