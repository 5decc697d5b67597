"""PNG, JPEG and WebP files. The only place that knows Pillow."""

from __future__ import annotations

import sys
import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import SpecInvError
from .files import existing
from .outputs import atomic, check_paths

#: Files that are read and written as pictures, and Pillow's names of their formats.
PICTURE_SUFFIXES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}

_READ = ("PNG", "JPEG", "WEBP")
# Modes of Pillow with one channel and with three, of 8 bits each
_PLAIN = {"L": "L", "RGB": "RGB"}
_WITH_ALPHA = {"LA": "L", "RGBA": "RGB"}
_REFUSED = {
    "1": "holds black and white only (1 bit), which is too little for the levels of a spectrogram. "
    "Save it in 8 bits",
    "CMYK": "is in the colours of print (CMYK), which do not come back exactly. Save it in RGB",
}


def holds_picture(path: Path) -> bool:
    """Whether a file is to be read as a picture, by its suffix."""
    return path.suffix.lower() in PICTURE_SUFFIXES


def read_picture(path: str | Path) -> Tensor:
    """Read a PNG, JPEG or WebP file, whatever its suffix is.

    Returns
    -------
    Tensor
        Shape (height, width) or (height, width, 3), uint8, or uint16 of grey PNG files of 16 bits.

    Raises
    ------
    SpecInvError
        If the file is missing, damaged, animated, transparent, too large for Pillow's limit, or
        none of these formats.
    """
    pillow = _pillow(f"reading {path}")
    path = existing(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error", pillow.DecompressionBombWarning)
        try:
            with pillow.open(path, formats=_READ) as picture:
                return picture_to_tensor(picture, str(path))
        except SpecInvError:
            raise
        except pillow.UnidentifiedImageError as error:
            raise SpecInvError(f"{path} is not a PNG, JPEG or WebP picture, or damaged.") from error
        except (pillow.DecompressionBombError, pillow.DecompressionBombWarning) as error:
            raise SpecInvError(
                f"{path}: {error} If you trust it, raise PIL.Image.MAX_IMAGE_PIXELS."
            ) from error
        except Exception as error:  # damaged files raise errors of many kinds
            raise SpecInvError(
                f"{path} cannot be read as a picture: {error} (an interrupted download?)"
            ) from error


def is_pillow(value: object) -> bool:
    """Whether a value is an image of Pillow."""
    module: Any = sys.modules.get("PIL.Image")
    return module is not None and isinstance(value, module.Image)


def picture_to_tensor(picture: Any, name: str) -> Tensor:
    """Return an image of Pillow as a tensor; see :func:`read_picture`."""
    if getattr(picture, "n_frames", 1) > 1:
        raise SpecInvError(
            f"{name} is animated or holds {picture.n_frames} pictures: save the one that is meant."
        )
    if picture.mode in _REFUSED:
        raise SpecInvError(f"{name} {_REFUSED[picture.mode]}.")
    transparent = "transparency" in picture.info
    if picture.mode in ("P", "PA"):
        # the order of a palette's colours means nothing
        transparent = transparent or picture.mode == "PA"
        picture = picture.convert("RGBA" if transparent else "RGB")
    elif transparent and picture.mode in _PLAIN:
        picture = picture.convert("RGBA")
    if picture.mode in _WITH_ALPHA:
        lowest, _ = picture.getchannel("A").getextrema()
        if lowest < 255:
            raise SpecInvError(
                f"{name} is transparent in places (alpha from {lowest} to 255), and what shows "
                "there is not known. Save it without alpha, on the background that was meant."
            )
        picture = picture.convert(_WITH_ALPHA[picture.mode])
    if picture.mode.startswith("I"):
        values = np.asarray(picture).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise SpecInvError(f"{name} holds 32-bit integers: save it in 8 or 16 bits.")
        return torch.from_numpy(values.astype(np.uint16))
    if picture.mode not in _PLAIN:
        raise SpecInvError(
            f"{name} is in Pillow's mode {picture.mode!r}: expected grey or RGB. Try "
            "image.convert('RGB')."
        )
    return torch.from_numpy(np.array(picture))


def write_picture(path: Path, picture: Tensor, *, quality: int, force: bool) -> None:
    """Write a picture (height, width[, 3]), uint8, all of it or nothing.

    PNG and WebP are written without loss, JPEG with `quality` and colours in full resolution.
    """
    pillow = _pillow(f"writing {path}")
    image = pillow.fromarray(picture.cpu().contiguous().numpy())
    kind = PICTURE_SUFFIXES[path.suffix.lower()]
    options: dict[str, Any] = {
        "PNG": {},
        "JPEG": {"quality": quality, "subsampling": 0},
        "WEBP": {"lossless": True},
    }[kind]
    with atomic(path, force=force) as temporary:
        try:
            image.save(temporary, kind, **options)
        except (ValueError, OSError) as error:
            if getattr(error, "errno", None) is not None:  # the disk, which `atomic` reports
                raise
            height, width = picture.shape[:2]
            raise SpecInvError(
                f"{path} can't hold a picture of {height} x {width} pixels: {error}. Try .png."
            ) from error


def check_picture(path: str | Path, *, force: bool) -> Path:
    """Raise, before any work, if a picture could not be written to `path` later."""
    path = check_paths([path], PICTURE_SUFFIXES, force=force)[0]
    _pillow(f"writing {path}")
    return path


def _pillow(what: str) -> Any:
    """Return Pillow's module, and its errors."""
    try:
        from PIL import Image
    except ImportError as error:
        raise SpecInvError(
            f"{what} needs Pillow: python -m pip install 'torch_specinv[images]'"
        ) from error
    return Image


def encode_picture(pixels: Tensor) -> bytes:
    """Return grey values (height, width), uint8, as the bytes of a PNG file."""
    file = BytesIO()
    _pillow("pictures").fromarray(pixels.cpu().numpy()).save(file, "PNG", optimize=True)
    return file.getvalue()
