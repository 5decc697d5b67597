"""The parts that docstrings of losses share, each written once.

A line that holds nothing but a name in braces stands for the part of that name. In a part, a
keyword in braces stands for its default, which is taken from the signature.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable
from typing import Any, TypeVar, cast

from .numbers import checked
from .spellings import by_name

PARTS: dict[str, str] = {
    # -- the two tensors -----------------------------------------------------------------------
    "waves": """
x, y : Tensor
    Estimate and target, shape (..., samples), real, of any floating dtype. Arrays of numpy and
    lists will do.
""",
    "magnitudes": """
x, y : Tensor
    Magnitudes of estimate and target, shape (..., bins, frames), real and not negative. Arrays of
    numpy and lists will do.
""",
    # -- keywords ------------------------------------------------------------------------------
    "reduction": """
reduction : str, default {reduction}
    Over the items: "mean", "sum", or "none", which returns shape (...).
""",
    "distance": """
metric : str, default {metric}
    "L1" for the absolute difference, "L2" for its square.
""",
    "zero_mean": """
zero_mean : bool, default {zero_mean}
    Subtract the mean of each first.
""",
    "energy_and_ratio": r"""
eps : float, default {eps}
    :math:`\epsilon`, added to an energy and to a ratio.
""",
    "weighting": """
weighting : callable, optional
    Applied to both signals first, such as a :class:`FIRFilter`.
""",
    "terms": r"""
w_sc, w_log, w_lin, w_phase : float, default {w_sc}, {w_log}, {w_lin} and {w_phase}
    Weights of spectral convergence, log-magnitude, magnitude and :func:`phase_loss`.
log_dist, lin_dist : str, default {log_dist} and {lin_dist}
    Distance of the (log-)magnitudes, "L1" or "L2".
log_fac, log_eps : float, default {log_fac} and {log_eps}
    :math:`f` and :math:`\delta`: compare :math:`\log(f X^p + \delta)`.
power : float, default {power}
    :math:`p`: compare :math:`X^p` instead of X.
floor : float, default {floor}
    The least magnitude; below it the gradient is 0. With ``floor=0`` pass a log_eps.
""",
    "scale": """
scale : Tensor or callable, optional
    Brings magnitudes to another scale: a matrix (bands, bins), such as :func:`mel_scale` and
    :func:`chroma_scale` make, or a function.
""",
    "fit": """
scale_invariant : bool, default {scale_invariant}
    Scale the target, item by item, to fit the estimate best.
norm : str, default {norm}
    Of the spectral convergence, "item" or "batch", see :func:`spectral_convergence_loss`.
""",
    "resolutions": """
hop_lengths, win_lengths : sequence of int, or int
    Of each resolution, or of one. Default: {hop_lengths} and {win_lengths}.
fft_sizes : sequence of int, default {fft_sizes}
    With None, or if only win_lengths are given, these.
window : str, float, tuple of str and float, or a sequence, default {window}
    Said by name, see :func:`stft_loss`, or one, by name or as a tensor, for each resolution.
{terms}
{scale}
    A matrix fits one fft_size: pass a sequence of them, one for each resolution.
{fit}
{weighting}
""",
    "transport": """
p : int, default {p}
    Order of the distance, 1 or more. Its p-th power is returned.
normalize : bool, default {normalize}
    Divide spectra by their sums.
balanced : bool, default {balanced}
    Both by their own. Otherwise both by that of the estimate, so that a wrong level costs;
    without `normalize`, the target is brought to the sum of the estimate or left alone.
quantile_lowpass : bool, default {quantile_lowpass}
    Leave out levels q above 1, which only a target with more energy than the estimate has.
""",
    # -- what comes back, and what is refused ----------------------------------------------------
    "loss": """
Tensor
    The loss, at least 0; float32 for half precision.
""",
    "decibels": """
Tensor
    The loss in dB, lower is better; float32 for half precision.
""",
    "refused": """
SpecInvError
    If shapes, dtypes or devices differ, or a setting is not what it should be.
""",
    "refused_if_short": """
{refused}
    Or if the signals are shorter than a window.
""",
    # -- sources -------------------------------------------------------------------------------
    "arik_2018": """
- Arık, Jun, Diamos: "Fast spectrogram inversion using multi-head convolutional neural
  networks", 2018.
""",  # noqa: RUF001
    "wright_2019": """
- Wright, Damskägg, Välimäki: "Real-time black-box modelling with recurrent neural networks",
  2019.
""",
    "le_roux_2019": """
- Le Roux, Wisdom, Erdogan, Hershey: "SDR: half-baked or well done?", 2019.
""",
    "torres_2024": """
- Torres, Peeters, Richard: "Unsupervised harmonic parameter estimation using differentiable
  DSP and spectral optimal transport", 2024.
""",
}

_PART = re.compile(r"^( *)\{(\w+)\}$", re.MULTILINE)
_TENSORS = re.compile(r"^x, y : .*\n(?: +.*\n?)*", re.MULTILINE)
_SECTION = re.compile(r"^(\w[\w ]*)\n-+\n", re.MULTILINE)

T = TypeVar("T", bound=Callable[..., Any])


def documented(described: T) -> T:
    """Put the parts in the place of their names in the docstring of a function or a class.

    The keywords of a function are read by these names and no others, see :mod:`.spellings`, and
    then checked, see :mod:`.numbers`.
    """
    signature = inspect.signature(described)
    if described.__doc__:  # there are none under python -OO
        defaults = {p.name: _shown(p.default) for p in signature.parameters.values()}
        described.__doc__ = _filled(described.__doc__, defaults)
    is_class = inspect.isclass(described)
    return cast(T, described if is_class else by_name(checked(described)))


def _filled(text: str, defaults: dict[str, str]) -> str:
    def part(found: re.Match[str]) -> str:
        inner = _PART.sub(part, PARTS[found[2]].strip("\n"))
        inner = re.sub(r"\{(\w+)\}", lambda keyword: defaults[keyword[1]], inner)
        return textwrap.indent(inner, found[1])

    return _PART.sub(part, text)


def _shown(default: object) -> str:
    return f'"{default}"' if isinstance(default, str) else repr(default)


def of_module(own: str, function: str) -> str:
    """Return the docstring of a module: its own, and between summary and examples its function's.

    The two tensors are not among its parameters, and what is returned is told by ``forward``.
    """
    head, sections = _split(own)
    lead, theirs = _split(function)
    theirs["Parameters"] = _TENSORS.sub("", theirs.get("Parameters", ""))
    texts = [
        f"{title}\n{'-' * len(title)}\n{text.strip()}"
        for title, text in ({**theirs, "Returns": "", "Examples": ""} | sections).items()
        if text.strip()
    ]
    return "\n\n".join([head.strip(), lead.strip(), *texts]) + "\n"


def _split(docstring: str) -> tuple[str, dict[str, str]]:
    head, *rest = _SECTION.split(inspect.cleandoc(docstring))
    return head, dict(zip(rest[::2], rest[1::2], strict=True))
