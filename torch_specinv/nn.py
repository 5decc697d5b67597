"""The inverters as modules: settings once, windows as buffers, usable inside nn.Sequential.

A module is made of the function of the same method: its settings are the keywords of the function,
in the same order and with the same defaults. It shows no progress bar. For type checkers the
settings are written out in ``nn.pyi``, which ``tests/test_nn_stub.py`` derives from the functions.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from inspect import Signature
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from . import methods
from .errors import SpecInvError, check_keywords
from .inversion.names import check_names
from .optimize.torch_lbfgs import check_options
from .tensors import Numbers
from .transform.geometry import STFT_KEYWORDS

__all__ = ["ADMM", "LBFGS", "RTISILA", "GriffinLim", "MelToAudio", "PhaseInit"]

# What is given with each spectrogram, or is of no use in a module
_NOT_SETTINGS = ("init_x0", "lengths", "generator", "verbose")


class _Inverter(nn.Module):
    """A function with its settings; the tensors among them are buffers, the modules submodules."""

    function: ClassVar[Callable[..., Any]]
    fixed: ClassVar[dict[str, Any]] = {"verbose": False}
    positional: ClassVar[tuple[str, ...]] = ()
    """What the module takes by position although its function does not."""
    signature: ClassVar[Signature]
    """Of the constructor: that of the function, but for what is given with each spectrogram."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        _, *others = inspect.signature(cls.function).parameters.values()
        kept = [
            p.replace(kind=p.POSITIONAL_OR_KEYWORD) if p.name in cls.positional else p
            for p in others
            if p.name not in _NOT_SETTINGS
        ]
        cls.signature = Signature(kept)
        cls.__signature__ = cls.signature  # pyright: ignore[reportAttributeAccessIssue]
        cls.__doc__ = _document(cls.__doc__, cls.function.__doc__, {p.name for p in kept})

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__()
        named = self.signature.parameters
        known = {name: settings.pop(name) for name in named.keys() & settings.keys()}
        if not any(p.kind is p.VAR_KEYWORD for p in named.values()):
            check_keywords(settings, named)
        try:
            given = {**self.signature.bind_partial(*args, **known).arguments, **settings}
        except TypeError as error:
            raise SpecInvError(f"{type(self).__name__}: {error}.") from None
        self._check(settings, given)
        defaults = {
            p.name: p.default
            for p in named.values()
            if p.default is not p.empty and p.name not in STFT_KEYWORDS
        }
        self._names = tuple({**defaults, **given})
        for name, value in {**defaults, **given}.items():
            if isinstance(value, Tensor) and not isinstance(value, nn.Parameter):
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)

    def _check(self, more: dict[str, Any], given: dict[str, Any]) -> None:
        """Raise for what is wrong with the settings, of which some are not in the signature."""

    def _call(self, spec: Numbers, **others: Any) -> Any:
        settings = {name: getattr(self, name) for name in self._names}
        return type(self).function(spec, **settings, **self.fixed, **others)

    def forward(
        self,
        spec: Numbers,
        lengths: Numbers | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the waveforms (..., samples) for spectrograms (..., bins, frames).

        `lengths` and `generator` are those of :func:`torch_specinv.invert`.
        """
        return self._call(spec, lengths=lengths, generator=generator)

    def extra_repr(self) -> str:
        """Show the settings that are not the defaults."""
        usual = {name: p.default for name, p in self.signature.parameters.items()}
        shown = {name: getattr(self, name) for name in self._names}
        return ", ".join(
            f"{name}={value!r}"
            for name, value in shown.items()
            if not isinstance(value, (Tensor, nn.Module)) and value != usual.get(name)
        )


def _document(own: str | None, of_function: str | None, names: set[str]) -> str | None:
    """Put the parameters of a function between the summary and the example of its module."""
    if not own or not of_function:
        return own  # under python -OO
    section = of_function.partition("    Parameters\n    ----------\n")[2].partition("\n\n    ")[0]
    entries = re.split(r"\n(?=    [\w*])", section)
    kept = [
        entry
        for entry in entries
        if entry.strip().startswith("**")
        or names & set(re.split(r",\s*", entry.strip().partition(" :")[0]))
    ]
    summary, _, example = own.partition("    Examples\n")
    parameters = "    Parameters\n    ----------\n" + "\n".join(kept)
    return f"{summary}{parameters}\n\n    Examples\n{example}"


class GriffinLim(_Inverter):
    """:func:`torch_specinv.griffin_lim` as a module. `alpha` may be a parameter to be learnt.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.nn import GriffinLim
    >>> decoder = torch.nn.Sequential(
    ...     torch.nn.Conv1d(80, 257, 1), torch.nn.Softplus(),
    ...     GriffinLim(8, tol=0, window=torch.hann_window(512)),
    ... )
    >>> decoder(torch.rand(2, 80, 20)).shape
    torch.Size([2, 2432])
    """

    function = staticmethod(methods.griffin_lim)


class ADMM(_Inverter):
    """:func:`torch_specinv.ADMM` as a module. `rho` may be a parameter to be learnt.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.nn import ADMM
    >>> ADMM(max_iter=8, window=torch.hann_window(64))(torch.rand(2, 33, 20)).shape
    torch.Size([2, 304])
    """

    function = staticmethod(methods.ADMM)


class RTISILA(_Inverter):
    """:func:`torch_specinv.RTISI_LA` as a module.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.nn import RTISILA
    >>> RTISILA(max_iter=4, window=torch.hann_window(64))(torch.rand(2, 33, 20)).shape
    torch.Size([2, 304])
    """

    function = staticmethod(methods.RTISI_LA)


class PhaseInit(_Inverter):
    """:func:`torch_specinv.phase_init` as a module.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.nn import PhaseInit
    >>> PhaseInit(window=torch.hann_window(64))(torch.rand(2, 33, 20)).dtype
    torch.complex64
    """

    function = staticmethod(methods.phase_init)
    fixed: ClassVar[dict[str, Any]] = {}
    positional = ("method",)

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, spec: Numbers, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return the complex spectra (..., bins, frames) for magnitudes of that shape."""
        return self._call(spec, generator=generator)


class MelToAudio(_Inverter):
    """:func:`torch_specinv.mel_to_audio` as a module.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.nn import MelToAudio
    >>> decoder = MelToAudio(preset="hifigan", max_iter=10)
    >>> decoder(torch.randn(2, 80, 20, generator=torch.manual_seed(0)) - 5).shape
    torch.Size([2, 5120])
    """

    function = staticmethod(methods.mel_to_audio)

    def _check(self, more: dict[str, Any], given: dict[str, Any]) -> None:
        foreign = {*_NOT_SETTINGS, "mel", "constraint", "resume"} & more.keys()
        check_keywords(foreign, self.signature.parameters)
        check_names(given.get("algorithm", "auto"), more, self.signature.parameters)


class LBFGS(_Inverter):
    """:func:`torch_specinv.L_BFGS` as a module, with the transform as a submodule if it is one.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.nn import LBFGS
    >>> mixing = torch.nn.Linear(10, 30)
    >>> LBFGS(mixing, samples=10, outer_max_iter=20)(mixing(torch.ones(10)).detach()).shape
    torch.Size([10])
    """

    function = staticmethod(methods.L_BFGS)

    def _check(self, more: dict[str, Any], given: dict[str, Any]) -> None:
        if "transform_fn" not in given:
            raise SpecInvError("LBFGS: transform_fn is missing: the transform to invert.")
        check_options(more)

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        spec: Numbers,
        init_x0: Numbers | None = None,
        lengths: Numbers | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the waveform whose transform is `spec`, started from `init_x0` if given."""
        return self._call(spec, init_x0=init_x0, lengths=lengths, generator=generator)
