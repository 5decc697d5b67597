"""The command line as a user meets it: files, tables, exit codes, one-line errors."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from tests.conftest import hann, magnitude
from torch_specinv import griffin_lim, mel_to_audio, metrics
from torch_specinv.cli import main
from torch_specinv.engines import ENGINES
from torch_specinv.io import read_audio, write_audio
from torch_specinv.long.piece_solver import PieceSolver
from torch_specinv.mel import preset


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


def test_settings_from_a_file(folder, capsys):
    (folder / "settings.yaml").write_text("algorithm: griffin_lim\nalpha: 0.0\nmax_iter: 7\n")
    assert (
        main(["invert", "--config", "settings.yaml", "speech.wav", "-o", "a.wav", "--quiet"]) == 0
    )
    assert ", 7 iterations" in capsys.readouterr().out


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
