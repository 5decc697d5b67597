"""Pictures of spectrograms: their values, channels and colours come back."""

from __future__ import annotations

import itertools
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from torch_specinv import ConventionWarning, SpecInvError
from torch_specinv.images import RIFFUSION, ImageSpec
from torch_specinv.io import image_to_spectrogram, spectrogram_to_image


def some_spectrogram(*shape, low=-95.0, high=0.0):
    """Return magnitudes that are evenly spread in decibels, one of them 0 dB."""
    spec = 10 ** ((low + (high - low) * torch.rand(*shape)) / 20)
    spec.view(-1)[0] = 10 ** (high / 20)
    return spec


def some_bytes(*shape):
    return torch.randint(0, 256, shape, dtype=torch.uint8)


def decibels(spec):
    return 20 * torch.log10(spec)


# ------------------------------------------------------------------------------ values


def test_decibels_are_those_of_the_formula():
    picture = some_bytes(20, 7).numpy()
    level = picture[::-1].astype(np.float64) / 255
    expected = 2.5 * 10 ** ((-90 + 100 * level) / 20)
    found = image_to_spectrogram(picture, range_db=(-90, 10), max_value=2.5)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)
    powers = image_to_spectrogram(picture, range_db=(-90, 10), max_value=2.5, power=2)
    np.testing.assert_allclose(powers.numpy(), 2.5 * (expected / 2.5) ** 2, rtol=1e-5)


def test_what_librosa_draws_comes_back():
    """The decibels of librosa.power_to_db(power, ref=np.max), in grey from -80 to 0."""
    power = some_spectrogram(30, 9, low=-79, high=20).double().numpy() ** 2
    shown = 10 * np.log10(power / power.max())
    values = np.maximum(shown, -80) / 80 + 1
    kept = np.maximum(power, power.max() * 1e-8)
    found = image_to_spectrogram(values, flip=False, power=2, max_value=power.max())
    np.testing.assert_allclose(found, kept, rtol=1e-9)


def test_riffusion_is_its_recipe():
    """What image_util.py of riffusion does, written out: 255 - 255 (Y / max)^.25, and back."""
    mel = 46e6 * torch.rand(2, 12, 9, dtype=torch.float64).numpy() ** 4
    peak = mel.max()
    levels = (255 - 255 * (mel / peak) ** 0.25).astype(np.uint8)[:, ::-1]
    back = peak * ((255 - levels[:, ::-1].astype(np.float64)) / 255) ** 4
    mono = np.stack([levels[0]] * 3, -1)
    stereo = np.stack([np.zeros_like(levels[0]), *levels], -1)
    found = image_to_spectrogram(mono, RIFFUSION, max_value=float(peak))
    np.testing.assert_allclose(found, back[0], rtol=1e-5)
    found = image_to_spectrogram(stereo, RIFFUSION, channels="stereo", max_value=float(peak))
    np.testing.assert_allclose(found, back, rtol=1e-5)
    # ours are rounded, its own are cut: 1 level at most
    ours = spectrogram_to_image(mel, None, RIFFUSION, channels="stereo", max_value=float(peak))
    assert np.abs(ours.numpy().astype(int) - stereo).max() <= 1
    assert not ours[..., 0].any()
    assert image_to_spectrogram(np.zeros((2, 2), np.uint8), RIFFUSION).max() == 30e6


def test_white_black_and_what_is_beyond():
    spec = torch.tensor([[0.0, 1e-6, 1e-4, 1e-2, 1.0]])
    assert spectrogram_to_image(spec).tolist() == [[0, 0, 0, 128, 255]]
    assert spectrogram_to_image(spec, invert_colors=True).tolist() == [[255, 255, 255, 128, 0]]
    assert spectrogram_to_image(spec, exponent=0.5).tolist() == [[0, 0, 3, 26, 255]]
    with pytest.warns(ConventionWarning, match=r"reaches 40\.0 dB.*louder.*max_value=100,"):
        assert spectrogram_to_image(100 * spec).tolist() == [[0, 0, 128, 255, 255]]
    with pytest.warns(ConventionWarning, match=r"-100\.0 dB.*all of the picture is black"):
        spectrogram_to_image(1e-5 * spec)
    with pytest.warns(ConventionWarning, match=r"reaches 100, but white is 2.*max_value=100 or"):
        spectrogram_to_image(100 * spec, exponent=0.5, max_value=2.0)
    assert not spectrogram_to_image(torch.zeros(3, 4)).any()  # silence is black, and no mistake


def test_low_frequencies_are_at_the_bottom():
    spec = torch.tensor([[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]])
    assert spectrogram_to_image(spec)[:, 0].tolist() == [0, 0, 255]
    assert spectrogram_to_image(spec, flip=False)[:, 0].tolist() == [255, 0, 0]
    picture = spectrogram_to_image(spec)
    assert image_to_spectrogram(picture)[:, 0].tolist() == pytest.approx([1, 1e-4, 1e-4])
    upside_down = image_to_spectrogram(picture, flip=False)
    assert upside_down[:, 0].tolist() == pytest.approx([1e-4, 1e-4, 1])


# ------------------------------------------------------------------------------ round trips

VALUES = [{"range_db": (-80, 0)}, {"exponent": 0.25}, {"range_db": (-100.0, 20.0), "power": 2.0}]
HOLDERS = [{}, {"cmap": "magma"}, {"cmap": "inferno_r"}, {"channels": "stereo"}]


@pytest.mark.parametrize(
    ("values", "holder", "flip", "inverted"),
    list(itertools.product(VALUES, HOLDERS, (True, False), (True, False))),
)
def test_round_trip_within_half_a_step(values, holder, flip, inverted):
    conventions = ImageSpec(**values, **holder, flip=flip, invert_colors=inverted, max_value=3.0)
    spec = 3 * some_spectrogram(2, 33, 21)
    spec = spec if "channels" in holder else spec[0]
    picture = spectrogram_to_image(spec, None, conventions)
    again = image_to_spectrogram(picture, conventions)
    assert picture.dtype == torch.uint8
    assert picture.shape == (33, 21, 3)[: 3 if holder else 2]
    assert again.shape == spec.shape
    if conventions.exponent is not None:
        error = (again / 3) ** 0.25 - (spec / 3) ** 0.25
        assert error.abs().max() <= 0.5 / 255 + 1e-5
    else:
        low, high = conventions.decibels
        factor = 1 / conventions.power
        error = decibels(again / 3) - decibels((spec / 3).clamp_min(10 ** (low / factor / 20)))
        assert (error * factor).abs().max() <= (high - low) / 510 + 1e-3


@settings(max_examples=60, deadline=None)
@given(
    low=st.floats(-200, 50),
    width=st.floats(1, 200),
    max_value=st.floats(1e-5, 1e5),
    rows=st.integers(1, 9),
    frames=st.integers(1, 9),
    seed=st.integers(0, 2**31),
)
def test_any_picture_comes_back_exactly(low, width, max_value, rows, frames, seed):
    picture = torch.randint(
        0, 256, (rows, frames), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed)
    )
    picture[0, 0] = 255  # else it is quiet, or all black, of which there is a warning
    conventions = ImageSpec(range_db=(low, low + width), max_value=max_value)
    again = spectrogram_to_image(image_to_spectrogram(picture, conventions), None, conventions)
    assert torch.equal(again, picture)


def test_kinds_of_arrays_agree():
    picture = some_bytes(6, 5)
    expected = image_to_spectrogram(picture)
    same = [
        picture.numpy(),
        picture.numpy()[::-1][::-1],
        picture.mT.contiguous().mT,
        picture[..., None],
        picture[..., None].expand(6, 5, 3),
        torch.cat([picture[..., None].expand(6, 5, 3), torch.full((6, 5, 1), 255)], -1).byte(),
        picture.numpy().astype(np.uint16) * 257,
        (picture.numpy().astype(np.uint16) * 257).astype(">u2"),
        (picture.int() * 257).to(torch.uint16),
        picture.float() / 255,
        (picture.float() / 255).tolist(),
        picture.double() / 255,
    ]
    for image in same:
        found = image_to_spectrogram(image)
        torch.testing.assert_close(found.float(), expected, rtol=2e-6, atol=0)
    assert found.dtype == torch.float64
    assert image_to_spectrogram(picture.half() / 255).dtype == torch.float32


def test_steps_of_16_bits_are_finer():
    levels = torch.arange(65536, dtype=torch.int32).to(torch.uint16).reshape(256, 256)
    found = decibels(image_to_spectrogram(levels, flip=False)).flatten()
    torch.testing.assert_close(found, torch.linspace(-80, 0, 65536), rtol=0, atol=1e-3)


def test_gradients_reach_the_picture():
    picture = torch.rand(4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda image: image_to_spectrogram(image), picture)


def test_spectrograms_of_all_kinds():
    spec = some_spectrogram(5, 4)
    expected = spectrogram_to_image(spec)
    angle = torch.polar(torch.ones(5, 4), 6 * torch.rand(5, 4))
    for same in (spec[None], spec.numpy(), spec * angle, spec.requires_grad_(), spec.double()):
        assert torch.equal(spectrogram_to_image(same), expected)


# ------------------------------------------------------------------------------ colour maps

MAPS = ["magma", "inferno", "plasma", "hot", "bone", "cubehelix", "gist_heat"]
# of whose 256 colours some are equal, in 8 bits
COARSER = ["viridis", "cividis", "gray", "Greys", "binary", "Blues"]


@pytest.mark.parametrize("name", MAPS + COARSER)
@pytest.mark.parametrize("reverse", ["", "_r"])
def test_maps_of_matplotlib_come_back(name, reverse):
    """Colours as imshow and imsave make them, not as spectrogram_to_image does."""
    from matplotlib import colormaps

    values = torch.rand(64, 50, dtype=torch.float64)
    picture = colormaps[name + reverse](values.numpy(), bytes=True)  # opaque RGBA
    found = (decibels(image_to_spectrogram(picture, cmap=name + reverse, flip=False)) + 80) / 80
    error = (found - values).abs()
    # matplotlib cuts values into 256 steps; of the first one its lower edge comes back, of the last
    # one its upper edge
    assert error.max() <= (1 if name in MAPS else 2) / 256 + 1e-6
    assert error.mean() <= (0.345 if name in MAPS else 0.385) / 256


@pytest.mark.parametrize("name", ["jet", "turbo", "coolwarm", "hsv", "tab10", "twilight"])
def test_maps_whose_lightness_turns_are_refused(name):
    with pytest.raises(SpecInvError, match=f"cmap='{name}': its lightness rises and falls"):
        image_to_spectrogram(some_bytes(4, 4, 3), cmap=name)
    with pytest.raises(SpecInvError, match="its lightness rises and falls"):
        spectrogram_to_image(torch.rand(4, 4), cmap=name)


def colours(name, values):
    from matplotlib import colormaps

    return torch.from_numpy(colormaps[name](values.numpy(), bytes=True)[..., :3].copy())


def test_colours_without_a_map_and_of_another_map_are_refused():
    values = torch.rand(40, 30)
    for name in ("magma", "viridis", "inferno", "hot"):
        with pytest.raises(SpecInvError, match=f"holds colours.*pass cmap='{name}'"):
            image_to_spectrogram(colours(name, values))
    with pytest.raises(SpecInvError, match=r"holds colours.*name it: cmap='magma'"):
        image_to_spectrogram(some_bytes(40, 30, 3))
    for wrong, right in itertools.permutations(("magma", "viridis", "inferno", "gray"), 2):
        with pytest.raises(SpecInvError, match=f"cmap='{wrong}': .* like those of cmap='{right}'"):
            image_to_spectrogram(colours(right, values), cmap=wrong)
    with pytest.raises(SpecInvError, match=r"cmap='magma': .*Another map, or axes"):
        image_to_spectrogram(some_bytes(40, 30, 3), cmap="magma")
    with pytest.raises(SpecInvError, match="like those of 'jet', whose lightness rises and falls"):
        image_to_spectrogram(colours("jet", values))
    framed = torch.full((80, 60, 3), 255, dtype=torch.uint8)
    framed[10:70, 8:50] = colours("magma", torch.rand(60, 42))
    with pytest.raises(SpecInvError, match=r"axes, labels and a colour bar.*Cut these off"):
        image_to_spectrogram(framed, cmap="magma")


def test_a_single_tone_in_colours_is_no_grey():
    values = torch.zeros(100, 80)
    values[40] = 0.6
    with pytest.raises(SpecInvError, match="holds colours"):
        image_to_spectrogram(colours("inferno", values))


def test_nearly_grey_is_grey():
    grey = some_bytes(40, 30, 1).float() / 255
    uneven = (grey + 0.015 * torch.randn(40, 30, 3)).clamp(0, 1)
    found = (decibels(image_to_spectrogram(uneven, flip=False)) + 80) / 80
    luma = uneven @ torch.tensor([0.299, 0.587, 0.114])
    torch.testing.assert_close(found, luma, rtol=0, atol=1e-4)


def test_stereo_and_mono_are_told_apart():
    grey = some_bytes(8, 6, 1).expand(8, 6, 3)
    with pytest.warns(ConventionWarning, match="red, green and blue are equal"):
        image_to_spectrogram(grey, channels="stereo")
    with pytest.raises(SpecInvError, match="there have to be three channels"):
        image_to_spectrogram(grey[..., 0], channels="stereo")
    stereo = spectrogram_to_image(some_spectrogram(2, 8, 6), channels="stereo")
    with pytest.raises(SpecInvError, match=r"Red holds nothing.*channels='stereo'"):
        image_to_spectrogram(stereo)


def test_matplotlib_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(SpecInvError, match=r"'Oranges' needs matplotlib.*torch_specinv\[cli\]"):
        spectrogram_to_image(torch.rand(4, 4), cmap="Oranges")
    with pytest.raises(SpecInvError, match="holds colours"):
        image_to_spectrogram(some_bytes(4, 4, 3))
