"""Long recordings: what is wrong with a file or a setting is said, and said early."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
import torch

from tests.conftest import hann
from tests.long_cases import RUN, save, wave_of
from torch_specinv import ConventionWarning, SpecInvError, invert_long
from torch_specinv.cli import main
from torch_specinv.images import RIFFUSION
from torch_specinv.io import spectrogram_to_image, write_audio
from torch_specinv.mel import preset


def truncate(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])


def test_input_shorter_than_its_header_says(tmp_path):
    source, _, keywords = save(tmp_path)
    truncate(source, 0.9)
    with pytest.raises(SpecInvError, match=r"cannot be read as an array.*truncated"):
        invert_long(source, tmp_path / "out.wav", sr=8000, **keywords, **RUN)
    assert not list(tmp_path.glob("out*"))
    for suffix in ("wav", "flac"):
        audio = tmp_path / f"in.{suffix}"
        write_audio(audio, 0.1 * wave_of(40000).float(), 8000)
        truncate(audio, 0.7)
        run = {"n_fft": 64, "window": torch.hann_window(64), "piece": 200, **RUN}
        if suffix == "wav":
            # libsndfile takes the length of the file for the truth
            with pytest.warns(RuntimeWarning, match="its header promises 40000"):
                assert invert_long(audio, tmp_path / "out.wav", **run).samples < 40000
            continue
        with pytest.raises(SpecInvError, match=r"in.flac .*header promises"):
            invert_long(audio, tmp_path / "flac.wav", **run)
        assert (tmp_path / "flac.wav.partial").stat().st_size > 0


def test_a_fault_in_the_middle(tmp_path):
    source, magnitude, keywords = save(tmp_path)
    magnitude[1, 3, 200] = torch.nan
    np.save(source, magnitude.numpy())
    with pytest.raises(SpecInvError, match=r"frames 1.. to 2..: .*NaN"):
        invert_long(source, tmp_path / "out.wav", sr=8000, piece=40, **keywords, **RUN)
    lines = (tmp_path / "out.wav.partial.jsonl").read_text().splitlines()
    assert len([json.loads(line) for line in lines]) > 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sr": None}, "has no sample rate"),
        ({"algorithm": "auto"}, "Auto looks at the whole recording"),
        ({"algorithm": "lbfgs"}, "use amdr"),
        ({"init": "spis"}, "Did you mean 'spsi'"),
        ({"piece": 0}, "piece=0"),
        ({"max_iter": 0}, "max_iter=0"),
        ({"seed": -1}, "seed=-1"),
        ({"seed": 2**63}, "at most 63 bits"),
        ({"source": "text.npy"}, "not of numbers"),
        ({"n_fft": 128}, "n_fft=128 has 65 bins, but spec has 33 bins"),
        ({"length": 7}, "length=7"),
        ({"hop_length": 64}, "loses"),
        ({"pad_mode": "circular"}, "joins the ends"),
        ({"n_iter": 3}, "max_iter"),
        ({"output": "out.mp3"}, "can write"),
        ({"output": "nowhere/out.wav"}, "does not exist"),
        ({"source": "other.npy"}, "does not exist"),
        ({"source": "packed.npz"}, "only .npy"),
        ({"source": "in.h5"}, "only .npy"),
        ({"source": "several.npz"}, "--key one of a .*, b"),
        ({"source": "whole.npy"}, "expected floating"),
        ({"source": "line.npy"}, r"holds shape \(3,\)"),
    ],
)
def test_errors_come_first(tmp_path, change, message):
    save(tmp_path)
    np.savez_compressed(tmp_path / "packed.npz", np.ones((33, 9)))
    np.savez(tmp_path / "several.npz", a=np.ones((33, 9)), b=np.ones((33, 9)))
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["mag"] = np.ones((33, 9))
    np.save(tmp_path / "whole.npy", np.ones((33, 9), int))
    np.save(tmp_path / "line.npy", np.ones(3))
    np.save(tmp_path / "text.npy", np.full((33, 9), "a"))
    arguments = {
        "source": "magnitude.npy", "output": "out.wav", "sr": 8000, "window": hann(64), **RUN,
        **change,
    }  # fmt: skip
    if "hop_length" not in change and "length" not in change:
        arguments["hop_length"] = 16
    arguments |= {name: tmp_path / arguments[name] for name in ("source", "output")}
    with pytest.raises(SpecInvError, match=message):
        invert_long(**arguments)
    assert not list(tmp_path.glob("out*"))


def test_audio_brings_its_own_numbers(tmp_path):
    write_audio(tmp_path / "in.wav", 0.1 * wave_of(5000).float(), 8000)
    run = {"n_fft": 64, "window": torch.hann_window(64), **RUN}
    with pytest.raises(SpecInvError, match="is sampled at 8000 Hz"):
        invert_long(tmp_path / "in.wav", tmp_path / "out.wav", sr=16000, **run)
    with pytest.raises(SpecInvError, match="has 5000 samples"):
        invert_long(tmp_path / "in.wav", tmp_path / "out.wav", length=4999, **run)


@pytest.mark.parametrize("flags", [[], ["--preset", "riffusion"], ["--key", "a", "--transpose"]])
def test_pictures_are_not_called_audio(tmp_path, monkeypatch, capsys, flags):
    monkeypatch.chdir(tmp_path)
    spectrogram_to_image(torch.rand(512, 30), "x.png", RIFFUSION)
    assert main(["invert-long", "x.png", "-o", "out.wav", "--quiet", *flags]) == 2
    told = capsys.readouterr().err
    assert "x.png is a picture, and not read as audio. specinv invert reads pictures" in told
    assert "is audio" not in told
    assert main(["doctor", "x.png"]) == 2
    assert "x.png is a picture" in capsys.readouterr().err


def test_a_recipe_has_its_name_in_errors(tmp_path):
    np.save(tmp_path / "mel.npy", np.zeros((64, 40), "f4"))
    with pytest.raises(SpecInvError, match="64 bands, preset='hifigan' has 80"):
        invert_long(tmp_path / "mel.npy", tmp_path / "out.wav", preset=preset("hifigan"), **RUN)


def test_a_power_spectrogram_is_warned_of(tmp_path):
    wave = torch.randn(16000, generator=torch.Generator().manual_seed(0))
    window = torch.hann_window(512)
    power = torch.stft(wave, 512, window=window, return_complex=True).abs().square()
    np.save(tmp_path / "power.npy", power.numpy())
    run = {**RUN, "max_iter": 1, "sr": 16000, "window": window}
    with pytest.warns(ConventionWarning, match=r"looks like .* power"):
        invert_long(tmp_path / "power.npy", tmp_path / "out.wav", **run)
    np.save(tmp_path / "magnitude.npy", power.sqrt().numpy())
    invert_long(tmp_path / "magnitude.npy", tmp_path / "again.wav", **run)


def test_names_of_files_and_switches(tmp_path):
    source, _, keywords = save(tmp_path)
    for name, value in (("source", 3), ("output", None), ("force", 1), ("verbose", "no")):
        files = {"source": source, "output": tmp_path / "out.wav", "sr": 8000}
        with pytest.raises(SpecInvError, match=f"{name}="):
            invert_long(**{**files, **keywords, **RUN, name: value})
