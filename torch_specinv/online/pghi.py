r"""Phase gradient heap integration of frames that arrive one by one.

The steps are those of :mod:`torch_specinv.phase.pghi`, for the new frame and the one or two before
it. Phases go on from those that the earlier frame has *now*, after its iterations, along the same
maximum spanning forest as offline: three rows are added up, of which the first is the earlier frame
once more, so strong that it is one tree. Thus every bin of the earlier frame keeps its phase.

Without look-ahead the slope along time is a difference to the frame before; it is centred where one
more frame is known (Průša, Søndergaard: "Real-time spectrogram inversion using phase gradient heap
integration", 2016).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import SpecInvError
from ..phase.forest import TURN, integrate
from ..phase.pghi import FLOOR, phase_steps, to_fixed
from ..transform.geometry import Geometry
from ..transform.rounded_alike import phase_of
from .guess import Arrival, of_half

# Bins of at most this share of the largest magnitude get the phase 0.
_TOLERANCE = 1e-6
# The row of known phases descends from here in steps that the integration tells apart.
_ABOVE, _STEP = 4.0, 2.0**-18


@dataclass(frozen=True)
class PGHIGuess:
    """The phase of PGHI, which continues from the frame before.

    Parameters
    ----------
    frames : int, default 1
        How many frames get a phase: 1, the new one; or 2, so that the slope along time of the
        frame before the new one is centred. The latter needs a look-ahead.
    """

    frames: int = 1
    past: int = 1

    def check(self, geometry: Geometry) -> None:
        """Raise where the window is nothing like a Gaussian."""
        if geometry.window_shape.width == 0:
            raise SpecInvError(
                "init='pghi' takes the window for a Gaussian, which this one is nothing like "
                "(complex, or of one sample): use init='least_squares' or 'spsi'."
            )

    def __call__(self, arrival: Arrival, geometry: Geometry) -> Tensor:
        """Return spectra (batch, frames, bins) of the last frames, of magnitude 1."""
        return of_half(self._integrate, arrival, geometry)

    def _integrate(self, arrival: Arrival, geometry: Geometry) -> Tensor:
        rows = self.frames + 1
        here = arrival.present[:, -rows:, None]
        size = arrival.magnitude.detach().float()
        peak = size.amax((1, 2), keepdim=True)
        size = size[:, -rows:] / torch.where(peak > 0, peak, 1)
        known = to_fixed(phase_of(arrival.estimate[:, -rows].detach()) * (TURN / (2 * math.pi)))
        along_time, along_frequency = phase_steps(
            _filled(size, here), geometry, geometry.window_shape.width
        )
        along_frequency[:, 0, :-1] = known.diff(dim=-1)
        anchor = _ABOVE - _STEP * torch.arange(size.shape[-1], device=size.device)
        turns = integrate(
            torch.cat([anchor.expand(len(size), 1, -1), size * here], 1).contiguous(),
            (
                torch.cat([torch.zeros_like(along_time[:, :1]), along_time], 1),
                torch.cat([along_frequency[:, :1], along_frequency], 1),
            ),
            _TOLERANCE,
        )
        turns = turns[:, 2:] + (known - turns[:, 0])[:, :1, None]
        phase = turns.to(arrival.magnitude.dtype) * (2 * math.pi / TURN)
        made = torch.polar(torch.ones_like(phase), phase)
        if self.frames == 1:
            return made
        # at the end, where no new frame comes, the last one keeps what it has
        old = arrival.estimate[:, -self.frames :]
        return torch.where(arrival.present[:, -1:, None], made, old)


def _filled(size: Tensor, here: Tensor) -> Tensor:
    """Return strengths of which absent frames are as the next one, so that slopes are 0."""
    rows = list(size.unbind(1))
    for i in reversed(range(len(rows) - 1)):
        rows[i] = torch.where(here[:, i], rows[i], rows[i + 1])
    return torch.stack(rows, 1).clamp_min(FLOOR)
