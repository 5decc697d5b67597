"""What is no picture, no spectrogram or no convention is refused, and says so."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from torch_specinv import SpecInvError
from torch_specinv.images import RIFFUSION, ImageSpec
from torch_specinv.io import image_to_spectrogram, spectrogram_to_image

HALF = torch.full((4, 5), 0.5)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (torch.zeros(7), r"shape \(7,\): expected \(height, width\)"),
        (torch.zeros(3, 40, 50), "Channels first"),
        (torch.zeros(40, 50, 2), r"Grey and alpha\? Pass image\[..., 0\]"),
        (torch.zeros(2, 40, 50, 3), "one picture at a time"),
        (torch.zeros(40, 50, 5), r"expected \(height, width\)"),
        (torch.zeros(0, 5), "holds no pixels"),
        (torch.zeros(4, 5, dtype=torch.int64), r"dtype torch.int64.*image.to\(torch.uint8\)"),
        (np.zeros((4, 5), np.int32), "dtype torch.int32"),
        (torch.zeros(4, 5, dtype=torch.bool), "A mask of two levels"),
        (torch.zeros(4, 5, dtype=torch.complex64), r"\.abs\(\)"),
        (255 * HALF, r"values from 127.5 to 127.5.*pass image / 255"),
        (-HALF, r"\(image \+ 1\) / 2"),
        (-80 * HALF, r"decibels.*10 \*\* \(spec / 20\)"),
        (HALF / 0, "NaN or infinite"),
        (HALF * torch.nan, "NaN or infinite"),
        (torch.rand(4, 5, 4), "transparent in places"),
        (np.array([[object()]]), "image has dtype object: expected numbers"),
        ([[1, 2], [3]], "image is a nested list that is no array"),
        ("nowhere.png", "nowhere.png does not exist"),
        (None, "image is a NoneType: expected"),
    ],
)
def test_no_picture(image, message):
    with pytest.raises(SpecInvError, match=message):
        image_to_spectrogram(image)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"range_db": (0, -80)}, r"range_db=\(0, -80\).*the first below the second.*invert_colors"),
        ({"range_db": -80}, "two finite numbers"),
        ({"range_db": (-80, 0, 5)}, "two finite numbers"),
        ({"range_db": (-np.inf, 0)}, "two finite numbers"),
        ({"range_db": ("a", "b")}, "two finite numbers"),
        ({"range_db": (-80, 0), "exponent": 0.25}, "one of them has to be None"),
        ({"exponent": 0}, "exponent=0: expected a finite number of more than 0"),
        ({"exponent": True}, "exponent=True: expected"),
        ({"max_value": -1.0}, "max_value=-1.0: expected"),
        ({"max_value": None}, "max_value=None: expected"),
        ({"power": float("nan")}, "power=nan: expected"),
        ({"exponent": 0.5, "power": 2.0}, "power=2.0 is of decibels"),
        ({"flip": "yes"}, "flip='yes': expected True or False"),
        ({"channels": "rgb"}, "channels='rgb' is unknown.*grey, stereo"),
        ({"channels": "stereo", "cmap": "magma"}, "not both"),
        ({"cmap": ["magma"]}, "expected matplotlib's name of a map"),
        ({"cmap": "magna"}, "not one of matplotlib's.*Did you mean 'magma'"),
        ({"range": (-80, 0)}, "unknown keyword 'range'.*Did you mean 'range_db'"),
    ],
)
def test_no_convention(keywords, message):
    with pytest.raises(SpecInvError, match=message):
        image_to_spectrogram(torch.zeros(4, 5), **keywords)
    with pytest.raises(SpecInvError, match=message):
        spectrogram_to_image(torch.zeros(4, 5), **keywords)


def test_conventions_are_changed_by_keywords():
    changed = ImageSpec.read(RIFFUSION, {"exponent": None, "range_db": (-60, 0)})
    assert (changed.decibels, changed.invert_colors) == ((-60.0, 0.0), True)
    assert ImageSpec(range_db=[-60, 0]) == ImageSpec(range_db=(-60.0, 0.0))
    assert hash(ImageSpec(range_db=[-60, 0]))
    with pytest.raises(SpecInvError, match="expected an ImageSpec"):
        image_to_spectrogram(HALF, "riffusion")


@pytest.mark.parametrize(
    ("spec", "keywords", "message"),
    [
        (torch.zeros(7), {}, r"expected \(..., bins, frames\)"),
        (torch.zeros(2, 4, 5), {}, "channels='stereo'"),
        (torch.zeros(3, 4, 5), {}, "one picture at a time"),
        (torch.zeros(4, 5), {"channels": "stereo"}, r"expected \(2, rows, frames\)"),
        (torch.zeros(1, 2, 4, 5), {"channels": "stereo"}, "one picture at a time"),
        (torch.zeros(4, 0), {}, "holds no values"),
        (-HALF, {}, "negative values"),
        (HALF / 0, {}, "NaN or infinite"),
        (torch.zeros(4, 5, dtype=torch.uint8), {}, "dtype torch.uint8"),
        (HALF, {"quality": 0}, "quality=0"),
        (HALF, {"quality": 101}, "quality=101"),
    ],
)
def test_no_spectrogram(spec, keywords, message):
    with pytest.raises(SpecInvError, match=message):
        spectrogram_to_image(spec, **keywords)
