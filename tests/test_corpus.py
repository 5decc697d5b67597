"""A corpus in one process: what is inverted, what is not again, and what each item comes to."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest
import soundfile
import torch

from tests.corpus_cases import RUN, manifest, same, save_arrays, spectrogram, waves
from torch_specinv import SpecInvError, invert
from torch_specinv.corpus import invert_corpus, solving, verify_corpus, worker
from torch_specinv.mel import Preset


@pytest.fixture
def mels(tmp_path):
    folder = tmp_path / "in"
    return folder, save_arrays(folder, 7)


def alone(array, **keywords):
    keywords = {"max_iter": 2, "preset": Preset.plain(8000), **keywords}
    return invert(torch.from_numpy(array), verbose=False, **keywords)


def test_each_item_is_as_it_is_alone(mels, tmp_path):
    folder, arrays = mels
    result = invert_corpus(folder, tmp_path / "out", **RUN)
    assert (result.done, result.failed, result.finished_before) == (7, 0, 0)
    found, rows = waves(tmp_path / "out"), manifest(tmp_path / "out")
    assert found.keys() == rows.keys() == arrays.keys()
    for key, array in arrays.items():
        expected = alone(array)
        np.testing.assert_array_equal(found[key], expected.wave.numpy())
        assert rows[key]["sc"] == pytest.approx(float(expected.history["sc"][-1]), abs=1e-4)
        assert rows[key]["samples"] == expected.wave.numel()
        assert rows[key]["inconsistency"] == pytest.approx(float(expected.inconsistency), abs=1e-4)
        assert (rows[key]["status"], rows[key]["sr"], rows[key]["channels"]) == ("done", 8000, 1)
    assert result.audio == pytest.approx(sum(map(len, found.values())) / 8000)


@pytest.mark.parametrize("keywords", [{"algorithm": "griffin_lim", "init": "random"}, {}])
def test_order_and_batches_change_nothing(mels, tmp_path, keywords):
    folder, arrays = mels
    outputs = []
    for number, batch in enumerate((1, 3, 100)):
        output = tmp_path / f"out{number}"
        invert_corpus(folder, output, batch=batch, **RUN, **keywords)
        outputs.append(waves(output))
    outputs.append({})
    # one file a run
    for key in arrays:
        output = tmp_path / f"single {key.replace('/', ' ')}"
        invert_corpus(folder / f"{key}.npy", output, **RUN, **keywords)
        outputs[-1][key] = next(iter(waves(output).values()))
    assert all(same(outputs[0], other) for other in outputs[1:])


def test_random_phases_follow_from_the_content(mels, tmp_path):
    folder, arrays = mels
    first = next(iter(arrays))
    np.save(folder / "copy.npy", arrays[first])
    run = partial(invert_corpus, folder, algorithm="griffin_lim", init="random", **RUN)
    run(tmp_path / "a")
    run(tmp_path / "b", seed=1)
    a, b, rows = waves(tmp_path / "a"), waves(tmp_path / "b"), manifest(tmp_path / "a")
    assert np.array_equal(a["copy"], a[first])
    assert not np.array_equal(a["copy"], b["copy"])
    assert len({row["seed"] for row in rows.values()}) == 7
    generator = torch.Generator().manual_seed(rows["copy"]["seed"])
    again = alone(arrays[first], algorithm="griffin_lim", init="random", generator=generator)
    np.testing.assert_array_equal(a["copy"], again.wave.numpy())


def test_threads_are_given_back(mels, tmp_path, monkeypatch):
    """There is one while items are inverted, as results are the same bits only then."""
    invert_one, seen = solving._invert, []
    monkeypatch.setattr(
        solving, "_invert",
        lambda *args: seen.append(torch.get_num_threads()) or invert_one(*args),
    )  # fmt: skip
    torch.set_num_threads(2)
    try:
        invert_corpus(mels[0], tmp_path / "out", **RUN)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert set(seen) == {1}


def test_what_is_finished_is_not_inverted_again(mels, tmp_path, monkeypatch):
    folder, arrays = mels
    output = tmp_path / "out"
    seen = []
    call = worker.Worker.__call__
    monkeypatch.setattr(
        worker.Worker, "__call__",
        lambda self, items: seen.extend(item.key for item in items) or call(self, items),
    )  # fmt: skip
    assert invert_corpus(folder, output, limit=3, **RUN).done == 3
    assert invert_corpus(folder, output, **RUN).finished_before == 3
    assert sorted(seen) == sorted(arrays)  # each once
    times = {path: path.stat().st_mtime_ns for path in output.rglob("*.wav")}
    result = invert_corpus(folder, output, **RUN)
    assert (result.done, result.finished_before) == (0, 7)
    # another content under the same name
    key = next(iter(arrays))
    np.save(folder / f"{key}.npy", spectrogram(99, 20))
    assert invert_corpus(folder, output, **RUN).done == 1
    changed = {path for path, time in times.items() if path.stat().st_mtime_ns != time}
    assert changed == {output / f"{key}.wav"}
    np.testing.assert_array_equal(waves(output)[key], alone(spectrogram(99, 20)).wave.numpy())
    assert verify_corpus(output, closely=True).count == 0


def test_items_that_fail_are_rows(mels, tmp_path):
    folder, _ = mels
    (folder / "junk.npy").write_bytes(b"not an array")
    (folder / "empty.wav").write_bytes(b"")
    (folder / "notes.txt").write_text("of no interest")
    (folder / ".hidden.npy").write_bytes(b"")
    np.save(folder / "negative.npy", -spectrogram(0))
    np.save(folder / "nan.npy", np.full((33, 12), np.nan, np.float32))
    np.save(folder / "batch.npy", np.stack([spectrogram(0)] * 2))
    (folder / "link.npy").symlink_to(folder / "nowhere.npy")
    output = tmp_path / "out"
    result = invert_corpus(folder, output, **RUN)
    rows = manifest(output)
    assert (result.done, result.failed) == (7, 6)
    errors = {key: row["error"] for key, row in rows.items() if row["status"] == "failed"}
    assert errors.keys() == {"junk", "empty", "negative", "nan", "batch", "link"}
    assert "negative" in errors["negative"]
    assert "NaN" in errors["nan"]
    assert "is empty" in errors["empty"]
    assert "leads nowhere" in errors["link"]
    assert "--channels" in errors["batch"]
    assert "cannot be read" in errors["junk"]
    assert len(waves(output)) == 7
    # they are not tried again, unless it is asked for or they have changed
    assert invert_corpus(folder, output, **RUN).failed == 0
    assert invert_corpus(folder, output, retry=True, **RUN).failed == 6
    np.save(folder / "junk.npy", spectrogram(0))
    assert invert_corpus(folder, output, **RUN).done == 1
    assert manifest(output)["junk"]["error"] is None


def test_other_settings_are_noticed(mels, tmp_path):
    folder, _ = mels
    output = tmp_path / "out"
    invert_corpus(folder, output, **RUN)
    before = waves(output)
    with pytest.raises(SpecInvError, match=r"7 items .*\(keywords.max_iter differ"):
        invert_corpus(folder, output, **{**RUN, "max_iter": 3})
    assert same(waves(output), before)
    result = invert_corpus(folder, output, recompute=True, **{**RUN, "max_iter": 3})
    assert result.done == 7
    assert not same(waves(output), before)
    assert len(manifest(output)) == 7
    assert verify_corpus(output, closely=True).count == 0
    # what is usual need not be said
    again = invert_corpus(folder, output, **{**RUN, "max_iter": 3, "tol": 1e-6, "backend": "auto"})
    assert again.finished_before == 7


def test_settings_may_change_while_all_has_failed(tmp_path):
    folder = tmp_path / "in"
    save_arrays(folder, 30)
    with pytest.raises(SpecInvError, match=r"first 20 items all failed alike.* 33 bands"):
        invert_corpus(folder, tmp_path / "out", **{**RUN, "sr": None}, preset="hifigan")
    rows = next((tmp_path / "out").rglob("*.jsonl")).read_text().splitlines()
    assert [json.loads(row)["status"] for row in rows] == ["failed"] * 30
    assert invert_corpus(folder, tmp_path / "out", **RUN).done == 30


def test_the_output_is_not_mixed_with_other_files(mels, tmp_path):
    folder, _ = mels
    with pytest.raises(SpecInvError, match="holds files already"):
        invert_corpus(folder, folder, **RUN)
    (tmp_path / "file").write_text("x")
    with pytest.raises(SpecInvError, match="is a file"):
        invert_corpus(folder, tmp_path / "file", **RUN)
    # an output within the input is not taken for input
    for _ in range(2):
        result = invert_corpus(folder, folder / "out", **RUN)
    assert result.finished_before == 7


def test_manifests_of_other_versions_are_refused(mels, tmp_path):
    output = tmp_path / "out"
    invert_corpus(mels[0], output, **RUN)
    path = output / "_corpus" / "settings.json"
    about = json.loads(path.read_text())
    path.write_text(json.dumps({**about, "format": 2, "version": "9.0"}))
    with pytest.raises(SpecInvError, match=r"format 2 of torch_specinv 9.0"):
        invert_corpus(mels[0], output, **RUN)


def test_two_items_of_one_name(mels, tmp_path):
    folder, arrays = mels
    key = next(iter(arrays))
    soundfile.write(folder / f"{key}.wav", np.zeros(3000), 8000)
    with pytest.raises(SpecInvError, match=f"{key}: .*full_names"):
        invert_corpus(folder, tmp_path / "out", **RUN)
    assert not list((tmp_path / "out").rglob("*.wav"))
    result = invert_corpus(folder, tmp_path / "out", full_names=True, **RUN)
    assert result.done == 8
    assert (tmp_path / "out" / f"{key}.npy.wav").exists()


def test_parts_of_a_corpus(mels, tmp_path):
    folder, arrays = mels
    output = tmp_path / "out"
    counts = [invert_corpus(folder, output, shard=(i, 3), **RUN).done for i in (3, 1, 2)]
    assert sum(counts) == 7
    assert 7 not in counts
    assert manifest(output).keys() == arrays.keys()
    invert_corpus(folder, tmp_path / "whole", **RUN)
    assert same(waves(output), waves(tmp_path / "whole"))
    assert verify_corpus(output, closely=True).count == 0
    assert invert_corpus(folder, output, **RUN).finished_before == 7


@pytest.mark.parametrize("suffix", ["flac", "ogg", "wav"])
def test_waves_beyond_one(tmp_path, suffix):
    (tmp_path / "in").mkdir()
    np.save(tmp_path / "in" / "loud.npy", 100 * spectrogram(0))
    invert_corpus(tmp_path / "in", tmp_path / "out", format=suffix, **RUN)
    row = manifest(tmp_path / "out")["loud"]
    assert row["peak"] > 1
    wave, sr = soundfile.read(tmp_path / "out" / f"loud.{suffix}")
    assert sr == 8000
    assert (abs(wave).max() > 1.2) == (suffix == "wav")


def test_what_is_passed_is_wrong(mels, tmp_path):
    folder, output = mels[0], tmp_path / "out"
    for wrong, message in (
        ({"max_iter": -1}, "max_iter=-1"),
        ({"max_itr": 3}, "max_iter"),
        ({"length": 3}, "length=3"),
        ({"alpha": 3}, "hyperparameter of"),
        ({"window": torch.ones(64)}, "window is a tensor"),
        ({"format": "mp3"}, "format='mp3'"),
        ({"engine": "dask"}, "engine='dask'"),
        ({"shard": (3, 2)}, "shard"),
        ({"shard": 3}, "shard"),
        ({"limit": 0}, "limit=0"),
        ({"device": "abacus"}, "device='abacus'"),
        ({"peak": "loud"}, "peak='loud'"),
        ({"preset": "hifigan", "sr": 8000}, "sr=8000"),
        ({"score": "nowhere"}, "nowhere' is not a folder"),
        ({"image": {"colour": 1}}, "colour"),
    ):
        with pytest.raises(SpecInvError, match=message):
            invert_corpus(folder, output, **{**RUN, **wrong})
        assert not list(tmp_path.rglob("*.wav"))
    for inputs, message in (
        (tmp_path / "missing", "does not exist"),
        (tmp_path / "*.nothing", "holds no"),
        ([], r"inputs=\[\]"),
        (3, "inputs=3"),
    ):
        with pytest.raises(SpecInvError, match=message):
            invert_corpus(inputs, output, **RUN)


def test_what_is_said_of_one_item_is_in_its_row(tmp_path):
    """A recording that ends early is inverted as far as it goes, and its row says so."""
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "short.wav"
    soundfile.write(path, 0.1 * np.random.default_rng(0).standard_normal(6000), 8000)
    path.write_bytes(path.read_bytes()[:-4000])
    invert_corpus(tmp_path / "in", tmp_path / "out", n_fft=256, **RUN)
    assert "ends after 4000 samples" in manifest(tmp_path / "out")["short"]["note"]
