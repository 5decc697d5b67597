"""The command line as a user meets it: files, tables, exit codes, one-line errors."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import librosa
import numpy as np
import pytest
import torch

from tests.conftest import hann, magnitude
from torch_specinv import griffin_lim, mel_to_audio, metrics
from torch_specinv.cli import main
from torch_specinv.comparing.signals import CLIPS, speech_like
from torch_specinv.engines import ENGINES
from torch_specinv.io import read_audio, write_audio
from torch_specinv.long.piece_solver import PieceSolver
from torch_specinv.mel import preset
from torch_specinv.phase import PHASES
from torch_specinv.solve import ALGORITHMS


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wave = speech_like(sr=16000, seconds=0.5)
    write_audio("speech.wav", wave, 16000)
    np.save("mag.npy", magnitude(wave, 512).numpy())
    return tmp_path


def test_demo(folder, capsys):
    assert main(["demo", "--max-iter", "3", "--sr", "8000"]) == 0
    out = capsys.readouterr().out
    rows = [line for line in out.splitlines() if line.startswith("| speech")]
    methods = ALGORITHMS.keys() - PHASES.keys()
    assert len(rows) == len(PHASES) + len(methods)
    assert str(folder / "specinv_demo") in out
    made = {path.name for path in (folder / "specinv_demo").iterdir()}
    assert made == {
        "comparison.png",
        *(f"{clip}_{name}.wav" for clip in CLIPS for name in (*methods, "original")),
    }  # fmt: skip
    assert (folder / "specinv_demo" / "comparison.png").read_bytes()[:4] == b"\x89PNG"
    original, sr = read_audio("specinv_demo/music_original.wav")
    assert sr == 8000
    # the table tells the truth about the files
    for name in methods:
        wave, _ = read_audio(f"specinv_demo/music_{name}.wav")
        error = metrics.sc(magnitude(wave, 1024), magnitude(original, 1024))
        cells = [[cell.strip() for cell in line.split("|")] for line in out.splitlines()]
        row = next(r for r in cells if r[1:3] == ["music", name])
        assert float(row[5]) == pytest.approx(float(error), abs=0.06)
    # a second run finds a name of its own; an existing folder is not touched without --force
    assert main(["demo", "--max-iter", "1", "--sr", "8000"]) == 0
    assert (folder / "specinv_demo_2").is_dir()
    assert main(["demo", "--folder", "specinv_demo", "--max-iter", "1"]) == 2
    assert main(["demo", "--folder", "specinv_demo", "--max-iter", "1", "--sr", "8000",
                 "--force"]) == 0  # fmt: skip


def test_invert_audio(folder, capsys):
    code = main(["invert", "speech.wav", "-o", "out.wav", "--max-iter", "20", "--tol", "0",
                 "--n-fft", "512", "--algorithm", "griffin_lim", "--alpha", "0.5",
                 "--quiet"])  # fmt: skip
    assert code == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    wave, sr = read_audio("out.wav")
    original, _ = read_audio("speech.wav")
    assert (sr, wave.shape) == (16000, original.shape)
    expected = griffin_lim(
        magnitude(original, 512), 20, 0, 0.5, verbose=False, length=8000,
        window=hann(512, torch.float32),
    )  # fmt: skip
    assert torch.allclose(wave, expected, atol=1e-4)
    error = float(metrics.sc(magnitude(wave, 512), magnitude(original, 512)))
    assert "20 iterations in" in captured.out
    assert float(captured.out.split("sc ")[1].split(" ")[0]) == pytest.approx(error, abs=0.02)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".pt"])
def test_invert_arrays(folder, suffix):
    array = np.load("mag.npy")
    if suffix == ".npz":
        np.savez("mag.npz", a=array, b=array[:10])
    elif suffix == ".pt":
        torch.save(torch.from_numpy(array), "mag.pt")
    arguments = ["invert", f"mag{suffix}", "-o", "out.flac", "--sr", "16000", "--max-iter", "5",
                 "--quiet"]  # fmt: skip
    assert main([*arguments, "--key", "a"] if suffix == ".npz" else arguments) == 0
    wave, sr = read_audio("out.flac")
    assert sr == 16000
    assert wave.shape == (1, 128 * (array.shape[-1] - 1))


def test_windows_on_a_command_line(folder):
    """The one that is named is used: on an array, on audio and piece by piece."""
    wave = read_audio("speech.wav")[0][0, : 62 * 128]
    window = torch.kaiser_window(512, True, 9.0)
    spectrum = torch.stft(wave, 512, window=window, return_complex=True)
    np.save("complex.npy", spectrum.numpy())
    arrays = ["--sr", "16000", "--max-iter", "1", "--quiet", "--force", "-o", "out.wav"]
    for command, more in (("invert", ["--algorithm", "griffin_lim"]), ("invert-long", [])):
        for said, near in (("kaiser:9", True), ("9", True), ("hann", False)):
            assert main([command, "complex.npy", "--window", said, *more, *arrays]) == 0
            found = read_audio("out.wav")[0][0]
            # from the true phase the true wave comes back, if the window is the true one
            assert ((found - wave).abs().max() < 1e-4) == near


def test_compare(folder, capsys, monkeypatch):
    """Measures once, goes on after a crash, and tells the truth about the waves."""
    command = ["compare", "speech.wav", "--iterations", "2,5", "--methods", "griffin_lim,librosa",
               "--n-fft", "512"]  # fmt: skip
    assert main(command) == 0
    first = capsys.readouterr().out
    store = folder / "specinv_compare" / "results.jsonl"
    lines = store.read_text().splitlines()
    assert len(lines) == 4
    measured = [json.loads(line) for line in lines]
    original, _ = read_audio("speech.wav")
    target = magnitude(original[0], 512)
    wave = griffin_lim(
        target, 5, 0, verbose=False, eva_iter=5, length=8000, window=hann(512, torch.float32)
    )
    ours = next(m for m in measured if (m["method"], m["iterations"]) == ("griffin_lim", 5))
    assert ours["sc"] == pytest.approx(float(metrics.sc(magnitude(wave, 512), target)), abs=0.01)
    assert ours["lsd"] == pytest.approx(float(metrics.lsd(magnitude(wave, 512), target)), abs=0.02)
    theirs = next(m for m in measured if (m["method"], m["iterations"]) == ("librosa", 5))
    assert f"{theirs['sc'] - ours['sc']:.1f} /" in first
    assert (folder / "specinv_compare" / "table.md").read_text("utf-8").strip() in first
    # a crash in the middle of a line: only that measurement is made again
    store.write_text("\n".join(lines[:3]) + "\n" + lines[3][:40])
    calls = []

    def silent(_magnitude, *, n_iter, length, **_keywords):
        calls.append(n_iter)
        return np.zeros(length, np.float32)

    monkeypatch.setattr(librosa, "griffinlim", silent)
    assert main(command) == 0
    assert len(calls) == 2  # once to warm up
    # another window, or another wave under the same name, is another question
    for more in (["--window", "hamming"], ["--seconds", "0.3"]):
        before = len(store.read_text().splitlines())
        assert main([*command, *more]) == 0
        assert len(store.read_text().splitlines()) == before + 4
    assert main([*command, "--iterations", "2,many"]) == 2
    assert main(["compare", "speech.wav", "--methods", "nothing"]) == 2
    assert "'nothing' is unknown" in capsys.readouterr().err


def test_a_table_on_a_terminal_without_arrows(folder, monkeypatch):
    """Windows pipes text in an encoding that has none."""
    output = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr("sys.stdout", output)
    command = ["compare", "speech.wav", "--iterations", "1", "--methods", "griffin_lim"]
    assert main(command) == 0
    output.seek(0)
    assert " SC ? |" in output.read()
    assert "SC ↓" in (folder / "specinv_compare" / "table.md").read_text(encoding="utf-8")


def test_settings_from_a_file(folder, capsys):
    (folder / "settings.yaml").write_text("algorithm: griffin_lim\nalpha: 0.0\nmax_iter: 7\n")
    assert (
        main(["invert", "--config", "settings.yaml", "speech.wav", "-o", "a.wav", "--quiet"]) == 0
    )
    assert ", 7 iterations" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.wav", "-o", "a.wav"], "nothing.wav does not exist"),
        (["speech.wav", "-o", "speech.wav"], "speech.wav exists already"),
        (["speech.wav", "-o", "no/a.wav"], "the folder no does not exist"),
        (["speech.wav", "-o", "a.xyz"], "can write .wav"),
        (["broken.wav", "-o", "a.wav"], "broken.wav cannot be read as audio"),
        (["mag.npy", "-o", "a.wav"], "pass --sr"),
        (["mag.npy", "-o", "a.wav", "--sr", "8000", "--window", "hnn"], "Did you mean 'hann'"),
        (["mag.npy", "-o", "a.wav", "--sr", "8000", "--n-fft", "100"], "n_fft=100 has 51 bins"),
        (["vector.npy", "-o", "a.wav", "--sr", "8000"], "expected (..., bins, frames)"),
        (["speech.wav", "-o", "a.wav", "--hop-length", "0"], "hop_length=0"),
        (["speech.wav", "-o", "a.wav", "--n-fft", "0"], "n_fft=0"),
        (["speech.wav", "-o", "a.wav", "--algorithm", "griffin_lim", "--alpha", "-1"], "alpha=-1"),
        (["speech.wav", "-o", "a.wav", "--alpha", "0.5"], "'alpha' is a hyperparameter of"),
        (["speech.wav", "-o", "a.wav", "--algorithm", "grifin_lim"], "'griffin_lim'"),
        (["speech.wav", "-o", "a.wav", "--metric", "scc"], "metric='scc'"),
        (["speech.wav", "-o", "a.wav", "--device", "nonsense"], "--device 'nonsense'"),
        (["mag.npy", "-o", "a.wav", "--sr", "0"], "sr=0"),
        (["mag.npy", "-o", "a.flac", "--sr", "1000000", "--max-iter", "1"], "sr=1000000"),
        (["mag.npy", "-o", "a.wav", "--sr", "8000", "--seed", "-1"], "--seed -1"),
        (["four.npy", "-o", "a.wav", "--sr", "8000"], "shape (3, 2, 5, 4)"),
        (["words.npy", "-o", "a.wav", "--sr", "8000"], "an array of <U1, not of numbers"),
        (["mel.npy", "-o", "a.wav", "--sr", "8000"], "80 bins: a mel spectrogram"),
        (["turned.npy", "-o", "a.wav", "--sr", "8000"], "is the array transposed"),
        (["mag.npy", "-o", "a.ogg", "--sr", "400000"], "sr=400000"),
        (["speech.wav", "-o", "a.wav", "--sr", "8000"], "is sampled at 16000 Hz"),
    ],
)
def test_errors_are_one_line(folder, capsys, arguments, message):
    (folder / "broken.wav").write_bytes(b"RIFF....")
    np.save("vector.npy", np.ones(5, np.float32))
    np.save("four.npy", np.ones((3, 2, 5, 4), np.float32))
    np.save("mel.npy", np.ones((80, 30), np.float32))
    np.save("turned.npy", np.ones((62, 257), np.float32))
    np.save("words.npy", np.array([["a", "b"]]))
    before = sorted(folder.iterdir())
    assert main(["invert", "--quiet", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert lines[-1].startswith("specinv: error: ")
    assert message in lines[-1]
    assert len(lines) == 1
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("arguments", [["invert"], ["nonsense"], ["demo", "--max-iter", "many"]])
def test_wrong_usage(folder, arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert main([]) == 2


@pytest.mark.parametrize("arguments", [["--max-iter", "0"], ["--sr", "100"]])
def test_a_demo_that_cannot_be_leaves_nothing(folder, capsys, arguments):
    assert main(["demo", *arguments]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (folder / "specinv_demo").exists()


def test_force_overwrites(folder):
    before = (folder / "speech.wav").read_bytes()
    assert main(["invert", "speech.wav", "-o", "speech.wav", "--force", "--max-iter", "2",
                 "--quiet"]) == 0  # fmt: skip
    assert (folder / "speech.wav").read_bytes() != before


def test_info(capsys):
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    assert all(f"\n  {name} " in out for name in ENGINES)


def test_the_installed_command(folder):
    code = "import sys; from torch_specinv.cli import main; sys.exit(main(sys.argv[1:]))"
    run = subprocess.run(
        [sys.executable, "-c", code, "invert", "nothing.wav", "-o", "a.wav"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 2
    assert run.stderr == "specinv: error: nothing.wav does not exist.\n"


def test_invert_long(folder, capsys, monkeypatch):
    wave = torch.randn(2, 6000, generator=torch.Generator().manual_seed(0)) / 10
    write_audio(folder / "in.wav", wave, 8000)
    settings = ["--n-fft", "64", "--max-iter", "3", "--piece", "50", "--quiet"]
    command = ["invert-long", "in.wav", "-o", "out.wav", *settings]
    assert main(command) == 0
    assert "out.wav: 0.75 s at 8000 Hz, amdr, 3 iterations in" in capsys.readouterr().out
    np.save("magnitude.npy", torch.rand(33, 200).numpy())
    arrays = ["invert-long", "magnitude.npy", "-o", "wave.wav", *settings[2:]]
    assert main([*arrays, "--sr", "8000", "--algorithm", "raar", "--relaxation", "0.8"]) == 0
    assert read_audio("wave.wav")[0].shape == (1, 16 * 199)
    assert main(arrays) == 2

    solve = PieceSolver.solve
    for kept, message in ((1, " s are kept in out.wav.partial: run the same"), (0, "nothing was")):

        def interrupt(self, piece, kept=kept):
            if not kept or piece.begin:
                raise KeyboardInterrupt
            return solve(self, piece)

        capsys.readouterr()
        with monkeypatch.context() as patch:
            patch.setattr(PieceSolver, "solve", interrupt)
            assert main([*command, "--force"]) == 1
        error = capsys.readouterr().err
        assert "error: interrupted; " in error
        assert message in error
        assert (folder / "out.wav.partial").exists() == kept
        (folder / "out.wav.partial").unlink(missing_ok=True)
    assert not list(folder.glob("*.partial*"))


def test_invert_mel_presets(folder, capsys):
    generator = torch.Generator().manual_seed(0)
    mel = torch.log(0.1 * torch.rand(1, 80, 40, generator=generator) + 1e-3)
    np.save("mel.npy", mel.numpy())
    command = ["invert", "mel.npy", "-o", "wave.wav", "--max-iter", "5", "--quiet", "--preset"]
    assert main([*command, "hifigan"]) == 0
    wave, sr = read_audio("wave.wav")
    assert (sr, wave.shape) == (22050, (1, 40 * 256))
    expected = mel_to_audio(mel[0], preset="hifigan", max_iter=5, tol=1e-6, verbose=False)
    assert torch.allclose(wave[0], expected, atol=1e-5)
    capsys.readouterr()
    assert main([*command, "hifi-gan", "--force"]) == 2
    assert "Did you mean 'hifigan'" in capsys.readouterr().err
    # flags change what a preset says
    changes = ["--sr", "16000", "--hop_length", "300", "--window", "hamming", "--fmax", "7600"]
    assert main([*command, "hifigan", "--force", *changes]) == 0
    changed = preset("hifigan", sr=16000, hop_length=300, window="hamming", fmax=7600)
    expected = mel_to_audio(mel[0], preset=changed, max_iter=5, tol=1e-6, verbose=False)
    wave, sr = read_audio("wave.wav")
    assert sr == 16000
    assert torch.allclose(wave[0], expected, atol=1e-5)
