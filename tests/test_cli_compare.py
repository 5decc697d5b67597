"""The comparison on the command line."""

from __future__ import annotations

import io
import json

import librosa
import numpy as np
import pytest
import torch

from tests.conftest import hann, magnitude
from torch_specinv import griffin_lim, metrics
from torch_specinv.cli import main
from torch_specinv.io import read_audio


def test_compare_degraded(folder, capsys):
    command = ["compare", "speech.wav", "--degrade", "noisy:0.5,masked", "--methods", "pghi,auto",
               "--iterations", "2", "--n-fft", "512"]  # fmt: skip
    assert main(command) == 0
    out = capsys.readouterr().out
    assert "noisy:0.5:" in out
    assert out.count("| true phase") == 2
    assert out.count("| given phase") == 1
    assert "SC to truth" in out
    assert "PESQ and ESTOI are left out: they are for speech" in out
    lines = (folder / "specinv_compare" / "results.jsonl").read_text().splitlines()
    assert len(lines) == 7
    # nothing is measured twice, but other noise is
    assert main(command) == 0
    assert len((folder / "specinv_compare" / "results.jsonl").read_text().splitlines()) == 7
    assert main([*command, "--seed", "5"]) == 0
    assert len((folder / "specinv_compare" / "results.jsonl").read_text().splitlines()) == 14


def test_compare_says_what_it_leaves_out_of_exact_ones_as_well(folder, capsys, no_packages):
    command = ["compare", "speech.wav", "--methods", "pghi", "--iterations", "1"]
    assert main(command) == 0
    assert "left out" not in capsys.readouterr().out  # nobody asked
    assert main([*command, "--speech"]) == 0
    out = capsys.readouterr().out
    assert "PESQ is left out: pesq is not installed: python -m pip install pesq (speech.wav)" in out
    assert "pystoi" in (folder / "specinv_compare" / "table.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("degrade", "message"),
    [("smoth", "Did you mean 'smooth'"), ("noisy:99", "from 0.1 to 10"), ("", "is unknown")],
)
def test_compare_with_a_wrong_kind(folder, capsys, degrade, message):
    assert main(["compare", "speech.wav", "--degrade", degrade]) == 2
    assert message in capsys.readouterr().err
    assert not (folder / "specinv_compare").exists()


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
