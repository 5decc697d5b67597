"""Long recordings: a run that was cut off goes on, and nothing is lost on the way."""

from __future__ import annotations

import errno
import functools
import subprocess
import sys

import numpy as np
import pytest
import torch

from tests.long_cases import RUN, read, save
from torch_specinv import SpecInvError, invert_long
from torch_specinv.algorithms import ADMM
from torch_specinv.long import inversion, piece_solver, writing
from torch_specinv.long.held_file import write_to_disk
from torch_specinv.long.partial_file import PartialFile

SCRIPT = """
import functools, os, signal, sys
import torch
from torch_specinv import invert_long
from torch_specinv.long import inversion
from torch_specinv.long.held_file import write_to_disk
from torch_specinv.long.partial_file import PartialFile
calls = []
def dies(file, content):
    calls.append(file)
    if len(calls) == int(sys.argv[3]) + 1:  # the first line says what is computed
        file.write(content[: len(content) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    write_to_disk(file, content)
inversion.PartialFile = functools.partial(PartialFile, write=dies)
invert_long(sys.argv[1], sys.argv[2], sr=8000, piece=40, max_iter=4, verbose=False,
            window=torch.hann_window(64))
"""


def run_and_die(source, output, moment):
    """Kill another process while it writes something for the so-many-th time."""
    command = [sys.executable, "-c", SCRIPT, source, output, moment]
    return subprocess.run(list(map(str, command)), capture_output=True, check=False).returncode


@pytest.mark.parametrize(
    "moments", [(1,), *(pytest.param(m, marks=pytest.mark.slow) for m in [(2,), (3, 4), (6,)])]
)
def test_killed_at_any_moment(moments, tmp_path):
    """While samples are written, while the journal is, twice in a row: the result is the same."""
    source, _, _ = save(tmp_path)
    run = {"sr": 8000, "piece": 40, "window": torch.hann_window(64), **RUN}
    invert_long(source, tmp_path / "whole.wav", **run)
    output = tmp_path / "out.wav"
    for moment in moments:
        assert run_and_die(source, output, moment) == -9
        assert not output.exists()
        assert list(tmp_path.glob("*.partial*"))
    invert_long(source, output, **run)
    assert (read(output) - read(tmp_path / "whole.wav")).abs().max() < 1e-12
    assert not list(tmp_path.glob("*.partial*"))


@pytest.fixture
def leave_unfinished(monkeypatch):
    """Make a run that computes all pieces, and fails when it writes the output."""

    def fails(*_, **__):
        raise MemoryError

    def leave(*arguments, **run):
        with monkeypatch.context() as patch:
            patch.setattr(writing, "write_blocks", fails)
            with pytest.raises(MemoryError):
                invert_long(*arguments, **run)

    return leave


@pytest.fixture
def solved(monkeypatch):
    """Count the pieces that are computed."""
    calls, solve = [], piece_solver.PieceSolver.solve

    def counting(self, piece):
        calls.append(piece)
        return solve(self, piece)

    monkeypatch.setattr(piece_solver.PieceSolver, "solve", counting)
    return calls


def test_a_full_disk_and_going_on(tmp_path, monkeypatch, solved):
    source, _, keywords = save(tmp_path)
    run = {"sr": 8000, "piece": 40, **keywords, **RUN}
    room = [5]

    def full(file, content):
        room[0] -= 1
        if room[0] < 0:
            file.write(content[:100])
            raise OSError(errno.ENOSPC, "No space left on device")
        write_to_disk(file, content)

    with monkeypatch.context() as patch:
        patch.setattr(inversion, "PartialFile", functools.partial(PartialFile, write=full))
        with pytest.raises(SpecInvError, match=r"No space left on device\. 1120 samples are kept"):
            invert_long(source, tmp_path / "out.wav", **run)
    assert len(solved) == 3
    result = invert_long(source, tmp_path / "out.wav", **run)
    pieces = len(solved) - 1  # the third was computed twice
    assert len({(piece.begin, piece.end) for piece in solved}) == pieces
    again = invert_long(source, tmp_path / "again.wav", **run)
    assert (read(tmp_path / "out.wav") - read(tmp_path / "again.wav")).abs().max() < 1e-12
    assert result.sc == pytest.approx(again.sc)


def test_interrupted(tmp_path, monkeypatch):
    source, _, keywords = save(tmp_path)
    solve, calls = piece_solver.PieceSolver.solve, []

    def impatient(self, piece):
        calls.append(piece)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return solve(self, piece)

    monkeypatch.setattr(piece_solver.PieceSolver, "solve", impatient)
    run = {"sr": 8000, "piece": 40, **keywords, **RUN}
    with pytest.raises(KeyboardInterrupt) as info:
        invert_long(source, tmp_path / "out.wav", **run)
    assert "0.1 s are kept in" in info.value.__notes__[0]
    assert (tmp_path / "out.wav.partial").stat().st_size == 1120 * 2 * 8
    invert_long(source, tmp_path / "out.wav", **run)
    assert calls[2] == calls[3]


def test_other_settings_do_not_go_on(tmp_path, leave_unfinished):
    source, _, keywords = save(tmp_path)
    run = {"sr": 8000, "piece": 40, **keywords, **RUN}
    leave_unfinished(source, tmp_path / "out.wav", **run)
    with pytest.raises(SpecInvError, match=r"other settings \(max_iter differ\)"):
        invert_long(source, tmp_path / "out.wav", **{**run, "max_iter": 5})
    np.save(source, 2 * np.load(source))
    with pytest.raises(SpecInvError, match=r"other settings \(source differ\)"):
        invert_long(source, tmp_path / "out.wav", **run)
    invert_long(source, tmp_path / "out.wav", force=True, **run)
    assert (tmp_path / "out.wav").exists()


def test_settings_are_compared_exactly(tmp_path, leave_unfinished):
    source, _, keywords = save(tmp_path)
    run = {"sr": 8000, "piece": 40, **keywords, **RUN}
    near = [ADMM(torch.tensor(rho)) for rho in (0.10001, 0.10004)]
    leave_unfinished(source, tmp_path / "out.wav", near[0], **run)
    with pytest.raises(SpecInvError, match=r"\(algorithm\.rho differ\)"):
        invert_long(source, tmp_path / "out.wav", near[1], **run)
    invert_long(source, tmp_path / "out.wav", near[0], **{**run, "max_iter": np.int64(4)})


@pytest.mark.parametrize("damage", [b"\xff\xfe", b"{}\n", b'{"samples": 3', b"null\n"])
def test_a_damaged_journal(damage, tmp_path, leave_unfinished, solved):
    source, _, keywords = save(tmp_path)
    run = {"sr": 8000, "piece": 40, **keywords, **RUN}
    leave_unfinished(source, tmp_path / "out.wav", **run)
    count = len(solved)
    journal = tmp_path / "out.wav.partial.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:3]) + damage)
    invert_long(source, tmp_path / "out.wav", **run)
    assert len(solved) == count + len(lines) - 3


def test_two_runs_at_once(tmp_path, monkeypatch):
    source, _, keywords = save(tmp_path)
    run = {"sr": 8000, "piece": 40, **keywords, **RUN}
    solve = piece_solver.PieceSolver.solve

    def another(self, piece):
        with pytest.raises(SpecInvError, match="is being written by another run"):
            invert_long(source, tmp_path / "out.wav", **run)
        return solve(self, piece)

    monkeypatch.setattr(piece_solver.PieceSolver, "solve", another)
    invert_long(source, tmp_path / "out.wav", **run)


def test_a_journal_without_samples(tmp_path, leave_unfinished, solved):
    """Samples that are not there are computed again."""
    source, _, keywords = save(tmp_path)
    run = {"sr": 8000, "piece": 40, **keywords, **RUN}
    leave_unfinished(source, tmp_path / "out.wav", **run)
    count = len(solved)
    draft = tmp_path / "out.wav.partial"
    draft.write_bytes(draft.read_bytes()[:-1])
    invert_long(source, tmp_path / "out.wav", **run)
    assert len(solved) == count + 1
