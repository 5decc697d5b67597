"""From a picture of grey values, of two channels or of colours to values, and back."""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import SpecInvError, warn
from ..transform.geometry import ConventionWarning
from .colour_maps import colour, turns, values_of_colours, which_map
from .conventions import ImageSpec

# Channels of a grey picture may differ by this, after JPEG or as a network made them, and by more
# in this part of its pixels.
_GREY, _SHARE = 0.125, 1e-3


def values_of(picture: Tensor, conventions: ImageSpec) -> Tensor:
    """Return what the channels of a picture hold.

    Parameters
    ----------
    picture : Tensor
        Shape (height, width) or (height, width, channels) with 1 or 3 channels, from 0 to 1, real.
    conventions : ImageSpec
        Of these, `channels`, `cmap` and `flip` are undone here.

    Returns
    -------
    Tensor
        Shape (rows, frames) or, of "stereo", (2, rows, frames), from 0 to 1, low frequencies first.

    Raises
    ------
    SpecInvError
        If the channels do not hold that.
    """
    if conventions.channels == "stereo":
        values = _stereo(picture)
    elif conventions.cmap is not None:
        colours = picture if picture.ndim == 3 else picture[..., None]
        colours = colours.expand(*colours.shape[:2], 3)
        values = values_of_colours(as_bytes(colours), conventions.cmap).to(picture.dtype)
    else:
        values = _grey(picture)
    return values.flip(-2) if conventions.flip else values


def picture_of(values: Tensor, conventions: ImageSpec) -> Tensor:
    """Return the picture (height, width[, 3]), uint8, of values from 0 to 1; see `values_of`."""
    if conventions.flip:
        values = values.flip(-2)
    if conventions.cmap is not None:
        return colour(values, conventions.cmap)
    if conventions.channels == "stereo":
        left, right = values
        values = torch.stack([torch.zeros_like(left), left, right], -1)
    return as_bytes(values)


def as_bytes(values: Tensor) -> Tensor:
    """Return values from 0 to 1 in 256 levels, uint8."""
    return (values * 255).round().to(torch.uint8)


def _grey(picture: Tensor) -> Tensor:
    if picture.ndim == 2:
        return picture
    if picture.shape[-1] == 1:
        return picture[..., 0]
    spread = picture.amax(-1) - picture.amin(-1)
    if float((spread > _GREY).double().mean()) > _SHARE:
        if float(picture[..., 0].max()) <= 1 / 255:
            cure = "Red holds nothing, as in riffusion's stereo pictures: pass channels='stereo'."
        else:
            cure = _cure_of_colours(picture)
        raise SpecInvError(
            f"image holds colours: its channels differ by up to {float(spread.max()) * 255:.0f} of "
            f"255 levels, so they are no grey values. {cure}"
        )
    red, green, blue = picture.unbind(-1)
    # luma, which is exactly the same as they where they are equal
    return red + 0.587 * (green - red) + 0.114 * (blue - red)


def _cure_of_colours(picture: Tensor) -> str:
    name = which_map(as_bytes(picture))
    if name is None:
        return "If they are those of one of matplotlib's maps, name it: cmap='magma' or 'viridis'."
    if turns(name):
        return (
            f"They look like those of {name!r}, whose lightness rises and falls: they can't be "
            "turned into values safely. Save the picture with another map."
        )
    return f"They look like those of a map: pass cmap={name!r}."


def _stereo(picture: Tensor) -> Tensor:
    if picture.ndim == 2 or picture.shape[-1] != 3:
        raise SpecInvError(
            f"image has shape {tuple(picture.shape)}: channels='stereo' is left in green and right "
            "in blue, so there have to be three channels. A mono picture is channels='grey'."
        )
    red, green, blue = picture.unbind(-1)
    if torch.equal(red, green) and torch.equal(red, blue) and bool(red.any()):
        warn(
            "channels='stereo', but red, green and blue are equal: this is a mono picture, and "
            "both channels will be the same. Pass channels='grey'.",
            ConventionWarning,
        )
    return torch.stack([green, blue])
