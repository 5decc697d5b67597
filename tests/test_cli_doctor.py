"""The doctor on the command line: specinv doctor, and the commands that it proposes."""

from __future__ import annotations

import shlex

import numpy as np
import pytest

from tests.conftest import magnitude
from tests.doctor_cases import UNITS
from tests.mel_cases import recipe
from torch_specinv import diagnose, metrics
from torch_specinv.cli import main
from torch_specinv.comparing.signals import music_like, speech_like
from torch_specinv.io import read_audio


def test_command(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("mel.npy", recipe("hifigan", speech_like(22050, 2.0).double().numpy()).T)
    assert main(["doctor", "mel.npy"]) == 0
    out = capsys.readouterr().out
    assert 'mel_to_audio(spec.mT, preset="tacotron2")' in out
    assert "hifigan" in out
    assert "(frames, bands)" in out
    (tmp_path / "bad.npy").write_bytes(b"nonsense")
    assert main(["doctor", "bad.npy"]) == 2
    assert "bad.npy cannot be read as an array" in capsys.readouterr().err
    assert main(["doctor", "none.npy"]) == 2
    assert main(["doctor", "speech.wav"]) == 2
    assert "the doctor looks at arrays" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a b.npz", "-a.npz"])
def test_the_command_reads_the_same_array(tmp_path, monkeypatch, capsys, name):
    """With its key, and a name that the shell would take apart."""
    monkeypatch.chdir(tmp_path)
    mel = recipe("hifigan", speech_like(22050, 2.0).double().numpy())
    np.savez(name, mel=mel, other=mel[:5])
    assert main(["doctor", f"./{name}", "--key", "mel"]) == 0
    line = next(x for x in capsys.readouterr().out.splitlines() if "specinv invert" in x)
    command = shlex.split(line)[1:]
    assert command[command.index("--key") + 1] == "mel"
    assert main([*command, "--dry-run"]) == 0


@pytest.mark.parametrize("name", UNITS)
def test_the_command_says_what_the_call_says(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    truth = magnitude(0.3 * music_like(16000, 2.0), 512)
    np.save("array.npy", UNITS[name](truth).mT.numpy())
    found = diagnose(UNITS[name](truth).mT)
    command = found.command.replace("FILE", "array.npy").replace("HZ", "16000").split()[1:]
    assert main([*command, "--quiet", "--max-iter", "30"]) == 0
    again = magnitude(read_audio("out.wav")[0][0], 512)
    assert metrics.sc(again, truth) < -15
