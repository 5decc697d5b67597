"""The command line ends with one line and an exit code, whatever breaks."""

from __future__ import annotations

import io
import json
import signal
import sys
import time

import pytest

from torch_specinv import cli
from torch_specinv.cli import main
from torch_specinv.comparing.store import read_store

pytestmark = pytest.mark.usefixtures("folder")
RUN = ["--sr", "8000", "--max-iter", "1", "--quiet"]


def test_names_that_are_no_text(folder, capsys):
    """The name is in no encoding; of what the terminal can't show are question marks."""
    (folder / "mag.npy").rename(folder / "\udcfe.npy")
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
    assert main(["invert", "mag.npy", "-o", "a.wav", *RUN]) == 1
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_a_second_interrupt_is_ignored(capsys, monkeypatch):
    """While the first is told of; only where the process is that of the command."""
    before = signal.getsignal(signal.SIGINT)

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("torch_specinv.cli.invert.invert", interrupt)
    arguments = ["invert", "mag.npy", "-o", "a.wav", *RUN]
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
    monkeypatch.setattr("sys.argv", ["specinv", "invert", "mag.npy", "-o", "a.wav", *RUN])
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
