r"""Windows by name, as ``scipy.signal.get_window`` has them: periodic, in any precision.

A window is given by its name, by its name and its parameter ``("kaiser", 14.0)``, or by a number,
which stands for the :math:`\beta` of a Kaiser window. With ``"_symmetric"`` behind its name it is
the symmetric one, as of MATLAB, HTK and python_speech_features.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, cast

import torch
from torch import Tensor

from ..errors import SpecInvError, check_choice, check_count
from ..tensors import Numbers, as_tensor

#: A window that is said by name, by a number, or by both.
WindowName = str | float | tuple[str, float]
#: What ``window=`` takes.
Window = Numbers | WindowName

#: More are no window of a frame, and would fill the memory before anything can be said of them.
MOST_SAMPLES = 2**26
_SYMMETRIC = "_symmetric"
# What the functions of torch have behind the name
_AS_IN_TORCH = "_window"
# From the places n = 0, 1, ..., in double precision, the period m and the parameter
_Shape = Callable[[Tensor, int, float], Tensor]


@dataclass(frozen=True)
class NamedWindow:
    """A window that has a name.

    Parameters
    ----------
    make : callable
        A function of a length, of the parameter if there is one, and of ``periodic``, ``dtype``
        and ``device``.
    parameter : str, optional
        What the parameter is called.
    default : float, optional
        Its default. Without, it has to be given.
    """

    make: Callable[..., Tensor]
    parameter: str | None = None
    default: float | None = None


def _shaped(shape: _Shape, *, periodic: bool | None = None) -> Callable[..., Tensor]:
    """Return what samples a shape; `periodic` where there is but one such window."""
    only = periodic

    def window(
        length: int,
        parameter: float = 0.0,
        periodic: bool = True,
        dtype: torch.dtype | None = None,
        device: torch.device | None = None,
    ) -> Tensor:
        dtype = dtype or torch.get_default_dtype()
        if length == 1:
            return torch.ones(1, dtype=dtype, device=device)
        # made where it is needed, so that nothing waits; not every device has double precision
        exact = torch.float32 if device is not None and device.type == "mps" else torch.float64
        n = torch.arange(length, dtype=exact, device=device)
        period = length if (periodic if only is None else only) else length - 1
        return shape(n, period, parameter).to(dtype)

    return window


def _cosines(*amplitudes: float) -> _Shape:
    """Return the sum of cosines with these amplitudes, whose signs alternate."""

    def shape(n: Tensor, m: int, _: float) -> Tensor:
        angle = 2 * math.pi / m * n
        terms = [(-1) ** k * a * torch.cos(k * angle) for k, a in enumerate(amplitudes)]
        return torch.stack(terms).sum(0)

    return shape


def _hann(n: Tensor, m: int, _: float) -> Tensor:
    return torch.sin(math.pi / m * n).square()


def _half_sine(n: Tensor, m: int, _: float) -> Tensor:
    # between the samples, so that no value is 0
    return torch.sin(math.pi / (m + 1) * (n + 0.5))


def _vorbis(n: Tensor, m: int, _: float) -> Tensor:
    return torch.sin(math.pi / 2 * _half_sine(n, m, 0).square())


def _tukey(n: Tensor, m: int, share: float) -> Tensor:
    """Return ones that fade over this share of the window, half of it on either side."""
    edge = torch.minimum(n, m - n) / (share * m / 2) if share > 0 else torch.ones_like(n)
    return torch.sin(math.pi / 2 * edge.clamp(max=1)).square()


def _ones(length: int, *, periodic: bool = True, **where: Any) -> Tensor:
    return torch.ones(length, **where)


def _kaiser(length: int, beta: float, **how: Any) -> Tensor:
    return torch.kaiser_window(length, beta=beta, **how)


#: The windows by name.
WINDOWS: dict[str, NamedWindow] = {
    "hann": NamedWindow(torch.hann_window),
    "hamming": NamedWindow(torch.hamming_window),
    "blackman": NamedWindow(torch.blackman_window),
    "bartlett": NamedWindow(torch.bartlett_window),
    "kaiser": NamedWindow(_kaiser, "beta", 12.0),
    "ones": NamedWindow(_ones),
    "boxcar": NamedWindow(_ones),
    "rectangular": NamedWindow(_ones),
    "flattop": NamedWindow(
        _shaped(_cosines(0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368))
    ),
    "blackmanharris": NamedWindow(_shaped(_cosines(0.35875, 0.48829, 0.14128, 0.01168))),
    "nuttall": NamedWindow(_shaped(_cosines(0.3635819, 0.4891775, 0.1365995, 0.0106411))),
    "general_hamming": NamedWindow(
        _shaped(lambda n, m, alpha: _cosines(alpha, 1 - alpha)(n, m, 0)), "alpha"
    ),
    "tukey": NamedWindow(_shaped(_tukey), "alpha", 0.5),
    "gaussian": NamedWindow(
        _shaped(lambda n, m, std: torch.exp(-((n - m / 2) / std).square() / 2)), "std"
    ),
    "sqrt_hann": NamedWindow(_shaped(lambda n, m, _: _hann(n, m, 0).sqrt())),
    "cosine": NamedWindow(_shaped(_half_sine)),
    # those of the MDCT, of Vorbis and of Kaldi are symmetric
    "sine": NamedWindow(_shaped(_half_sine, periodic=False)),
    "vorbis": NamedWindow(_shaped(_vorbis, periodic=False)),
    "povey": NamedWindow(_shaped(lambda n, m, _: _hann(n, m, 0) ** 0.85, periodic=False)),
}


def named_window(
    window: WindowName,
    length: int,
    dtype: torch.dtype | None = None,
    device: torch.device | None = None,
) -> Tensor:
    """Return the window of that name.

    Parameters
    ----------
    window : str, float, or tuple of str and float
        A name of :data:`WINDOWS`, with ``"_symmetric"`` or, as in torch, ``"_window"`` behind it or
        not; a number, which is the
        beta of a Kaiser window; or a name and a parameter: the beta of "kaiser", the standard
        deviation of "gaussian" in samples, the alpha of "tukey" and of "general_hamming".
    length : int
        Samples.
    dtype, device : optional
        Of the result. Default: torch's own.

    Raises
    ------
    SpecInvError
        If the name is unknown, there is a parameter too many or too few, or `length` is not from 1
        to 2^26.

    Examples
    --------
    >>> from torch_specinv.transform.named_windows import named_window
    >>> named_window("hann", 4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    >>> named_window(("gaussian", 1.0), 4)
    tensor([0.1353, 0.6065, 1.0000, 0.6065])
    """
    stem, parameters, periodic = _read_name(window)
    length = check_count("length", length)
    if length > MOST_SAMPLES:
        raise SpecInvError(
            f"length={length}: expected at most {MOST_SAMPLES} samples, as n_fft if that is "
            "not given. In another unit?"
        )
    make = WINDOWS[stem].make
    return make(length, *parameters, periodic=periodic, dtype=dtype, device=device)


def read_window(window: Any, device: torch.device | None = None, name: str = "window") -> Any:
    """Return a window as a tensor (win_length,), or None or a name as they are, after a check.

    `name` is what the caller calls it.
    """
    if window is None:
        return None
    if is_named(window) or (isinstance(window, (tuple, list)) and _begins_with_name(window)):
        _read_name(window, name)
        return window
    window = as_tensor(window, name, device)
    if window.ndim != 1 or len(window) == 0:
        raise SpecInvError(f"{name} has shape {tuple(window.shape)}: expected (win_length,).")
    return window


def parse_window(text: str) -> WindowName:
    """Return what a command line says: "hann", "kaiser:14" or "14"."""
    name, colon, number = text.partition(":")
    try:
        return (name, float(number)) if colon else float(text)
    except ValueError:
        return text


def is_named(window: Any) -> bool:
    """Whether a window is said by a name, by a number, or by both; a list of names is not."""
    if isinstance(window, (tuple, list)):
        items = cast(Sequence[Any], window)
        return _begins_with_name(items) and all(isinstance(one, Real) for one in items[1:])
    return isinstance(window, (str, Real))


def _begins_with_name(items: Sequence[Any]) -> bool:
    return len(items) > 0 and isinstance(items[0], str)


def _read_name(window: Any, argument: str = "window") -> tuple[str, tuple[float, ...], bool]:
    """Return the name in the table, the parameter if it takes one, and whether it is periodic."""
    if isinstance(window, (tuple, list)) and window:
        name, *given = cast(Sequence[Any], window)
    else:
        name, given = (window, []) if isinstance(window, str) else ("kaiser", [window])
    name = name.removesuffix(_AS_IN_TORCH) if isinstance(name, str) else name
    stem = name.removesuffix(_SYMMETRIC) if isinstance(name, str) else name
    entry = WINDOWS[check_choice(argument, stem, WINDOWS)]
    periodic = stem == name
    if entry.parameter is None:
        if given:
            raise SpecInvError(f"{argument}={window!r}: {name!r} has no parameter.")
        return stem, (), periodic
    if not given and entry.default is not None:
        given = [entry.default]
    numbers = [float(x) for x in given if isinstance(x, Real) and x is not True and x is not False]
    low = 0 if entry.default is not None else 1e-6
    if len(given) != 1 or not numbers or not low <= numbers[0] < math.inf:
        raise SpecInvError(
            f"{argument}={window!r}: expected ({name!r}, {entry.parameter}) with a number of at "
            "least 0, as in scipy.signal.get_window."
        )
    return stem, (numbers[0],), periodic
