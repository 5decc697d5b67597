"""Pictures of spectrograms to spectrograms, and back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Unpack

import torch
from torch import Tensor

from ..checks import check_finite, check_spectrogram, lift
from ..errors import SpecInvError, check_count, check_switch
from ..images import ImageKeywords, ImageSpec, picture_of, values_of
from ..tensors import any_tensor
from .pictures import check_picture, is_pillow, picture_to_tensor, read_picture, write_picture

_FULL = {torch.uint8: 255, torch.uint16: 65535}


def image_to_spectrogram(
    image: Any, conventions: ImageSpec | None = None, **changes: Unpack[ImageKeywords]
) -> Tensor:
    r"""Turn a picture of a spectrogram into the spectrogram.

    Axes, labels and margins can't be told from sound: cut them off first. Metadata such as EXIF
    are ignored.

    Parameters
    ----------
    image : str, Path, PIL.Image.Image, array or Tensor
        A PNG, JPEG or WebP file (``pip install 'torch_specinv[images]'``), or values (height,
        width) or (height, width, channels) with 1, 3 or 4 channels: uint8, uint16, or floating from
        0 to 1. A fourth channel, alpha, has to be opaque.
    conventions : ImageSpec, optional
        Such as :data:`torch_specinv.images.RIFFUSION`. Default: those of ``ImageSpec()``, grey
        values for -80 to 0 dB.
    **changes
        Fields of :class:`torch_specinv.images.ImageSpec` that are different: `range_db`,
        `exponent`, `max_value`, `power`, `flip`, `invert_colors`, `channels`, `cmap`.

    Returns
    -------
    Tensor
        Shape (rows, frames), or (2, rows, frames) of "stereo": magnitudes or powers, not negative,
        low frequencies first; mel or linear, as the picture was. float32, or float64 of a
        float64 picture, on the device of the picture. A floating grey or stereo picture keeps its
        gradient.

    Raises
    ------
    SpecInvError
        If the file can't be read, the picture is not of these kinds, or it does not hold what the
        conventions say: colours without `cmap`, or those of another map.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.io import image_to_spectrogram
    >>> picture = torch.tensor([[0, 128, 255], [255, 0, 51]], dtype=torch.uint8)
    >>> image_to_spectrogram(picture, exponent=0.5, max_value=2.0)
    tensor([[2.0000, 0.0000, 0.0800],
            [0.0000, 0.5039, 2.0000]])
    """
    chosen = ImageSpec.read(conventions, changes)
    return chosen.restore(values_of(_read(image), chosen))


def spectrogram_to_image(
    spec: Any,
    path: str | Path | None = None,
    conventions: ImageSpec | None = None,
    *,
    quality: int = 95,
    force: bool = False,
    **changes: Unpack[ImageKeywords],
) -> Tensor:
    r"""Make a picture of a spectrogram, from which :func:`image_to_spectrogram` makes it again.

    Grey values are rounded to the nearest of 256 levels: with decibels from a to b, by at most
    (b - a) / 510 dB. JPEG adds to that.

    Parameters
    ----------
    spec : Tensor or array
        Shape (rows, frames), or (2, rows, frames) with ``channels="stereo"``: magnitudes, powers or
        a mel spectrogram before its logarithm. Of complex values the magnitude is taken.
    path : str or Path, optional
        A file to write as well: .png or .webp, both without loss, or .jpg. All of it or nothing is
        written.
    conventions : ImageSpec, optional
        As of :func:`image_to_spectrogram`.
    quality : int, default 95
        Of a JPEG file, from 1 to 100.
    force : bool, default False
        Overwrite an existing file.
    **changes
        As of :func:`image_to_spectrogram`.

    Returns
    -------
    Tensor
        The picture (height, width) or, with channels or a map, (height, width, 3), uint8, on the
        device of `spec`.

    Raises
    ------
    SpecInvError
        If `spec` is not a spectrogram, or the file can't be written.

    Warns
    -----
    ConventionWarning
        If the spectrogram is louder than white, or all of it below black.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv.io import image_to_spectrogram, spectrogram_to_image
    >>> spec = torch.rand(513, 40, generator=torch.manual_seed(0))
    >>> picture = spectrogram_to_image(spec, range_db=(-100, 0), cmap="magma")
    >>> picture.shape, picture.dtype
    (torch.Size([513, 40, 3]), torch.uint8)
    >>> again = image_to_spectrogram(picture, range_db=(-100, 0), cmap="magma")
    >>> bool((20 * torch.log10(again / spec)).abs().max() < 100 / 510 + 1e-4)
    True
    """
    chosen = ImageSpec.read(conventions, changes)
    if check_count("quality", quality) > 100:
        raise SpecInvError(f"quality={quality}: expected 1 to 100.")
    check_switch("force", force)
    file = None if path is None else check_picture(path, force=force)
    picture = picture_of(chosen.record(_read_spectrogram(spec, chosen)), chosen)
    if file is not None:
        write_picture(file, picture, quality=quality, force=force)
    return picture


def _read(image: Any) -> Tensor:
    """Return a picture (height, width) or (height, width, 1 or 3), floating, from 0 to 1."""
    if isinstance(image, (str, os.PathLike)):
        picture = read_picture(Path(image))
    elif is_pillow(image):
        picture = picture_to_tensor(image, "image")
    else:
        picture = any_tensor(image, "image")
    _check_shape(picture)
    if picture.dtype in _FULL:
        full = _FULL[picture.dtype]
        picture = picture.float() / full
    elif picture.is_floating_point():
        picture = _check_values(lift(picture))
    else:
        raise SpecInvError(
            f"image has dtype {picture.dtype}: expected uint8, uint16, or floating from 0 to 1. "
            + (
                "A mask of two levels is no spectrogram."
                if picture.dtype == torch.bool
                else "Of a complex spectrogram take .abs(): it is no picture."
                if picture.is_complex()
                else "If it holds 0 to 255, pass image.to(torch.uint8), or image.astype('uint8')."
            )
        )
    if picture.ndim == 3 and picture.shape[-1] == 4:
        alpha = picture[..., 3]
        if bool((alpha < 1).any()):
            raise SpecInvError(
                f"image is transparent in places (its fourth channel goes down to "
                f"{float(alpha.min()):.3g}), and what shows there is not known. Pass "
                "image[..., :3] if alpha means nothing."
            )
        picture = picture[..., :3]
    return picture


def _check_shape(picture: Tensor) -> None:
    shape = tuple(picture.shape)
    if picture.ndim == 2 or (picture.ndim == 3 and shape[-1] in (1, 3, 4)):
        if picture.numel() == 0:
            raise SpecInvError(f"image has shape {shape}, which holds no pixels.")
        return
    cure = ""
    if picture.ndim == 3 and shape[0] in (1, 3, 4):
        cure = " Channels first? Pass torch.movedim(image, 0, -1)."
    elif picture.ndim == 3 and shape[-1] == 2:
        cure = " Grey and alpha? Pass image[..., 0]."
    elif picture.ndim > 2:
        cure = " A batch? Pass one picture at a time."
    raise SpecInvError(
        f"image has shape {shape}: expected (height, width) or (height, width, channels) with 1, 3 "
        f"or 4 channels.{cure}"
    )


def _check_values(picture: Tensor) -> Tensor:
    check_finite(picture, "image")
    low, high = picture.detach().aminmax()
    if low < 0 or high > 1 + 1e-6:
        cure = (
            "If they go from -1 to 1, pass (image + 1) / 2; if they are decibels or a logarithm, "
            "they are no picture: undo that, for example 10 ** (spec / 20), and invert it."
            if low < 0
            else "If they go from 0 to 255, pass image / 255."
        )
        raise SpecInvError(
            f"image holds values from {float(low):.4g} to {float(high):.4g}: floating ones go from "
            f"0, black, to 1, white. {cure}"
        )
    return picture.clamp_max(1)


def _read_spectrogram(spec: Any, conventions: ImageSpec) -> Tensor:
    """Return a spectrogram (rows, frames) or (2, rows, frames), real and not negative."""
    spec = any_tensor(spec, "spec")
    check_spectrogram(spec)
    spec = lift(spec).abs()
    stereo = conventions.channels == "stereo"
    if not stereo and spec.ndim == 3 and len(spec) == 1:
        spec = spec[0]
    if spec.ndim != 2 + stereo or (stereo and len(spec) != 2):
        expected = "(2, rows, frames)" if stereo else "(rows, frames)"
        cure = " Two channels: pass channels='stereo'." if spec.shape[:-2] == (2,) else ""
        raise SpecInvError(
            f"spec has shape {tuple(spec.shape)}: expected {expected} with "
            f"channels={conventions.channels!r}, one picture at a time.{cure}"
        )
    return spec
