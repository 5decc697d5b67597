"""A corpus, when things go wrong: kills, full disks, interrupts, two runs at once."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.corpus_cases import RUN, manifest, same, save_arrays, spectrogram, waves
from torch_specinv import SpecInvError
from torch_specinv.corpus import batches, invert_corpus, run, solving, verify_corpus, worker
from torch_specinv.corpus.attempts import Attempts
from torch_specinv.corpus.filing import LocalFiles
from torch_specinv.corpus.item import Item, check_key
from torch_specinv.corpus.journal import LocalJournal, open_journal
from torch_specinv.io import WriteError, audio_writing

TRIAL = Path(__file__).parent.parent / "benchmarks" / "corpus_faults.py"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="it forks, and reads /proc")
def test_kills_at_any_moment():
    """It returns how many kills were not survived, and says which."""
    run = subprocess.run(
        [sys.executable, TRIAL, "--quick"], capture_output=True, text=True, check=False, timeout=600
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "at random" in run.stdout


@pytest.fixture
def corpus(tmp_path):
    arrays = save_arrays(tmp_path / "in", 9)
    invert_corpus(tmp_path / "in", tmp_path / "right", **RUN)
    return tmp_path / "in", tmp_path / "out", arrays, waves(tmp_path / "right")


class KilledError(BaseException):
    """What nobody catches."""


def at_call(monkeypatch, owner, name, number, error):
    """Let the so-many-th call of a function raise."""
    function, calls = getattr(owner, name), []

    def calling(*args, **keywords):
        calls.append(args)
        if len(calls) == number:
            raise error
        return function(*args, **keywords)

    monkeypatch.setattr(owner, name, calling)
    return calls


@pytest.mark.parametrize("owner, name", [
    (worker.Worker, "_invert"), (LocalJournal, "add"), (LocalFiles, "deliver"),
    (run, "write_manifest"), (batches.Plan, "add"),
])  # fmt: skip
def test_what_is_finished_is_kept(corpus, monkeypatch, owner, name):
    folder, output, _, right = corpus
    with monkeypatch.context() as patch:
        number = 1 if name in ("write_manifest", "add") and owner is not LocalJournal else 2
        at_call(patch, owner, name, number, KilledError())
        with pytest.raises(KilledError):
            invert_corpus(folder, output, batch=2, **RUN)
    assert all(np.array_equal(right[key], wave) for key, wave in waves(output).items())
    invert_corpus(folder, output, batch=2, **RUN)
    assert same(waves(output), right)
    assert verify_corpus(output, closely=True).count == 0
    journal = (output / "_corpus" / "rows-1-of-1.jsonl").read_text().splitlines()
    assert len(journal) == 9


@pytest.mark.parametrize("part", [1, 50, -1])
def test_a_line_that_was_cut_off(corpus, part):
    folder, output, _, right = corpus
    invert_corpus(folder, output, batch=3, **RUN)
    path = output / "_corpus" / "rows-1-of-1.jsonl"
    content = path.read_bytes()
    last = content[:-1].rindex(b"\n") + 1
    path.write_bytes(content[: last + part] if part > 0 else content[:part])
    result = invert_corpus(folder, output, **RUN)
    assert (result.done, result.finished_before) == (1, 8)
    assert same(waves(output), right)
    assert all(json.loads(line) for line in path.read_text().splitlines())
    assert verify_corpus(output, closely=True).count == 0


def test_a_full_disk(corpus, monkeypatch):
    folder, output, _, right = corpus
    full = OSError(errno.ENOSPC, "No space left on device")
    with monkeypatch.context() as patch:
        at_call(patch, audio_writing, "_encode", 5, full)
        with pytest.raises(WriteError, match="No space left") as caught:
            invert_corpus(folder, output, batch=2, **RUN)
    assert "4 items are finished: run the same again" in caught.value.__notes__[0]
    assert len(waves(output)) == 4
    with monkeypatch.context() as patch:
        at_call(patch, run, "write_manifest", 1, WriteError("full"))
        with pytest.raises(WriteError, match="full"):
            invert_corpus(folder, output, **RUN)
    assert invert_corpus(folder, output, **RUN).finished_before == 9
    assert same(waves(output), right)
    assert len(manifest(output)) == 9


def test_a_journal_that_is_full_stays_readable(tmp_path, monkeypatch):
    journal = open_journal(LocalFiles(), str(tmp_path), (1, 1))
    journal.add([{"key": "a", "status": "done"}])
    full = OSError(errno.ENOSPC, "No space left on device")
    with monkeypatch.context() as patch:
        at_call(patch, sys.modules["os"], "fsync", 1, full)
        with pytest.raises(WriteError, match="make room and run the same again"):
            journal.add([{"key": "b", "status": "done"}])
    journal.close()
    lines = (tmp_path / "_corpus" / "rows-1-of-1.jsonl").read_text().splitlines()
    assert [json.loads(line)["key"] for line in lines] == ["a"]


def test_an_interrupt(corpus, monkeypatch):
    folder, output, _, right = corpus
    with monkeypatch.context() as patch:
        at_call(patch, solving, "_invert", 3, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt) as caught:
            invert_corpus(folder, output, batch=1, **RUN)
    assert caught.value.__notes__ == ["2 items are finished: run the same again to go on."]
    assert len(manifest(output)) == 2
    assert verify_corpus(output).count == 0
    invert_corpus(folder, output, **RUN)
    assert same(waves(output), right)


def test_two_runs_at_once(corpus):
    folder, output, _, right = corpus
    output.mkdir()
    other = open_journal(LocalFiles(), str(output), (1, 1))
    for shard in ((1, 1), (2, 3)):
        with pytest.raises(SpecInvError, match="is being written by another run"):
            invert_corpus(folder, output, shard=shard, **RUN)
    other.close()
    other = open_journal(LocalFiles(), str(output), (2, 3))
    for shard in ((1, 1), (2, 3), (1, 2)):
        with pytest.raises(SpecInvError, match=r"another run \(2 of 3\)|another run:"):
            invert_corpus(folder, output, shard=shard, **RUN)
    invert_corpus(folder, output, shard=(1, 3), **RUN)
    other.close()
    invert_corpus(folder, output, **RUN)
    assert same(waves(output), right)


def test_an_item_that_kills_its_process(corpus):
    """Marks of earlier runs that died of it are enough."""
    folder, output, _, right = corpus
    np.save(folder / "killer.npy", spectrogram(0, 90))
    invert_corpus(folder, output, limit=1, **RUN)  # the longest comes first
    (output / "_corpus" / "rows-1-of-1.jsonl").write_text("")
    (output / "killer.wav").unlink(missing_ok=True)
    killer = Item("killer", "", "array")
    attempts = Attempts(LocalFiles(), str(output))
    for _ in range(3):
        with pytest.raises(KilledError), attempts.trying([killer]):
            attempts.forget = lambda *_: None
            raise KilledError
        del attempts.forget
    assert attempts.lost([killer]) == 3
    result = invert_corpus(folder, output, batch=1, **RUN)
    assert (result.done, result.failed) == (9, 1)
    assert "died 3 times" in manifest(output)["killer"]["error"]
    assert same(waves(output), right)
    assert attempts.lost([killer]) == 0


def test_an_item_that_breaks_its_batch(corpus, monkeypatch):
    """Those with it are inverted alone, and come to the same."""
    folder, output, arrays, right = corpus
    bad = next(iter(arrays))
    invert = solving._invert

    def breaking(group, job):
        if any(each.item.key == bad for each in group):
            raise RuntimeError("broken")
        return invert(group, job)

    monkeypatch.setattr(solving, "_invert", breaking)
    result = invert_corpus(folder, output, **RUN)
    assert (result.done, result.failed) == (8, 1)
    assert manifest(output)[bad]["error"] == "RuntimeError: broken"
    right.pop(bad)
    assert same(waves(output), right)


def test_a_file_that_cannot_be_read_this_time(corpus, monkeypatch):
    """What the machine is at fault for is tried again by the next run."""
    folder, output, _, right = corpus
    from torch_specinv.corpus import reading

    with monkeypatch.context() as patch:
        at_call(patch, reading, "read_spectrogram_file", 2, OSError(errno.EIO, "a bad cable"))
        result = invert_corpus(folder, output, **RUN)
    assert (result.done, result.failed) == (8, 1)
    result = invert_corpus(folder, output, **RUN)
    assert (result.done, result.failed, result.finished_before) == (1, 0, 8)
    assert same(waves(output), right)


def test_parts_that_end_at_once(corpus):
    """Each writes the manifest, one after the other, and the last one has all rows."""
    folder, output, _, right = corpus
    invert_corpus(folder, output, shard=(1, 3), **RUN)
    with ThreadPoolExecutor(2) as pool:
        runs = [
            pool.submit(invert_corpus, folder, output, shard=(i, 3), **RUN) for i in (2, 3)
        ]  # fmt: skip
        assert sum(run.result().done for run in runs) <= 9
    assert manifest(output).keys() == right.keys()
    assert verify_corpus(output, closely=True).count == 0


def test_keys_stay_within_the_output():
    assert check_key("a/b c", "list") == "a/b c"
    assert check_key(12, "list") == "12"
    for wrong in ("", "/etc/passwd", "../x", "a/../../x", "a\0b", None, ["a"]):
        with pytest.raises(SpecInvError, match="list"):
            check_key(wrong, "list")
