"""Picture files: every kind that Pillow opens becomes the right values, or one clear error."""

from __future__ import annotations

import io
import os
import struct
import sys
import zlib

import numpy as np
import pytest
import torch
from PIL import Image, JpegImagePlugin

from torch_specinv import SpecInvError
from torch_specinv.images import RIFFUSION
from torch_specinv.io import holds_picture, image_to_spectrogram, spectrogram_to_image


@pytest.fixture
def levels():
    return torch.randint(0, 256, (24, 32), dtype=torch.uint8).numpy()


@pytest.fixture
def smooth():
    """Return magnitudes whose level changes slowly, as JPEG likes it."""
    rows, frames = torch.meshgrid(torch.arange(48.0), torch.arange(64.0), indexing="ij")
    return 10 ** ((40 * torch.sin(rows / 9) * torch.cos(frames / 14) - 40) / 20)


def decibels(spec):
    return 20 * torch.log10(spec)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".PNG"])
@pytest.mark.parametrize("keywords", [{}, {"cmap": "magma"}, {"channels": "stereo"}])
def test_files_without_loss_hold_the_array(tmp_path, smooth, suffix, keywords):
    spec = torch.stack([smooth, smooth.flip(-1)]) if "channels" in keywords else smooth
    path = tmp_path / f"a{suffix}"
    picture = spectrogram_to_image(spec, path, **keywords)
    assert torch.equal(
        image_to_spectrogram(path, **keywords), image_to_spectrogram(picture, **keywords)
    )
    error = decibels(image_to_spectrogram(str(path), **keywords)) - decibels(spec)
    assert error.abs().max() <= 80 / 510 + 1e-3
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("keywords", "most", "mean"),
    [({}, 1.0, 0.3), ({"cmap": "magma"}, 6.0, 0.6), ({"cmap": "viridis"}, 6.0, 0.8)],
)
def test_jpeg_is_nearly_the_same(tmp_path, smooth, keywords, most, mean):
    path = tmp_path / "a.jpg"
    spectrogram_to_image(smooth, path, **keywords)
    error = (decibels(image_to_spectrogram(path, **keywords)) - decibels(smooth)).abs()
    assert error.max() < most
    assert error.mean() < mean
    spectrogram_to_image(smooth, tmp_path / "b.jpeg", quality=30, **keywords)
    assert (tmp_path / "b.jpeg").stat().st_size < path.stat().st_size


def test_our_jpeg_keeps_colours_in_full_resolution(tmp_path, smooth):
    spectrogram_to_image(smooth, tmp_path / "a.jpg", cmap="magma")
    with Image.open(tmp_path / "a.jpg") as picture:
        assert JpegImagePlugin.get_sampling(picture) == 0  # 4:4:4


@pytest.mark.parametrize("quality", [95, 75])
@pytest.mark.parametrize("name", ["magma", "viridis", "plasma", "cubehelix"])
def test_jpeg_with_subsampled_colours_is_understood(smooth, name, quality):
    """Other programs save a quarter of the colours only: lightness has to tell."""
    file = io.BytesIO()
    noisy = (smooth * torch.exp(0.3 * torch.randn(smooth.shape))).clamp_max(1)
    picture = spectrogram_to_image(noisy, cmap=name).numpy()
    Image.fromarray(picture).save(file, "JPEG", quality=quality, subsampling=2)
    found = image_to_spectrogram(Image.open(file), cmap=name)
    assert (decibels(found) - decibels(noisy)).abs().mean() < (0.9 if quality == 95 else 2.0)


def test_a_figure_of_matplotlib_comes_back(tmp_path, smooth):
    from matplotlib import image

    path = tmp_path / "a.png"
    shown = decibels(smooth).numpy()
    image.imsave(path, shown, cmap="inferno", vmin=-80, vmax=0, origin="lower")
    found = image_to_spectrogram(path, cmap="inferno")
    assert (decibels(found) - decibels(smooth)).abs().max() <= 80 / 256 + 1e-3


def save(tmp_path, image, name="a.png", **keywords):
    path = tmp_path / name
    image.save(path, **keywords)
    return path


def test_modes_of_pillow_that_mean_the_same(tmp_path, levels):
    grey = Image.fromarray(levels)
    expected = image_to_spectrogram(levels)
    shuffled = Image.fromarray(255 - levels)  # each index, looked up in a reversed palette
    shuffled.putpalette([255 - i // 3 for i in range(768)])
    wide = Image.fromarray(levels.astype(np.uint16) * 257)
    images = [
        grey,
        grey.convert("RGB"),
        grey.convert("RGBA"),
        grey.convert("LA"),
        grey.convert("P"),
        shuffled,
        wide,
        wide.convert("I"),
    ]
    assert {image.mode for image in images} == {"L", "RGB", "RGBA", "LA", "P", "I;16", "I"}
    for image in images:
        for source in (image, *([] if image.mode == "I" else [save(tmp_path, image)])):
            found = image_to_spectrogram(source)
            torch.testing.assert_close(found, expected, rtol=2e-6, atol=0)
    assert images[5].getpixel((0, 0)) == 255 - levels[0, 0]


def test_metadata_mean_nothing(tmp_path, levels):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    exif[11080] = 5.0  # riffusion's tag of the greatest value
    path = save(tmp_path, Image.fromarray(levels), exif=exif)
    expected = image_to_spectrogram(levels, RIFFUSION)
    assert torch.equal(image_to_spectrogram(path, RIFFUSION), expected)


def png(width, height, data=b"", depth=8):
    """Return a PNG file that says so of itself."""

    def chunk(kind, content):
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    header = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data))
        + chunk(b"IEND", b"")
    )  # fmt: skip


def refuse(path, message):
    with pytest.raises(SpecInvError, match=message) as caught:
        image_to_spectrogram(path)
    assert path.name in str(caught.value)


def test_what_pillow_opens_but_means_no_values(tmp_path, levels):
    grey = Image.fromarray(levels)
    clear = grey.convert("RGBA")
    clear.putpixel((3, 2), (0, 0, 0, 40))
    refuse(save(tmp_path, clear), "transparent in places .alpha from 40 to 255")
    refuse(save(tmp_path, clear, "a.webp", lossless=True, exact=True), "transparent in places")
    refuse(save(tmp_path, grey, transparency=int(levels[0, 0])), "transparent in places")
    palette = grey.convert("P")
    palette.info["transparency"] = int(levels[0, 0])
    refuse(save(tmp_path, palette), "transparent in places")
    refuse(save(tmp_path, grey.convert("1")), "1 bit")
    refuse(save(tmp_path, grey.convert("CMYK"), "a.jpg"), "CMYK")
    more = [grey.rotate(90)]
    refuse(save(tmp_path, grey, "b.png", save_all=True, append_images=more), "holds 2 pictures")
    refuse(save(tmp_path, grey, "b.webp", save_all=True, append_images=more), "holds 2 pictures")
    with pytest.raises(SpecInvError, match="mode 'HSV'"):
        image_to_spectrogram(grey.convert("RGB").convert("HSV"))
    with pytest.raises(SpecInvError, match="32-bit integers"):
        image_to_spectrogram(Image.fromarray(levels.astype(np.int32) * 70000))


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp"])
@pytest.mark.parametrize("kept", [0.0, 0.05, 0.5, 0.9])
def test_truncated_files(tmp_path, levels, name, kept):
    path = save(tmp_path, Image.fromarray(levels), name)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    refuse(path, "is empty|cannot be read as a picture|is not a PNG, JPEG or WebP")


def test_files_that_are_something_else(tmp_path, levels):
    for name, content in {"a.png": b"RIFF" + bytes(100), "b.png": b"GIF89a" + bytes(100)}.items():
        (tmp_path / name).write_bytes(content)
        refuse(tmp_path / name, "is not a PNG, JPEG or WebP")
    refuse(save(tmp_path, Image.fromarray(levels), "c.gif"), "is not a PNG, JPEG or WebP")
    (tmp_path / "d.png").mkdir()
    refuse(tmp_path / "d.png", "is a folder")
    os.mkfifo(tmp_path / "e.png")
    refuse(tmp_path / "e.png", "does not exist|is not a file|is a pipe")
    (tmp_path / "f.png").write_bytes(png(0, 5))
    refuse(tmp_path / "f.png", "cannot be read|is not a PNG")
    broken = bytearray(png(32, 24, bytes(33 * 24)))
    broken[43:47] = b"\xff\xff\xff\xff"  # where the compressed data begin
    (tmp_path / "g.png").write_bytes(broken)
    refuse(tmp_path / "g.png", "cannot be read as a picture")
    path = save(tmp_path, Image.fromarray(levels), "h.dat", format="PNG")  # the suffix does not say
    assert image_to_spectrogram(path).shape == (24, 32)


@pytest.mark.parametrize("side", [10_000, 200_000])
def test_decompression_bombs(tmp_path, side):
    path = tmp_path / "a.png"
    path.write_bytes(png(side, side))
    refuse(path, "decompression bomb.*MAX_IMAGE_PIXELS")


def test_writing_is_all_or_nothing(tmp_path, smooth, monkeypatch):
    path = tmp_path / "a.png"
    path.write_text("mine")
    with pytest.raises(SpecInvError, match=r"exists already.*force=True"):
        spectrogram_to_image(smooth, path)
    with pytest.raises(SpecInvError, match=r"can write \.png, \.jpg, \.jpeg, \.webp only"):
        spectrogram_to_image(smooth, tmp_path / "a.bmp")
    with pytest.raises(SpecInvError, match="does not exist"):
        spectrogram_to_image(smooth, tmp_path / "no" / "a.png")
    with pytest.raises(SpecInvError, match=r"can't hold a picture of 1 x 70000.*Try \.png"):
        spectrogram_to_image(torch.ones(1, 70_000), tmp_path / "wide.webp")

    def full_disk(self, file, *args, **keywords):
        file.write_text("some of it")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Image.Image, "save", full_disk)
        with pytest.raises(SpecInvError, match="cannot be written: No space left"):
            spectrogram_to_image(smooth, path, force=True)
    assert path.read_text() == "mine"
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]
    spectrogram_to_image(smooth, path, force=True)
    assert image_to_spectrogram(path).shape == smooth.shape


def test_pillow_is_named_where_it_is_missing(tmp_path, monkeypatch, smooth):
    path = tmp_path / "a.png"
    spectrogram_to_image(smooth, path)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(SpecInvError, match=r"reading .*needs Pillow.*torch_specinv\[images\]"):
        image_to_spectrogram(path)
    with pytest.raises(SpecInvError, match=r"writing .*needs Pillow.*torch_specinv\[images\]"):
        spectrogram_to_image(smooth, tmp_path / "b.png")


def test_suffixes(tmp_path):
    assert holds_picture(tmp_path / "a.JPG")
    assert not holds_picture(tmp_path / "a.npy")
