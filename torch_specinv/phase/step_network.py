r"""A small network that sees where PGHI's steps of phase are wrong.

PGHI takes the window for a Gaussian of one component. Where components meet, and for windows that
are no Gaussians, its steps are off, and the log-magnitude around a bin tells by how much. Five
convolutions turn it into two angles for each bin, that are to be added to the two steps.

Everything is measured in units of the window, so that one set of weights serves all sample rates
and sizes. Each weight is a polynomial of what is left: :math:`u = \log_2(a / \sqrt\gamma)`,
:math:`v = \log_2(N / \sqrt\gamma)` and the kurtosis of the window, with :math:`a` the hop length,
:math:`N` for n_fft and :math:`\gamma` the width of the Gaussian.

Four neighbouring bins are taken together, so that the convolutions run over a quarter of the bins.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from ..transform.geometry import Geometry
from ..transform.windows import centroid

#: The layers from first to last: channels in, channels out, kernel (frames, groups), dilation in
#: frames.
LAYERS = (
    (16, 32, (5, 3), 1),
    (32, 32, (3, 3), 1),
    (32, 32, (3, 3), 2),
    (32, 32, (3, 3), 1),
    (32, 16, (3, 3), 1),
)
#: Bins that are taken together.
GROUP = 4
# Slopes are cut off here, in radians: only between components are they larger.
_LARGEST_STEP = 6.0
# Magnitudes below this share of the largest one are raised to it.
_FLOOR = 1e-7


def conditions(geometry: Geometry, width: float) -> tuple[float, float, float]:
    """Return u, v and the kurtosis of the energy of the window, each about 0 for usual ones."""
    g = geometry
    energy = g.window_on_host.double().square()
    place = torch.arange(len(energy), dtype=energy.dtype, device=energy.device) - centroid(
        g.window_on_host
    )
    fourth = float((place**4 * energy).sum() / energy.sum())
    kurtosis = fourth / (width / (4 * math.pi)) ** 2
    root = math.sqrt(width)
    return math.log2(g.hop_length / root) + 1, math.log2(g.n_fft / root) - 1, kurtosis - 2.7


def basis(u: float, v: float, kurtosis: float) -> tuple[float, ...]:
    """Return the terms of the polynomials; the first three are those of the layers between."""
    return 1.0, 0.4 * u, 0.4 * u * u, 0.4 * v, kurtosis


def terms(layer: int) -> int:
    """Return how many terms the polynomials of a layer have."""
    return 5 if layer in (0, len(LAYERS) - 1) else 3


def kernels(
    weights: Mapping[str, Tensor], powers: tuple[float, ...]
) -> list[tuple[Tensor, Tensor]]:
    """Evaluate the polynomials: weight and bias of each layer."""
    found: list[tuple[Tensor, Tensor]] = []
    for layer in range(len(LAYERS)):
        pair: list[Tensor] = []
        for name in ("weight", "bias"):
            stack = weights[f"{name}{layer}"]
            # no matrix product, which autocast would round
            pair.append(torch.stack([p * w for p, w in zip(powers, stack, strict=False)]).sum(0))
        found.append((pair[0], pair[1]))
    return found


def slopes(log: Tensor, geometry: Geometry, width: float) -> tuple[Tensor, Tensor]:
    """Return PGHI's steps without their carriers, in radians, for log-magnitudes.

    Both are of the shape of `log`, (batch, frames, bins), and 0 where there are not two neighbours.
    """
    g = geometry
    ratio = g.hop_length * g.n_fft / width
    along_time, along_frequency = torch.zeros_like(log), torch.zeros_like(log)
    both = log[:, 1:] + log[:, :-1]
    along_time[:, :-1, 1:-1] = (both[..., 2:] - both[..., :-2]) * (ratio / 4)
    both = log[..., 1:] + log[..., :-1]
    along_frequency[:, 1:-1, :-1] = (both[:, 2:] - both[:, :-2]) * (-1 / (4 * ratio))
    return along_time, along_frequency


def features(strength: Tensor, geometry: Geometry, width: float) -> Tensor:
    """Return what the network sees: (batch, 16, frames, groups), channels last in memory.

    `strength` is (batch, frames, bins), from 0 to 1.
    """
    log = strength.clamp_min(_FLOOR).log()
    along_time, along_frequency = slopes(log, geometry, width)
    # from 0 to 1, so that frames and bins that do not exist look like silence
    level = log / -math.log(_FLOOR) + 1
    planes = (
        level,
        along_time.clamp(-_LARGEST_STEP, _LARGEST_STEP) / 3,
        along_frequency.clamp(-_LARGEST_STEP, _LARGEST_STEP) / 3,
        level,
    )
    seen = torch.stack(planes, -1)
    batch, frames, bins, depth = seen.shape
    seen = functional.pad(seen, (0, 0, 0, -bins % GROUP)).view(batch, frames, -1, GROUP, depth)
    # the first plane is the level relative to that around the group
    around = functional.avg_pool2d(seen[..., 0].mean(-1).unsqueeze(1), (5, 3), 1, (2, 1)).squeeze(1)
    seen[..., 0] = (seen[..., 0] - around.unsqueeze(-1)) * 5
    return seen.flatten(-2).permute(0, 3, 1, 2)


def run(seen: Tensor, layers: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Return the angles to add along time and along frequency: (batch, frames, 4 groups)."""
    x = seen
    last = len(LAYERS) - 1
    for number, ((weight, bias), (_, _, kernel, dilation)) in enumerate(
        zip(layers, LAYERS, strict=True)
    ):
        padding = (kernel[0] // 2 * dilation, kernel[1] // 2)
        y = functional.conv2d(x, weight, bias, padding=padding, dilation=(dilation, 1))
        if number == last:
            x = y
            break
        if torch.is_grad_enabled():
            y = functional.silu(y)
            x = x + y if number else y
        else:  # the same in place, which spares memory and time
            functional.silu(y, inplace=True)
            x = y.add_(x) if number else y
    batch, _, frames, groups = x.shape
    x = x.permute(0, 2, 3, 1).reshape(batch, frames, groups * GROUP, 4).movedim(-1, 0).contiguous()
    return torch.atan2(x[1], x[0]), torch.atan2(x[3], x[2])
