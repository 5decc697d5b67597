"""The flags that say how a picture of a spectrogram was drawn."""

from __future__ import annotations

from typing import Any

from .flags import add, switch


def add_picture(parser: Any) -> None:
    """Add the conventions of a picture."""
    picture = parser.add_argument_group("picture", "how a .png, .jpg or .webp was drawn")
    picture.add_argument(
        "--image-range",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="decibels of black and of white; default: -80 0",
    )
    add(picture, "image_exponent", float, "exponent of a power law instead, such as 0.25")
    add(picture, "image_max", float, "the value of 0 dB or, with an exponent, of white")
    add(picture, "flip", bool, "whether low frequencies are at the bottom; default: true")
    switch(picture, "invert_colors", "black is loud")
    switch(picture, "stereo", "left is green, right is blue")
    add(picture, "cmap", str, "Matplotlib's colour map, such as magma")


def picture_conventions(settings: Any) -> dict[str, Any]:
    """Return the fields of :class:`ImageSpec` that were passed as flags."""
    given: dict[str, Any] = {
        "range_db": None if settings.image_range is None else tuple(settings.image_range),
        "exponent": settings.image_exponent,
        "max_value": settings.image_max,
        "flip": settings.flip,
        "invert_colors": settings.invert_colors or None,
        "channels": "stereo" if settings.stereo else None,
        "cmap": settings.cmap,
    }
    return {name: value for name, value in given.items() if value is not None}
