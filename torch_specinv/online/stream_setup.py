"""What a stream is set up with: its keywords read and checked, and signals begun with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..constraints.read import MakeConstraint
from ..errors import SpecInvError, check_count, check_switch
from ..mel import Preset, named_preset
from ..solve.algorithm import PointwiseAlgorithm
from ..transform.geometry import Geometry
from ..transform.named_windows import read_window
from ..transform.read_geometry import read_geometry
from ..transform.sizes import bin_count
from .core import OnlineInverter
from .finish import Finisher
from .guess import Guess
from .guesses import read_guess
from .readers import FrameReader, Readers
from .session import Session
from .settings import read_keywords, read_online_backend, read_rule


class StreamSetup:
    """The settings of a :class:`~torch_specinv.online.Streaming`, whose keywords it takes.

    A first reading of the transform shows mistakes before the first frame. `check_look_ahead`
    returns the frames of look-ahead that a number means, or raises.
    """

    def __init__(
        self,
        *,
        algorithm: str | PointwiseAlgorithm,
        look_ahead: int,
        max_iter: int,
        init: str | Guess,
        preset: str | Preset | None,
        constraint: MakeConstraint | None,
        rows: int | None,
        sources: int | None,
        asymmetric_window: bool,
        backend: str,
        keywords: dict[str, Any],
        check_look_ahead: Callable[[int, Geometry], int],
    ) -> None:
        rule = read_rule(algorithm, keywords)
        max_iter = check_count("max_iter", max_iter, least=0)
        self.recipe = None if preset is None else named_preset(preset)
        self.sources = None if sources is None else check_count("sources", sources)
        if sources is not None and not (preset is None and constraint is None and rows is None):
            raise SpecInvError(
                "sources of a mixture are linear magnitudes: leave out preset, constraint and rows."
            )
        self.reader = FrameReader(self.recipe, constraint, self.sources)
        self._keywords = k = read_keywords(keywords, self.recipe, preset, constraint)
        n_fft = check_count("n_fft", k.get("n_fft"))
        window, onesided = read_window(k.get("window")), k.get("onesided")
        if onesided is None:
            onesided = not (isinstance(window, Tensor) and window.is_complex())
        check_switch("onesided", onesided)
        check_switch("asymmetric_window", asymmetric_window)
        self._bins = bin_count(n_fft, onesided)
        own = self._bins if self.recipe is None else self.recipe.rows
        self.given_rows = check_count("rows", own if rows is None else rows)
        """The rows of a frame as it is pushed."""
        if constraint is None and self.given_rows != own:
            raise SpecInvError(
                f"rows={rows}, but a frame has {own} here: rows are for a constraint that reads "
                "others. Another n_fft?"
            )
        self.rows = self.given_rows * (1 if self.sources is None else 3)
        """The same and, with sources, both parts of their mixture."""
        device = window.device if isinstance(window, Tensor) else torch.device("cpu")
        self.geometry = g = self._read(torch.float32, device)
        self.look_ahead = check_look_ahead(look_ahead, g)
        self._of_inverter: dict[str, Any] = {
            "algorithm": rule,
            "guess": read_guess(init, self.look_ahead, g),
            "look_ahead": self.look_ahead,
            "max_iter": max_iter,
            "asymmetric_window": asymmetric_window,
            "backend": read_online_backend(backend),
        }
        self._prepared: dict[Any, tuple[Geometry, Readers]] = {}

    def begin(self, values: Tensor, *, check: bool = True) -> Session:
        """Begin a signal with frames (streams, rows, frames), whose levels are checked."""
        key = (values.dtype, values.device)
        if key not in self._prepared:
            geometry = self._read(*key)
            self._prepared[key] = geometry, self.reader.prepare(values, geometry)
        geometry, (read, constraint) = self._prepared[key]
        if check:
            self.reader.check(values, geometry)
        inverter = OnlineInverter(geometry, constraint=constraint, **self._of_inverter)
        last = read(values)[..., 0] * 0
        return Session(
            inverter=inverter,
            online=inverter.begin(*last.shape),
            finisher=Finisher.of(geometry, self.recipe),
            read=read,
            last=last,
        )

    def move_window(self, device: torch.device) -> None:
        """Put the window on a device, for signals that begin from now on."""
        window = self._keywords.get("window")
        if isinstance(window, Tensor):
            self._keywords["window"] = window.to(device)

    def _read(self, dtype: torch.dtype, device: torch.device) -> Geometry:
        return read_geometry(self._bins, 1, dtype, device, None, self._keywords, check_pad=False)
