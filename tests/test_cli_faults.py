"""The command line ends with one line and an exit code, whatever is passed and whatever breaks."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import time

import numpy as np
import pytest
import torch

from torch_specinv import cli
from torch_specinv.cli import main
from torch_specinv.comparing import demo
from torch_specinv.comparing.demo import UNFINISHED
from torch_specinv.comparing.store import read_store
from torch_specinv.io import write_audio

RUN = ["--sr", "8000", "--max-iter", "1", "--quiet"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("m.npy", np.random.default_rng(0).random((33, 40), np.float32))
    write_audio("s.wav", 0.1 * torch.randn(2000, generator=torch.manual_seed(0)), 8000)
    (tmp_path / "binary.yaml").write_bytes(bytes(range(256)))
    return tmp_path


def run(arguments):
    """Return the exit code, also of a parser that leaves."""
    try:
        return main(arguments)
    except SystemExit as error:
        return error.code


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["invert", "m.npy", "-o", "a.wav", "--n-fft", "2147483648", *RUN], "67108864 samples"),
        (["invert", "m.npy", "-o", "a.wav", "--n-fft", "1" + 23 * "0", *RUN], "67108864 samples"),
        (["invert", "m.npy", "-o", "a.wav", "--n-fft", "-1", *RUN], "n_fft=-1"),
        (["invert-long", "m.npy", "-o", "a.wav", "--n-fft", "-1", *RUN], "n_fft=-1"),
        (["invert", "m.npy", "-o", "a.wav", "--mel", "--n-fft", "1", *RUN], "n_fft=1 has no bin"),
        (["invert", "m.npy", "-o", "a.wav", "--config", "binary.yaml", *RUN], "cannot be read"),
        (["invert", "m.npy", "-o", "a.wav", "--tol", "often", *RUN], "--tol often"),
        (["invert", "m.npy", "-o", "a\0.wav", *RUN], "null byte"),
        (["invert-long", "m.npy", "-o", "a\0.wav", *RUN], "null byte"),
        (["invert-long", "m.npy", "-o", "", *RUN], "can write .wav"),
        (["invert", "m.npy", "-o", "x" * 300 + ".wav", *RUN], "a name of 304 bytes"),
        (["compare", "s.wav", "--n-fft", "-1"], "n_fft=-1"),
        (["compare", "s.wav", "--seconds", "-1"], "seconds=-1"),
        (["compare", "s.wav", "--folder", "m.npy"], "m.npy cannot be made: File exists"),
        (["compare", "s.wav", "--folder", "\0"], "not the name of a folder"),
        (["compare", "s.wav", "--degrade", "noisy", "--seed", str(2**64)], "at most 63 bits"),
        (["demo", "--sr", "1" + 23 * "0"], "at most 192000 Hz"),
        (["demo", "--folder", "\0"], "not the name of a folder"),
        (["demo", "--folder", "m.npy"], "m.npy exists already"),
        (["--qiet"], "unrecognized arguments: --qiet. Did you mean --quiet? specinv"),
    ],
)
def test_what_is_passed_is_wrong(capsys, arguments, message):
    before = os.listdir()  # noqa: PTH208
    assert run(arguments) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.startswith("specinv: error: ")
    assert said.count("\n") == 1
    assert sorted(os.listdir()) == sorted(before)  # noqa: PTH208


def test_names_that_are_no_text(folder, capsys):
    """The name is in no encoding; of what the terminal can't show are question marks."""
    (folder / "m.npy").rename(folder / "\udcfe.npy")
    for command in ("invert", "invert-long"):
        assert main([command, "\udcfe.npy", "-o", "\udcff.wav", "--force", *RUN]) == 0
    assert (folder / "\udcff.wav").exists()
    assert main(["doctor", "\udcfe.npy"]) == 0


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MemoryError(), "not enough memory"),
        (RuntimeError("tensors\nare odd"), "RuntimeError: tensors are odd (unexpected"),
        (OSError(28, "No space left on device"), "No space left"),
        (KeyboardInterrupt(), "interrupted; nothing was written."),
    ],
)
def test_what_nobody_thought_of(capsys, monkeypatch, error, message):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("torch_specinv.cli.invert.invert", fail)
    assert main(["invert", "m.npy", "-o", "a.wav", *RUN]) == 1
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_a_second_interrupt_is_ignored(capsys, monkeypatch):
    """While the first is told of; only where the process is that of the command."""
    before = signal.getsignal(signal.SIGINT)

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("torch_specinv.cli.invert.invert", interrupt)
    arguments = ["invert", "m.npy", "-o", "a.wav", *RUN]
    assert main(arguments) == 1
    assert signal.getsignal(signal.SIGINT) is before
    monkeypatch.setattr("sys.argv", ["specinv", *arguments])
    fail = cli._fail

    def fail_amid_more(*told):
        signal.raise_signal(signal.SIGINT)
        return fail(*told)

    def interrupt_really(*_, **__):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("torch_specinv.cli.invert.invert", interrupt_really)
    monkeypatch.setattr(cli, "_fail", fail_amid_more)
    assert main() == 1
    assert "interrupted" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interrupt_that_could_not_be_raised_comes_again(capsys, monkeypatch):
    """In a finaliser Python only tells of it, with a traceback."""

    class Finalised:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    def work(*_, **__):
        Finalised()
        time.sleep(30)

    monkeypatch.setattr("torch_specinv.cli.invert.invert", work)
    monkeypatch.setattr("sys.argv", ["specinv", "invert", "m.npy", "-o", "a.wav", *RUN])
    began, hook = time.monotonic(), sys.unraisablehook
    assert main() == 1
    assert time.monotonic() - began < 20
    said = capsys.readouterr().err
    assert "interrupted" in said
    assert "Traceback" not in said
    assert sys.unraisablehook is hook


@pytest.mark.parametrize(
    ("error", "told"),
    [(BrokenPipeError(32, "Broken pipe"), False), (OSError(28, "No space left on device"), True)],
)
def test_output_that_nobody_takes(capsys, monkeypatch, error, told):
    class Full(io.StringIO):
        def flush(self):
            raise error

    monkeypatch.setattr("sys.stdout", Full())
    assert main(["info"]) == 1
    assert ("No space left" in capsys.readouterr().err) == told


def test_damaged_measurements_are_left_out(folder):
    good = {"clip": "a", "method": "m", "iterations": 1, "sc": -9.0, "stoi": None, "seconds": 1.0,
            "setting": "x", "kind": "exact"}  # fmt: skip
    bad = [{**good, "sc": "abc"}, {**good, "sc": None}, {**good, "iterations": "1"},
           {**good, "clip": 3}, {**good, "seconds": None}, {**good, "lsd": [1]}]  # fmt: skip
    lines = [json.dumps(row).encode() for row in (good, *bad, good)]
    (folder / "a.jsonl").write_bytes(b"\n".join([*lines[:3], b"\xff\xfe", b"null", *lines[3:]]))
    found = read_store(folder / "a.jsonl")
    assert [one.sc for one in found] == [-9.0, -9.0]


def test_a_killed_demo_goes_on(folder, capsys, monkeypatch):
    """In the folder that it did not finish, over its files; a finished one is not touched."""
    name, make = next(iter(demo.CLIPS.items()))
    monkeypatch.setattr(demo, "CLIPS", {name: lambda sr: make(sr=sr, seconds=0.3)})
    monkeypatch.setattr(demo, "ALGORITHMS", {n: demo.ALGORITHMS[n] for n in ("griffin_lim",)})
    command = ["demo", "--max-iter", "1", "--sr", "8000"]

    class Killed(BaseException):
        pass

    def die(*_, **__):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(demo, "plot_comparison", die)
        with pytest.raises(Killed):
            main(command)
    assert (folder / "specinv_demo" / UNFINISHED).exists()
    assert main([*command, "--folder", "specinv_demo"]) == 0
    made = {path.name for path in (folder / "specinv_demo").iterdir()}
    assert made == {"comparison.png", f"{name}_original.wav", f"{name}_griffin_lim.wav"}
    assert main([*command, "--folder", "specinv_demo"]) == 2
    assert "exists already" in capsys.readouterr().err
    (folder / "empty").mkdir()
    assert main([*command, "--folder", "empty"]) == 0
