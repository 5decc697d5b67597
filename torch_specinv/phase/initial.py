"""What an initialisation is, and how a user's choice of one becomes a spectrum."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

import torch
from torch import Tensor

from ..checks import check_finite, check_generator, check_spectrogram, lift
from ..constraints.base import Constraint
from ..derivatives import by_value, is_differentiated, is_transformed, value_of
from ..errors import SpecInvError, shown
from ..plugins import calling, check_returned, is_foreign, name_of
from ..registry import Registry
from ..transform.geometry import Geometry
from ..transform.rounded_alike import direction_of, magnitude_of, phase_of
from ..transform.sizes import bin_count, real_bins
from ..transform.stft import STFT


class PhaseMethod(Protocol):
    """A way to guess the phase of a magnitude spectrogram.

    It is given a magnitude (batch, bins, frames), the transform that it belongs to, and a
    generator for whatever it draws; it returns the phase in radians, of the same shape. Bins that
    must be real become so afterwards.
    """

    def __call__(
        self, magnitude: Tensor, stft: STFT, generator: torch.Generator | None, /
    ) -> Tensor:
        """Return the phase."""
        ...


#: The phase initialisations by name.
PHASES: Registry[PhaseMethod] = Registry("init")


def register_phase(name: str) -> Callable[[PhaseMethod], PhaseMethod]:
    """Make a function available as ``init=name`` and ``phase_init(method=name)``.

    Parameters
    ----------
    name : str
        The name under which it is known.

    Returns
    -------
    callable
        A decorator that returns the function unchanged. The function is a
        :class:`~torch_specinv.phase.PhaseMethod` of (magnitude, stft, generator), with the
        magnitude (batch, bins, frames), and returns a phase in radians of the same shape.

    Raises
    ------
    SpecInvError
        If another function has that name.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv import phase_init, register_phase
    >>> from torch_specinv.phase import PHASES
    >>> @register_phase("half_turn")
    ... def half_turn(magnitude, stft, generator):
    ...     return torch.full_like(magnitude, torch.pi)
    >>> spectrum = phase_init(torch.ones(33, 9), method="half_turn", window=torch.hann_window(64))
    >>> bool((spectrum.real < 0).all())
    True
    >>> _ = PHASES.pop("half_turn")
    """
    return PHASES.register(name)


def checked(method: PhaseMethod) -> PhaseMethod:
    """Return what to call a registered method by: it looks at what it is given first.

    What the inversion gives it has been looked at before, so the registered one does not.
    """

    @functools.wraps(method)
    def check(magnitude: Any, stft: Any, generator: Any = None) -> Tensor:
        magnitude = check_spectrogram(magnitude, "magnitude")
        if magnitude.ndim != 3 or magnitude.is_complex():
            raise SpecInvError(
                f"magnitude has shape {tuple(magnitude.shape)} and dtype {magnitude.dtype}: "
                "expected real (batch, bins, frames)."
            )
        if not isinstance(stft, STFT):
            raise SpecInvError(f"stft={shown(stft)}: expected a torch_specinv.STFT.")
        g = stft.geometry
        if magnitude.shape[1:] != (g.bins, g.frames):
            raise SpecInvError(f"magnitude has shape {tuple(magnitude.shape)}, but {stft!r}.")
        check_generator(generator)
        return method(lift(magnitude), stft, generator)

    return check


def starting_phase(
    magnitude: Tensor, stft: STFT, init: str | Tensor, generator: torch.Generator | None
) -> Tensor:
    """Return the phase in radians that `init` stands for, shaped as the magnitude.

    Parameters
    ----------
    magnitude : Tensor
        Shape (batch, bins, frames), real.
    stft : STFT
        The transform that the magnitude belongs to.
    init : str or Tensor
        The name of a registered method, a complex spectrum whose phase is taken, or a real
        phase in radians; tensors have the magnitude's shape.
    generator : torch.Generator, optional
        For methods that draw random numbers.
    """
    if isinstance(init, str):
        method = PHASES.named(init)

        def guess(values: Tensor) -> Tensor:
            rows = values.flatten(0, -3)
            found = guess_phase(method, rows, _of_values(stft, len(rows)), generator)
            return found.view_as(values)

        return by_value(guess, magnitude)
    return phase_of(lift(init)) if init.is_complex() else init


def _of_values(stft: STFT, batch: int) -> STFT:
    """Return a transform as a constant, for so many items, which repeat those that it has."""
    if not is_transformed():
        return stft
    plain = copy.copy(stft)
    plain.geometry = replace(stft.geometry, window=value_of(stft.geometry.window))
    for name, value in vars(stft).items():
        if isinstance(value, Tensor):
            setattr(plain, name, value_of(value))
    items = batch if plain.frame_mask is None else len(plain.frame_mask)
    return plain.select(torch.arange(items).repeat(batch // items))


def starting_spectrum(
    constraint: Constraint, stft: STFT, init: str | Tensor, generator: torch.Generator | None
) -> Tensor:
    """Return the spectrum (batch, bins, frames) from which the iterations for a constraint start.

    `init` and `generator` are those of :func:`starting_phase`. Whatever they are, the phases are
    such as spectra of real signals have, see :func:`of_real_frames`.
    """
    magnitude = constraint.magnitude()
    phase = starting_phase(magnitude, stft, init, generator)
    return spectrum_at(constraint, stft, phase, magnitude)


def spectrum_at(constraint: Constraint, stft: STFT, phase: Tensor, magnitude: Tensor) -> Tensor:
    """Return the spectrum (batch, bins, frames) of a phase in radians, of the same shape.

    `magnitude` is that of the constraint, which may take long to make.
    """
    usual, g = type(constraint).start is Constraint.start, stft.geometry
    if usual and g.onesided and is_differentiated(magnitude) and not is_differentiated(phase):
        # directions are constants, and need no graph
        phase = phase.to(magnitude.dtype)
        unit = torch.complex(phase.cos(), phase.sin())
        unit = of_real_frames(unit, g, owned=not is_transformed())
        return torch.complex(magnitude * unit.real, magnitude * unit.imag)
    # what the package made itself may be written over
    owned = usual and not is_differentiated(magnitude)
    start = constraint.start(magnitude, phase)
    owned = owned and not is_differentiated(start) and not is_transformed()
    return of_real_frames(start, stft.geometry, owned=owned)


def of_real_frames(spectrum: Tensor, geometry: Geometry, *, owned: bool = False) -> Tensor:
    r"""Give a spectrum phases that the spectra of real frames can have; magnitudes stay.

    Real frames, times a real window, have spectra with :math:`X_{-k} = \overline{X_k}`. So each
    bin keeps its magnitude, and gets the phase of :math:`X_k + \overline{X_{-k}}`. Bins 0 and
    n_fft / 2 are their own mirror images: they become real, with the sign of their real part.
    An imaginary part that stayed there would be seen by no synthesis. Methods that remember a
    spectrum would carry it along, and it would count as magnitude.

    Parameters
    ----------
    spectrum : Tensor
        Shape (batch, bins, frames), complex. It is left as it is, unless it is `owned`.
    geometry : Geometry
        With a complex window every spectrum is possible.
    owned : bool, default False
        Whether the spectrum may be written over.
    """
    g = geometry
    if g.window.is_complex():
        return spectrum
    if not g.onesided:
        mirrored = spectrum.flip(-2).roll(1, -2)
        # the sum of bin k is exactly the conjugate of that of bin -k
        real, imag = spectrum.real + mirrored.real, spectrum.imag - mirrored.imag
        return magnitude_of(spectrum) * direction_of(torch.complex(real, imag))
    possible = spectrum if owned else spectrum.clone()
    for bin_ in real_bins(g.n_fft):
        row = spectrum[..., bin_, :]
        folded = torch.where(row.real < 0, -1, 1) * magnitude_of(row)
        # what is real already, silence among it, has its derivative
        real = torch.where(row.imag == 0, row.real, folded)
        possible[..., bin_, :] = torch.complex(real, torch.zeros_like(real))
    return possible


def guess_phase(
    method: PhaseMethod, magnitude: Tensor, stft: STFT, generator: torch.Generator | None = None
) -> Tensor:
    """Return the phase of a method, in radians, for a magnitude (batch, bins, frames).

    Of a symmetric two-sided spectrum the method gets bins 0 to n_fft // 2 only.
    """
    g = stft.geometry
    if is_foreign(method):
        method = _checked(method)
    if g.onesided or g.window.is_complex():
        return method(magnitude, stft, generator)
    phase = method(magnitude[:, : bin_count(g.n_fft)], stft, generator)
    return torch.cat([phase, -phase[:, 1 : (g.n_fft + 1) // 2].flip(1)], 1)


def _checked(method: PhaseMethod) -> PhaseMethod:
    """Return a user's method, which gets copies, and whose phase is checked."""
    names = [name for name, known in PHASES.items() if known is method]
    label = f"init {names[0]!r}" if names else f"init {name_of(method)}"

    def guess(magnitude: Tensor, stft: STFT, generator: torch.Generator | None, /) -> Tensor:
        # the transform may be one that is kept for later calls
        with calling(label):
            phase = method(magnitude.clone(), copy.deepcopy(stft), generator)
        return check_returned(phase, label, magnitude.shape, magnitude, finite=True)

    return guess


def check_init(init: str | Tensor, shape: torch.Size, device: torch.device) -> None:
    """Raise unless `init` is a known name, or a spectrum or phase of that shape, on that device."""
    if isinstance(init, str):
        PHASES.named(init)
        return
    if init.shape != shape:
        raise SpecInvError(
            f"init has shape {tuple(init.shape)}, spec {tuple(shape)}: a starting spectrum "
            "or phase has one value for each bin of spec."
        )
    if init.device != device:
        raise SpecInvError(f"init is on {init.device}, spec on {device}: use init.to(spec.device).")
    check_finite(init, "init")
