r"""Pre-emphasis, by which many recipes raise high frequencies first, and how it is undone.

.. math:: y_n = x_n - c \, x_{n-1} , \qquad x_n = \sum_{k \ge 0} c^k y_{n-k}
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import SpecInvError, read_number, shown


def check_preemphasis(coefficient: float) -> float:
    """Return a coefficient of at least 0 and below 1."""
    if not 0 <= read_number(coefficient) < 1:
        raise SpecInvError(
            f"preemphasis={shown(coefficient)}: expected 0 <= preemphasis < 1, such as 0.97."
        )
    return coefficient


def emphasise(wave: Tensor, coefficient: float) -> Tensor:
    """Return waves (..., samples) with their high frequencies raised."""
    if coefficient == 0:
        return wave
    return wave - coefficient * torch.nn.functional.pad(wave[..., :-1], (1, 0))


def deemphasise(wave: Tensor, coefficient: float) -> Tensor:
    """Undo the pre-emphasis of waves (..., samples): the wave before it, of the same shape.

    The filter is recursive. Its impulse response is built up by doubling, until what is left of it
    is below rounding, so that there is no loop over samples.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.mel.emphasis import deemphasise
    >>> wave = torch.tensor([1.0, 0.5, 0.25])
    >>> emphasised = torch.tensor([1.0, 0.5 - 0.97, 0.25 - 0.97 * 0.5])
    >>> torch.allclose(deemphasise(emphasised, 0.97), wave)
    True
    """
    reach = 1
    while coefficient**reach > torch.finfo(wave.dtype).eps / 8:
        late = torch.nn.functional.pad(wave, (reach, 0))[..., : wave.shape[-1]]
        wave, reach = wave + coefficient**reach * late, 2 * reach
    return wave
