"""Journals of several runs: which row of an item counts, and what becomes of the manifest."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.corpus_cases import RUN, manifest, save_arrays, spectrogram
from torch_specinv.corpus import invert_corpus, journal, reading, verify_corpus
from torch_specinv.corpus import manifest as manifests
from torch_specinv.corpus.filing import LocalFiles
from torch_specinv.corpus.finished import Earlier, Latest
from torch_specinv.corpus.journal import all_rows, last_run, open_journal


@pytest.fixture
def corpus(tmp_path):
    save_arrays(tmp_path / "in", 8)
    return tmp_path / "in", tmp_path / "out"


def in_parts(folder, output):
    for shard in ((1, 2), (2, 2)):
        invert_corpus(folder, output, "griffin_lim", shard=shard, **RUN)


def test_a_whole_run_repairs_what_parts_could_not_read(corpus, monkeypatch):
    folder, output = corpus
    read = reading.read_spectrogram_file

    def reading_badly(path, *args):
        if "clip0003" in str(path):
            raise OSError(5, "Input/output error")
        return read(path, *args)

    with monkeypatch.context() as patch:
        patch.setattr(reading, "read_spectrogram_file", reading_badly)
        in_parts(folder, output)
    assert [row["status"] for row in manifest(output).values()].count("failed") == 1
    runs = [invert_corpus(folder, output, "griffin_lim", **RUN) for _ in range(2)]
    assert [(run.done, run.finished_before) for run in runs] == [(1, 7), (0, 8)]
    assert {row["status"] for row in manifest(output).values()} == {"done"}
    assert verify_corpus(output, closely=True).count == 0


def test_a_file_that_changed_after_a_run_in_parts(corpus):
    folder, output = corpus
    in_parts(folder, output)
    np.save(next(folder.rglob("*.npy")), spectrogram(99, 12))
    runs = [invert_corpus(folder, output, "griffin_lim", **RUN) for _ in range(2)]
    assert [run.done for run in runs] == [1, 0]
    assert verify_corpus(output, closely=True).count == 0


@pytest.mark.parametrize("first, second", [((1, 2), (1, 1)), ((1, 1), (1, 2)), ((1, 2), (1, 10))])
def test_the_latest_run_is_right_whatever_its_part(tmp_path, first, second):
    files, folder = LocalFiles(), str(tmp_path)
    for status, part in (("failed", first), ("done", second)):
        held = open_journal(files, folder, part)
        held.add([{"key": "a", "status": status, "fault": "input", "settings": "s"}])
        held.close()
    assert last_run(files, folder) == 2
    assert Earlier(all_rows(files, folder), "s", retry=False).done == 1
    latest = Latest(files, folder)
    assert [row["status"] for row in latest] == ["done"]
    assert (latest.count, latest.names) == (1, [])


def test_the_number_of_a_run_is_found_at_the_end_of_long_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "_END", 10)
    files, folder = LocalFiles(), str(tmp_path)
    for number in range(3):
        assert last_run(files, folder) == number
        held = open_journal(files, folder, (1, 1))
        held.add([{"key": str(i), "status": "done", "note": "long " * 20} for i in range(3)])
        held.close()
    own = tmp_path / "_corpus" / "rows-1-of-1.jsonl"
    own.write_bytes(own.read_bytes()[:-5])
    assert last_run(files, folder) == 3
    # rows of a version that wrote no numbers are older than all
    own.write_text(json.dumps({"key": "a", "status": "done"}) + "\n")
    assert last_run(files, folder) == 0


def test_a_manifest_beside_a_run_that_ends(corpus, monkeypatch):
    """Another part adds its last rows while the manifest is made: it is short of nothing."""
    folder, output = corpus
    in_parts(folder, output)
    path = output / "_corpus" / "rows-1-of-2.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    alone, deliver = manifests.alone, LocalFiles.deliver

    def alone_later(files, where):
        path.write_bytes(b"".join(lines))
        return alone(files, where)

    path.write_bytes(b"".join(lines[:-3]))
    with monkeypatch.context() as patch:
        patch.setattr(manifests, "alone", alone_later)
        assert manifests.write_manifest(LocalFiles(), str(output), {}) == 8
    assert len(manifest(output)) == 8

    def deliver_later(self, where, write):
        path.write_bytes(b"".join(lines))
        return deliver(self, where, write)

    # between the two passes: what is new is left to the other run, and nothing else is
    path.write_bytes(b"".join(lines[:-3]))
    with monkeypatch.context() as patch:
        patch.setattr(LocalFiles, "deliver", deliver_later)
        assert manifests.write_manifest(LocalFiles(), str(output), {}) == 5
    others = {json.loads(line)["key"] for line in lines[-3:]}
    assert manifest(output).keys().isdisjoint(others)
    assert len(manifest(output)) == 5
