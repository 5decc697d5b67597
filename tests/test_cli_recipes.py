"""The command line and arrays of every recipe: flags, dry runs, peaks, messages."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

import torch_specinv
from tests.conftest import hann, magnitude
from torch_specinv import invert, mel_to_audio
from torch_specinv.cli import main
from torch_specinv.comparing.signals import speech_like
from torch_specinv.images import RIFFUSION
from torch_specinv.io import image_to_spectrogram, read_audio, spectrogram_to_image
from torch_specinv.mel import Levels, MelSpec, Preset
from torch_specinv.mel.emphasis import emphasise

MAGNITUDE = magnitude(speech_like(sr=16000, seconds=0.5), 512)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(array, *flags, path="array.npy", code=0):
    np.save(path, np.asarray(array))
    command = ["invert", path, "-o", "out.wav", "--force", "--quiet", "--max-iter", "5", *flags]
    assert main(command) == code
    return read_audio("out.wav")[0][0] if code == 0 and "--dry-run" not in flags else None


def expected_of(values, **more):
    recipe = Preset(values, None, None, None, "test", **more)
    return lambda array: invert(array, preset=recipe, max_iter=5, verbose=False).wave


def test_linear_arrays(folder):
    plain = run(MAGNITUDE, "--sr", "16000")
    decibels = 20 * MAGNITUDE.clamp_min(1e-5).log10()
    for array, flags in (
        (MAGNITUDE.mT, ["--transpose"]),
        (MAGNITUDE.square(), ["--power", "2"]),
        (decibels, ["--db"]),
        (decibels, ["--log", "dB", "--power", "2"]),
        (MAGNITUDE.log1p(), ["--log", "log1p"]),
        ((decibels + 80) / 100, ["--db", "--min_level_db", "-100", "--ref-level-db", "20"]),
    ):
        assert torch.allclose(run(array, "--sr", "16000", *flags), plain, atol=1e-3), flags


def test_what_is_missing_and_what_was_done_to_the_wave(folder):
    array = MAGNITUDE[:-1]
    found = run(array, "--sr", "16000", "--append-nyquist", "--preemphasis", "0.97",
                "--amplitude", "2")  # fmt: skip
    make = expected_of(Levels(), nyquist=False, preemphasis=0.97, amplitude=2.0)
    assert torch.allclose(found, make(array), atol=1e-5)


@pytest.mark.parametrize("suffix", ["npy", "npz", "json"])
def test_mel_with_statistics(folder, suffix):
    mel = MelSpec(16000, fmax=7600, log="log10", clamp=1e-10)
    recorded = mel.record(MAGNITUDE, 40).numpy()
    mean, std = recorded.mean(1), recorded.std(1)
    if suffix == "npy":
        np.save("stats.npy", np.stack([mean, std]))
    elif suffix == "npz":
        np.savez("stats.npz", mean=mean[:, None], scale=std)
    else:
        (folder / "stats.json").write_text(json.dumps({"mu": mean.tolist(), "std": std.tolist()}))
    array = (recorded - mean[:, None]) / std[:, None]
    found = run(
        array, "--mel", "--sr", "16000", "--n-fft", "512", "--fmax", "7600", "--log", "log10",
        "--clamp", "1e-10", "--stats", f"stats.{suffix}",
    )  # fmt: skip
    expected = mel_to_audio(
        torch.from_numpy(array), 16000, n_fft=512, fmax=7600, log="log10", clamp=1e-10, shift=mean,
        scale=std,
        max_iter=5, verbose=False,
    )  # fmt: skip
    assert torch.allclose(found, expected, atol=1e-4)


def test_a_dry_run_writes_nothing(folder, capsys):
    np.save("array.npy", MAGNITUDE.numpy())
    command = ["invert", "array.npy", "-o", "out.wav", "--sr", "16000", "--dry-run"]
    assert main(command) == 0
    out = capsys.readouterr().out
    assert "array.npy: linear spectrogram, 257 x 63" in out
    assert "n_fft=512, hop_length=128" in out
    assert "7936 samples, 0.50 s at 16000 Hz" in out
    assert [path.name for path in folder.iterdir()] == ["array.npy"]
    # all that is checked before work is checked here
    assert main([*command, "--hop-length", "600"]) == 2


@pytest.mark.parametrize(
    ("suffix", "flags", "peak"),
    [
        (".wav", [], 2),
        (".flac", [], 1),
        (".wav", ["--peak", "normalise"], 1),
        (".wav", ["--peak", "clip"], 1),
    ],
)
def test_peaks(folder, capsys, suffix, flags, peak):
    np.save("loud.npy", MAGNITUDE.numpy() * 4)
    command = ["invert", "loud.npy", "-o", f"a{suffix}", "--sr", "16000", "--quiet"]
    assert main([*command, *flags, "--max-iter", "5"]) == 0
    reached = float(read_audio(f"a{suffix}")[0].abs().max())
    assert reached > 2 if peak == 2 else reached == pytest.approx(1, abs=1e-3)
    assert "its peak was" in capsys.readouterr().out


@pytest.mark.filterwarnings("always")
def test_a_dry_run_warns_of_what_the_work_would(folder, capsys):
    np.save("array.npy", magnitude(speech_like(sr=16000, seconds=2.0), 512).numpy() ** 2)
    command = ["invert", "array.npy", "-o", "out.wav", "--sr", "16000", "--quiet"]
    assert main([*command, "--dry-run"]) == 0
    told = capsys.readouterr().err
    assert "looks like a linear spectrogram (bins, frames), power" in told
    assert main([*command, "--max-iter", "1"]) == 0
    assert capsys.readouterr().err == told


def test_a_warning_that_is_an_error(folder, capsys):
    """PYTHONWARNINGS=error, as pytest has it too: one line, and nothing is written."""
    powers = magnitude(speech_like(sr=16000, seconds=2.0), 512) ** 2
    run(powers, "--sr", "16000", code=2)
    told = capsys.readouterr().err
    assert told.startswith("specinv: error: spec is inverted as a magnitude, but looks like")
    assert told.count("\n") == 1
    assert not (folder / "out.wav").exists()


@pytest.mark.parametrize("flags", [[], ["--dry-run"]])
def test_a_peak_that_is_certain_is_refused_before_the_work(folder, capsys, monkeypatch, flags):
    monkeypatch.setattr("torch_specinv.cli.invert.invert", None)  # no work is done
    loud = 12 * speech_like(sr=16000, seconds=0.5)
    run(magnitude(loud, 512), "--sr", "16000", "--peak", "error", *flags, code=2)
    assert "every wave with this spectrogram reaches" in capsys.readouterr().err
    decibels = 20 * magnitude(loud, 512).clamp_min(1e-5).log10()
    run(decibels, "--sr", "16000", "--db", "--peak", "error", *flags, code=2)
    assert "every wave" in capsys.readouterr().err
    mel = MelSpec(16000, power=2.0).record(magnitude(5 * loud, 512), 80)
    run(mel, "--mel", "--power", "2", "--n-fft", "512", "--sr", "16000", "--peak", "error", *flags,
        code=2)  # fmt: skip
    assert "every wave" in capsys.readouterr().err


@pytest.mark.parametrize("flags", [[], ["--preemphasis", "0.97"], ["--amplitude", "12"]])
def test_a_peak_within_1_is_not(folder, flags):
    """Whatever was done to the waveform before its STFT."""
    wave = 1.2 * speech_like(sr=16000, seconds=0.5)
    scale = 12 if "--amplitude" in flags else 1
    wave = emphasise(wave, 0.97) if "--preemphasis" in flags else wave
    run(scale * magnitude(wave, 512), "--sr", "16000", "--peak", "error", "--dry-run", *flags)


def test_peaks_that_are_refused(folder, capsys):
    run(MAGNITUDE * 4, "--sr", "16000", "--peak", "error", code=2)
    assert "beyond 1" in capsys.readouterr().err
    run(MAGNITUDE, "--sr", "16000", "--peak", "loud", code=2)
    assert "Choose from: keep, normalise" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--maxiter", "3"], "Did you mean --max-iter?"),
        (["--n_fft", "ten"], "--n-fft ten: expected a whole number"),
        (["--fmax", "8000"], "--fmax is for mel spectrograms: pass --mel as well"),
        (["--mel"], "--mel needs --sr"),
        (["--mel", "--preset", "hifigan"], "--mel and --preset"),
        (["--db", "--log", "ln"], "only one of them"),
        (["--stats", "none.npy"], "none.npy does not exist"),
        ([], "has no sample rate: pass --sr"),
    ],
)
def test_messages(folder, capsys, flags, message):
    np.save("array.npy", MAGNITUDE.numpy())
    try:
        code = main(["invert", "array.npy", "-o", "out.wav", "--quiet", *flags])
    except SystemExit as error:
        code = error.code
    assert code == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert len(captured.err.splitlines()) <= 2
    assert not (folder / "out.wav").exists()


def test_the_output_is_named_as_it_is_typed(folder, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["invert", "array.npy"])
    assert "required: -o/--output" in capsys.readouterr().err


def test_statistics_that_are_none(folder, capsys):
    (folder / "stats.json").write_text('{"mean": 1}')
    run(MAGNITUDE, "--sr", "16000", "--log", "ln", "--stats", "stats.json", code=2)
    assert "expected an entry named std" in capsys.readouterr().err


def test_version_and_module(folder):
    command = [sys.executable, "-m", "torch_specinv", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"specinv {torch_specinv.__version__}\n"


def test_every_flag_has_a_help_text():
    from torch_specinv.cli.parser import make_parser

    for command in make_parser().commands.values():
        for action in command._actions:
            assert action.help, action.option_strings


def test_pictures(folder):
    loudest = float(MAGNITUDE.max())
    drawn = {"range_db": (-90, 0), "max_value": loudest}
    spectrogram_to_image(MAGNITUDE, "grey.png", **drawn)
    spectrogram_to_image(MAGNITUDE, "magma.png", flip=False, cmap="magma", **drawn)
    common = ["--sr", "16000", "--quiet", "--max-iter", "5", "--image-range", "-90", "0",
              "--image-max", str(loudest)]  # fmt: skip
    assert main(["invert", "grey.png", "-o", "grey.wav", *common]) == 0
    more = ["--cmap", "magma", "--flip", "false"]
    assert main(["invert", "magma.png", "-o", "magma.wav", *common, *more]) == 0
    expected = invert(
        image_to_spectrogram("grey.png", **drawn), window=hann(512, torch.float32), max_iter=5,
        verbose=False,
    ).wave  # fmt: skip
    for name in ("grey.wav", "magma.wav"):
        assert torch.allclose(read_audio(name)[0][0], expected, atol=1e-4)


def test_a_picture_of_riffusion(folder):
    mel = 1e5 * torch.rand(512, 30, generator=torch.manual_seed(0))
    spectrogram_to_image(mel, "clip.png", RIFFUSION)
    command = ["invert", "clip.png", "-o", "a.wav", "--preset", "riffusion", "--dry-run"]
    assert main(command) == 0
