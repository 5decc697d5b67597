"""Long recordings: what other programs do to the files of a run is noticed, and told."""

from __future__ import annotations

import errno
import functools
import os
import shutil
import warnings
from collections import namedtuple

import numpy as np
import pytest
import soundfile
import torch

from tests.long_cases import RUN, read, save
from torch_specinv import SpecInvError, invert_long
from torch_specinv.io import WriteError
from torch_specinv.io.plain_array import PlainArray
from torch_specinv.long import inversion, piece_solver
from torch_specinv.long.partial_file import PartialFile


@pytest.fixture
def case(tmp_path):
    """Return a source, an output and the keywords of a run in 7 pieces."""
    source, _, keywords = save(tmp_path)
    return source, tmp_path / "out.wav", {"sr": 8000, "piece": 40, **keywords, **RUN}


@pytest.fixture
def at_piece(monkeypatch):
    """Do something before the so-many-th piece is computed; count the pieces."""
    solve, calls = piece_solver.PieceSolver.solve, []

    def patch(number, do):
        calls.clear()

        def solving(self, piece):
            calls.append(piece)
            if len(calls) == number:
                do()
            return solve(self, piece)

        monkeypatch.setattr(piece_solver.PieceSolver, "solve", solving)
        return calls

    return patch


def nothing():
    pass


def replace(path):
    """Put a copy in the place of a file."""
    shutil.copy(path, path.with_name("copy")).replace(path)


def flip(path):
    content = bytearray(path.read_bytes())
    content[40] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("out.wav.partial", os.unlink, r"partial was removed or replaced"),
        ("out.wav.partial", lambda path: os.truncate(path, 100), r"has 100 bytes instead of"),
        ("out.wav.partial", replace, "was removed or replaced"),
        ("out.wav.partial.jsonl", os.unlink, r"jsonl was removed or replaced"),
        ("out.wav.partial.jsonl", lambda path: os.truncate(path, 3), "has 3 bytes"),
        ("out.wav.partial", flip, "was changed by another program, in piece 0"),
    ],
)  # fmt: skip
def test_a_draft_that_is_changed_midway(case, at_piece, name, change, message):
    """The run ends with an error, and the next one makes what it should."""
    source, output, run = case
    at_piece(4, lambda: change(output.with_name(name)))
    with pytest.raises(WriteError, match=message):
        invert_long(source, output, **run)
    assert not output.exists()
    at_piece(0, nothing)
    invert_long(source, output, **run)
    invert_long(source, output.with_name("whole.wav"), **run)
    assert output.read_bytes() == output.with_name("whole.wav").read_bytes()
    assert {path.name for path in output.parent.iterdir()} == {
        source.name, "out.wav", "whole.wav",
    }  # fmt: skip


def test_a_bit_that_flips_between_two_runs(case, at_piece):
    """Only the pieces from there on are computed again."""
    source, output, run = case

    def interrupt():
        raise KeyboardInterrupt

    at_piece(5, interrupt)
    with pytest.raises(KeyboardInterrupt):
        invert_long(source, output, **run)
    partial = output.with_name("out.wav.partial")
    content = bytearray(partial.read_bytes())
    content[len(content) * 3 // 5] ^= 1
    partial.write_bytes(content)
    calls = at_piece(0, nothing)
    invert_long(source, output, **run)
    pieces = len(calls) + 2
    calls.clear()
    invert_long(source, output.with_name("whole.wav"), **run)
    assert len(calls) == pieces
    assert torch.equal(read(output), read(output.with_name("whole.wav")))


@pytest.mark.parametrize("kept", ["both", "journal"])
def test_killed_after_the_output_was_there(case, monkeypatch, at_piece, kept):
    """The same call finds that all is done; another one that the output exists."""
    source, output, run = case

    class Killed(BaseException):
        pass

    def die(self):
        if kept == "journal":
            self._draft.remove()
        raise Killed

    for other in (False, True):
        with monkeypatch.context() as patch:
            patch.setattr(PartialFile, "remove", die)
            with pytest.raises(Killed):
                invert_long(source, output, force=other, **run)
        assert output.with_name("out.wav.partial").exists() == (kept == "both")
        content, calls = output.read_bytes(), at_piece(0, nothing)
        if other:
            with pytest.raises(SpecInvError, match=r"out\.wav exists already"):
                invert_long(source, output, **{**run, "max_iter": 3})
        else:
            result = invert_long(source, output, **run)
            assert result.samples == 4001
        assert not calls
        assert output.read_bytes() == content
        assert {path.name for path in output.parent.iterdir()} == {source.name, "out.wav"}
    again = invert_long(source, output.with_name("again.wav"), **run)
    assert result.sc == again.sc
    # an output that was written to since is not the one of the journal
    with pytest.raises(SpecInvError, match="exists already"):
        invert_long(source, output, **run)


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        (lambda path: np.save(path, 2 * np.load(path)), False),
        (lambda path: np.save(path, np.load(path)[..., :90]), False),
        (lambda path: os.truncate(path, 5000), False),
        (lambda path: path.write_bytes(b""), False),
        (os.unlink, True),
    ],
)
def test_a_source_that_is_changed_midway(case, at_piece, change, kept):
    """No signal 7, no mixture of two recordings; of the old one nothing is kept."""
    source, output, run = case
    at_piece(4, lambda: change(source))
    message = "No such file" if kept else "changed while it was read. Nothing is kept"
    with pytest.raises(SpecInvError, match=message):
        invert_long(source, output, **run)
    assert output.with_name("out.wav.partial").exists() == kept
    assert not output.exists()


def test_a_change_that_leaves_no_trace(case, at_piece):
    """Of the same size and with the old time: the contents are looked at in the end."""
    source, output, run = case

    def change():
        status = source.stat()
        content = source.read_bytes()
        source.write_bytes(content[:-5000] + bytes(5000))
        os.utime(source, ns=(status.st_atime_ns, status.st_mtime_ns))

    at_piece(2, change)
    with pytest.raises(SpecInvError, match="changed while it was read"):
        invert_long(source, output, **run)
    assert [path.name for path in output.parent.iterdir()] == [source.name]


def test_a_source_that_is_only_touched(case, at_piece):
    source, output, run = case
    at_piece(3, lambda: os.utime(source))
    assert invert_long(source, output, **run).samples == 4001


def test_a_fault_in_the_first_piece_is_not_in_the_way(case):
    """Nothing is left of it, and the mended source is taken."""
    source, output, run = case
    good = np.load(source)
    bad = good.copy()
    bad[0, 3, 5] = np.nan
    np.save(source, bad)
    with pytest.raises(SpecInvError, match="NaN"):
        invert_long(source, output, **run)
    assert [path.name for path in output.parent.iterdir()] == [source.name]
    np.save(source, good)
    assert invert_long(source, output, **run).samples == 4001


def test_room(case, monkeypatch, at_piece):
    """It is needed twice, and asked for before any work."""
    source, output, run = case
    size = 4001 * 2 * 8
    Usage = namedtuple("Usage", "total used free")
    calls = at_piece(0, nothing)
    for name, needed in (("out.wav", 2 * size), ("out.flac", size)):
        for free, enough in ((needed - 1, False), (needed, True)):
            monkeypatch.setattr(shutil, "disk_usage", lambda _, n=free: Usage(0, 0, n))
            path = output.with_name(name)
            if enough:
                with warnings.catch_warnings(action="ignore"):  # of a peak beyond 1 in .flac
                    invert_long(source, path, **run)
            else:
                calls.clear()
                with pytest.raises(WriteError, match=r"0\.1 MB are needed in .* MB are free"):
                    invert_long(source, path, **run)
                assert not calls
    assert not list(output.parent.glob("*.partial*"))


def test_limits_of_formats_come_before_the_work(tmp_path, at_piece):
    """The sample rate and the channels are those that the source brings."""
    soundfile.write(tmp_path / "fast.wav", np.zeros(5000), 2_000_000)
    soundfile.write(tmp_path / "many.wav", np.zeros((5000, 256)), 8000)
    calls = at_piece(0, nothing)
    run = {"n_fft": 64, "window": torch.hann_window(64), **RUN}
    for name, message in (("fast", "sr=2000000: .ogg holds"), ("many", "256 channels, but .ogg")):
        with pytest.raises(SpecInvError, match=message):
            invert_long(tmp_path / f"{name}.wav", tmp_path / "out.ogg", **run)
    assert not calls
    assert {path.name for path in tmp_path.iterdir()} == {"fast.wav", "many.wav"}


@pytest.mark.parametrize("reason", ["Permission denied", "No space left on device"])
def test_what_is_said_of_a_failure(case, monkeypatch, reason):
    """Room is asked for where there is none."""
    source, output, run = case
    numbers = {"Permission denied": errno.EACCES, "No space left on device": errno.ENOSPC}

    def fails(*_):
        raise OSError(numbers[reason], reason)

    monkeypatch.setattr(inversion, "PartialFile", functools.partial(PartialFile, write=fails))
    with pytest.raises(WriteError, match=reason) as info:
        invert_long(source, output, **run)
    assert ("ake room" in str(info.value)) == (numbers[reason] == errno.ENOSPC)
    assert "samples are kept" not in str(info.value)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<c8"])
def test_parts_of_arrays(tmp_path, order, dtype):
    """As numpy slices them, in every layout and byte order."""
    generator = np.random.default_rng(0)
    array = generator.standard_normal((3, 7, 11)).astype(dtype)
    stored = np.asarray(array, order=order)
    (tmp_path / "a").write_bytes(b"head" + stored.tobytes(order))
    place = PlainArray(tmp_path / "a", 4, array.shape, array.dtype, order == "F")
    for axis in (0, 1, 2, -1, -2):
        for begin, end in ((0, 1), (1, 3), (2, 99), (2, 2)):
            expected = np.moveaxis(np.moveaxis(array, axis, 0)[begin:end], 0, axis)
            found = place.read(axis, begin, end)
            assert np.array_equal(found, expected)
            assert found.dtype.isnative
    os.truncate(tmp_path / "a", (tmp_path / "a").stat().st_size - 1)
    with pytest.raises(SpecInvError, match="made shorter while it was read"):
        place.read(1, 0, 7)
