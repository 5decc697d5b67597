"""Long recordings of any recipe: mel bands, decibels, padding, pre-emphasis, archives."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.long_cases import read
from torch_specinv import SpecInvError, griffin_lim, invert_long
from torch_specinv.cli import main
from torch_specinv.comparing.signals import speech_like
from torch_specinv.mel import Levels, MelSpec, Preset, preset

RUN = {"algorithm": "griffin_lim", "max_iter": 4, "verbose": False, "piece": 40}
WHOLE = {"max_iter": 4, "verbose": False, "tol": 0, "eva_iter": 4}
BANDS = MelSpec(8000, log="ln", clamp=1e-5)
RECIPES = {
    "decibels without Nyquist": Preset(
        Levels(log="dB", clamp=1e-5, scale=20.0), None, 64, 16, "test", sr=8000, nyquist=False
    ),
    "mel, padded, pre-emphasised": Preset(
        BANDS, 20, 256, 64, "test", center=False, padding=96, preemphasis=0.9, amplitude=3.0
    ),
}


def array_of(recipe, frames=300):
    rows = recipe.n_mels or 32
    magnitude = torch.rand(2, rows, frames, dtype=torch.float64, generator=torch.manual_seed(0))
    return recipe.values.write(magnitude + 0.01)


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("init", ["zero", "random"])
def test_equal_to_the_whole(name, init, tmp_path):
    recipe = RECIPES[name]
    array = array_of(recipe)
    np.save(tmp_path / "array.npy", array.numpy())
    result = invert_long(
        tmp_path / "array.npy", tmp_path / "out.wav", preset=recipe, init=init, **RUN
    )
    found = read(tmp_path / "out.wav")
    assert result.samples == found.shape[1]
    if init == "zero":
        expected = griffin_lim(array, preset=recipe, init=init, **WHOLE)
        assert found.shape == expected.shape
        # the ends of frames that are not centred are hardly seen
        edge = 256 if recipe.padding else 0
        inner = slice(edge, found.shape[1] - edge)
        assert torch.allclose(found[:, inner], expected[:, inner], atol=1e-8)
    # in one piece it is the same, whatever is carried from one to the next
    again = {**RUN, "piece": 1000}
    invert_long(tmp_path / "array.npy", tmp_path / "one.wav", preset=recipe, init=init, **again)
    assert torch.allclose(read(tmp_path / "one.wav"), found, atol=1e-8)


def test_archives_and_transposed_arrays(tmp_path):
    recipe = RECIPES["decibels without Nyquist"]
    array = array_of(recipe)[0].numpy()
    np.save(tmp_path / "array.npy", array)
    np.savez(tmp_path / "arrays.npz", other=array[:3], turned=array.T)
    np.savez(tmp_path / "fortran.npz", np.asfortranarray(array))
    invert_long(tmp_path / "array.npy", tmp_path / "a.wav", preset=recipe, **RUN)
    invert_long(
        tmp_path / "arrays.npz", tmp_path / "b.wav", preset=recipe, key="turned", transpose=True,
        **RUN,
    )  # fmt: skip
    invert_long(tmp_path / "fortran.npz", tmp_path / "c.wav", preset=recipe, **RUN)
    for name in "bc":
        assert torch.equal(read(tmp_path / f"{name}.wav"), read(tmp_path / "a.wav"))
    with pytest.raises(SpecInvError, match=r"hoose with --key one of other .*, turned"):
        invert_long(tmp_path / "arrays.npz", tmp_path / "d.wav", preset=recipe, **RUN)


def test_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe = RECIPES["mel, padded, pre-emphasised"]
    np.save("mel.npy", array_of(recipe)[0].numpy())
    command = ["invert-long", "mel.npy", "-o", "a.wav", "--mel", "--sr", "8000", "--n-fft", "256",
               "--log", "ln", "--clamp", "1e-5", "--quiet", "--max-iter", "2"]  # fmt: skip
    assert main(command) == 0
    assert read("a.wav").shape == (1, 64 * 299)
    mel = preset("hifigan").record(speech_like(22050, 1.0)[: 60 * 256])
    np.save("hifigan.npy", mel.numpy())
    flags = ["invert-long", "hifigan.npy", "-o", "b.wav", "--preset", "hifigan", "--quiet"]
    assert main([*flags, "--max-iter", "2"]) == 0
    assert read("b.wav").shape == (1, 60 * 256)
    np.save("other.npy", mel[:64].numpy())
    flags[1] = "other.npy"
    assert main([*flags, "--force"]) == 2


def test_an_archive_that_is_none(tmp_path):
    (tmp_path / "array.npz").write_bytes(b"nonsense")
    with pytest.raises(SpecInvError, match="cannot be read as an array"):
        invert_long(tmp_path / "array.npz", tmp_path / "out.wav", sr=8000, **RUN)
