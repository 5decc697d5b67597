"""A loss as a module: settings once; windows, filters and scales move with the module."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Concatenate, Generic, ParamSpec, cast

from torch import Tensor, nn

from ..errors import SpecInvError
from .docstrings import of_module
from .numbers import check_settings
from .spellings import read_names, refuse_positional

P = ParamSpec("P")
Settings = dict[str, Any]


class LossModule(nn.Module, Generic[P]):
    """A loss with its settings, of which parameters are trained and other tensors are buffers."""

    function: ClassVar[Callable[..., Tensor]]
    prepare: ClassVar[Callable[[Settings], Settings]]
    signature: ClassVar[inspect.Signature]
    """Of the constructor: that of the function after the two tensors."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        made = any("function" in vars(base) for base in cls.__bases__)
        if made and cls.__doc__ and cls.function.__doc__:
            cls.__doc__ = of_module(cls.__doc__, cls.function.__doc__)

    def __init__(self, *args: P.args, **settings: P.kwargs) -> None:
        super().__init__()
        known = self.signature.parameters
        named = read_names(settings, known)
        try:
            bound = self.signature.bind(*args, **named)
        except TypeError as error:
            by_keyword = [p.name for p in known.values() if p.kind is p.KEYWORD_ONLY]
            if len(args) > len(known) - len(by_keyword):
                refuse_positional(type(self).__name__, by_keyword)
            raise SpecInvError(f"{type(self).__name__}: {error}.") from None
        given = {k: v for k, v in bound.arguments.items() if k not in named} | named
        bound.apply_defaults()
        check_settings(given)
        self._shown = given
        self._plain: Settings = {}
        self._held: list[str] = []
        self._held_lists: dict[str, int] = {}
        """How many entries, each of which has its number behind the name."""
        for name, value in {**given, **type(self).prepare(bound.arguments)}.items():
            self._keep(name, value)

    def _keep(self, name: str, value: Any) -> None:
        if _is_held(value):
            self._hold(name, value)
            self._held.append(name)
        elif _holds(value):
            for i, entry in enumerate(value):
                self._hold(f"{name}_{i}", entry)
            self._held_lists[name] = len(value)
        else:
            self._plain[name] = value

    def _hold(self, name: str, value: Any) -> None:
        """Set an attribute, which torch registers if it is a parameter or a module."""
        if isinstance(value, Tensor) and not isinstance(value, nn.Parameter):
            self.register_buffer(name, value)
        else:
            setattr(self, name, value)

    def _keywords(self) -> Settings:
        held = {name: getattr(self, name) for name in self._held}
        for name, count in self._held_lists.items():
            held[name] = [getattr(self, f"{name}_{i}") for i in range(count)]
        return {**self._plain, **held}

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the loss of an estimate and a target."""
        return type(self).function(x, y, **self._keywords())

    def extra_repr(self) -> str:
        """Show the settings that were given."""
        shown = {k: v for k, v in self._shown.items() if not (_is_held(v) or _holds(v))}
        return ", ".join(f"{name}={value!r}" for name, value in shown.items())


def _is_held(value: Any) -> bool:
    return isinstance(value, (Tensor, nn.Module))


def _holds(value: Any) -> bool:
    """Whether there is something to be held in a list."""
    return isinstance(value, (list, tuple)) and any(map(_is_held, cast(Sequence[Any], value)))


def _nothing(settings: Settings) -> Settings:
    return {}


def module_of(
    function: Callable[Concatenate[Tensor, Tensor, P], Tensor],
    prepare: Callable[[Settings], Settings] = _nothing,
    base: type[LossModule[...]] = LossModule,
) -> type[LossModule[P]]:
    """Return what a class derives from to be the module of a loss function.

    Its constructor takes what the function takes after the two tensors. The docstring of the
    class needs a summary and an example; the rest comes from that of the function.

    Parameters
    ----------
    function : callable
        A loss (x, y, ...), from which the signature and the docstring are taken.
    prepare : callable, optional
        Takes all settings, refuses those that are wrong already at construction, and returns
        those to keep in another form: the window instead of its name.
    base : type, optional
        A module that this one is a special case of.
    """

    def __init__(self: LossModule[P], *args: P.args, **settings: P.kwargs) -> None:  # noqa: N807
        super(made, self).__init__(*args, **settings)

    _, _, *settings = inspect.signature(function).parameters.values()
    this = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    # what help() shows, and what builds modules from configuration files reads
    __init__.__dict__["__signature__"] = inspect.Signature([this, *settings])
    members = {
        "__init__": __init__,
        "function": staticmethod(function),
        "prepare": staticmethod(prepare),
        "signature": inspect.Signature(settings),
    }
    made = cast("type[LossModule[P]]", type(f"_{function.__name__}", (base,), members))
    return made
