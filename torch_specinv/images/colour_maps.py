r"""Matplotlib's colour maps, and back from colours to values.

A map can be undone if its lightness rises or falls all the way. JPEG keeps lightness much better
than hue, so the nearest colour is sought with differences of hue weighted less; the colours of the
map itself are found exactly all the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from ..errors import SpecInvError, near_miss

#: Colours of a map.
LEVELS = 256

# Where a picture's map is not known, or is not the one named, these are tried.
_USUAL = (
    "magma", "viridis", "inferno", "plasma", "cividis", "gray", "hot", "afmhot", "cubehelix",
    "Blues", "YlGnBu", "bone", "copper", "jet", "turbo",
)  # fmt: skip
# Differences of hue (Cb, Cr) beside those of luma: of 1, .5, .25, .1 and .03 the best on pictures
# in eight maps, through JPEG with and without subsampled colours
_HUE = 0.25
# Distances between colours, in levels, and parts of a picture: JPEG of quality 50 has up to 23 % of
# its pixels further away than this, a figure with axes about 40 %, another map mostly 75 % and more
_FAR, _SHARE = 48.0, 0.25
# A picture's map is the one whose mean distance is less than this, and less by this factor than
# those of all others. Through JPEG of quality 75 and less the right one has up to 22 levels, or 28,
# and the next one 1.5 times that and more; of axes around a picture the two least are alike.
_FITS, _BETTER = 24.0, 1.5
# Pixels that are looked at to tell maps apart
_SAMPLE = 2**13
_CHUNK = 2**14


def colour(values: Tensor, name: str) -> Tensor:
    """Return the colours (..., 3), uint8, of values in [0, 1]."""
    places = (values * (LEVELS - 1)).round().long()
    return colour_table(name).to(values.device)[places].to(torch.uint8)


def values_of_colours(picture: Tensor, name: str) -> Tensor:
    """Return values (height, width) in [0, 1], float32, of colours (height, width, 3), uint8.

    Raises
    ------
    SpecInvError
        If the map is unknown or can't be undone, or the picture's colours are those of another.
    """
    table = colour_table(name).to(picture.device)
    _check_fit(picture, name)
    colours, inverse, _ = _distinct(picture)
    # several levels may have one colour, which then stands for their mean
    unique, where = torch.unique(table, dim=0, return_inverse=True)
    place = torch.zeros(len(unique), dtype=torch.float64, device=picture.device)
    level = torch.arange(LEVELS, dtype=torch.float64, device=picture.device)
    place = place.index_add(0, where, level) / torch.bincount(where)
    found = place[_nearest(colours, unique)] / (LEVELS - 1)
    return found.float()[inverse].reshape(picture.shape[:2])


def which_map(picture: Tensor) -> str | None:
    """Return the usual map whose colours those of a picture (height, width, 3) are, if any."""
    try:
        misfits = _misfits(picture, _USUAL)
    except SpecInvError:  # no matplotlib
        return None
    (least, _, name), (second, _, _) = misfits[:2]
    return name if least < _FITS and _BETTER * least < second else None


def turns(name: str) -> bool:
    """Whether the lightness of a map rises and falls, so that it can't be undone."""
    light = _lightness(_table(name)[1])
    return not bool((light.diff() * torch.sign(light[-1] - light[0]) > -1e-3).all())


def colour_table(name: str) -> Tensor:
    """Return the colours (256, 3) of a map that can be undone, float64 from 0 to 255."""
    if turns(name):
        raise SpecInvError(
            f"cmap={name!r}: its lightness rises and falls, so that different values look alike "
            "and colours can't be turned into values safely. Save the picture with a map such as "
            "'magma', 'viridis', 'inferno', 'cividis' or 'gray'."
        )
    return _table(name)[0]


@lru_cache(maxsize=64)
def _table(name: str) -> tuple[Tensor, Tensor]:
    """Return a map's colours (256, 3) as pictures hold them and, from 0 to 1, as they are meant."""
    try:
        from matplotlib import colormaps
    except ImportError as error:
        raise SpecInvError(
            f"cmap={name!r} needs matplotlib: python -m pip install 'torch_specinv[cli]'"
        ) from error
    if name not in colormaps:
        raise SpecInvError(
            f"cmap={name!r} is not one of matplotlib's colour maps."
            f"{near_miss(str(name), list(colormaps))} Such as 'magma', 'viridis', 'gray'."
        )
    found: Any = colormaps[name]
    values = torch.linspace(0, 1, LEVELS, dtype=torch.float64).numpy()
    table = torch.from_numpy(found(values, bytes=True)[:, :3].astype("float64"))
    return table, torch.from_numpy(found(values)[:, :3].astype("float64"))


def _lightness(colours: Tensor) -> Tensor:
    """Return CIELAB's L* of sRGB colours (..., 3) from 0 to 1."""
    linear = torch.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    y = linear @ linear.new_tensor([0.2126729, 0.7151522, 0.0721750])
    return 116 * torch.where(y > (6 / 29) ** 3, y ** (1 / 3), y * (29 / 6) ** 2 / 3 + 4 / 29) - 16


def _distinct(picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the colours (n, 3) of a picture, which of them each pixel has, and how many do."""
    red, green, blue = picture.reshape(-1, 3).long().unbind(-1)
    codes, inverse, counts = torch.unique(
        (red << 16) + (green << 8) + blue, return_inverse=True, return_counts=True
    )
    colours = torch.stack([codes >> 16, codes >> 8 & 255, codes & 255], -1)
    return colours.double(), inverse, counts


def _nearest(colours: Tensor, table: Tensor) -> Tensor:
    """Return the places of those colours of a table that are nearest to colours (n, 3)."""
    seen = _luma_and_hue(table)
    return torch.cat([
        torch.cdist(
            part, seen, compute_mode="donot_use_mm_for_euclid_dist"
        ).argmin(-1)
        for part in _luma_and_hue(colours).split(_CHUNK)
    ])  # fmt: skip


def _luma_and_hue(colours: Tensor) -> Tensor:
    """Return JPEG's Y, Cb and Cr, the latter two weighted less."""
    red, _, blue = colours.unbind(-1)
    luma = colours @ colours.new_tensor([0.299, 0.587, 0.114])
    return torch.stack([luma, _HUE * 0.564 * (blue - luma), _HUE * 0.713 * (red - luma)], -1)


def _distances(colours: Tensor, table: Tensor) -> Tensor:
    return (colours - table[_nearest(colours, table)]).square().sum(-1).sqrt()


def _misfits(picture: Tensor, names: Iterable[str]) -> list[tuple[float, float, str]]:
    """Return maps from the nearest on: mean distance of pixels, the part far away, and the name."""
    pixels = picture.reshape(-1, 3)
    chosen = torch.randint(len(pixels), (_SAMPLE,), generator=torch.Generator().manual_seed(0))
    colours, _, counts = _distinct(pixels[chosen.to(pixels.device)])
    parts = counts.double() / _SAMPLE
    found: list[tuple[float, float, str]] = []
    for name in names:
        distances = _distances(colours, _table(name)[0].to(colours))
        far = (distances > _FAR).double()
        found.append((float(distances @ parts), float(far @ parts), name))
    return sorted(found)


def _check_fit(picture: Tensor, name: str) -> None:
    """Raise if colours are not those of the map."""
    ((misfit, far, _),) = _misfits(picture, [name])
    if misfit < 1:
        return
    least, _, better = _misfits(picture, _USUAL)[0]
    another = least < _FITS and _BETTER * least < misfit
    if far > _SHARE or another:
        guess = f" They look like those of cmap={better!r}." if another else ""
        raise SpecInvError(
            f"cmap={name!r}: the picture's colours are not those of this map: they differ from its "
            f"nearest ones by {misfit:.0f} of 255 levels on average.{guess} Another map, or axes, "
            "labels and a colour bar around the spectrogram? Cut these off."
        )
