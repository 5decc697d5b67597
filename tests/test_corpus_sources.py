"""What a corpus is read from: lists, shards, datasets; and what shards are written."""

from __future__ import annotations

import csv
import io
import json
import tarfile

import numpy as np
import pyarrow
import pytest
import soundfile
import torch
from pyarrow import parquet

from tests.corpus_cases import RUN, manifest, same, save_arrays, spectrogram, waves
from torch_specinv import SpecInvError
from torch_specinv.corpus import invert_corpus, verify_corpus
from torch_specinv.io import spectrogram_to_image

ARRAYS = {f"clip{i}": spectrogram(i, 10 + i % 2) for i in range(5)}


@pytest.fixture
def expected(tmp_path):
    """What single files come to."""
    folder = tmp_path / "expected in"
    folder.mkdir()
    for name, array in ARRAYS.items():
        np.save(folder / name, array)
    invert_corpus(folder, tmp_path / "expected", **RUN)
    return waves(tmp_path / "expected")


def within(found, folder):
    return {f"{folder}/{key}": wave for key, wave in found.items()}


def as_bytes(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


TABLES = {
    "nested lists": lambda: {"mel": [a.tolist() for a in ARRAYS.values()]},
    "fixed lists": lambda: {
        "mel": pyarrow.array(
            [a.T[:10].tolist() for a in ARRAYS.values()],
            pyarrow.list_(pyarrow.list_(pyarrow.float32(), 33)),
        )
    },
    "flat lists and shapes": lambda: {
        "mel": [a.ravel().tolist() for a in ARRAYS.values()],
        "shape": [list(a.shape) for a in ARRAYS.values()],
    },
    "bytes of files": lambda: {"mel": [as_bytes(a) for a in ARRAYS.values()]},
    "structs": lambda: {
        "mel": [{"path": f"{k}.npy", "bytes": as_bytes(a)} for k, a in ARRAYS.items()]
    },
}


@pytest.mark.parametrize("kind", TABLES)
def test_parquet_shards(tmp_path, expected, kind):
    columns = {"id": [*ARRAYS], "text": ["spoken"] * 5, **TABLES[kind]()}
    parquet.write_table(pyarrow.table(columns), tmp_path / "shard.parquet", row_group_size=2)
    output, run = tmp_path / "out", dict(RUN)
    if kind == "fixed lists":
        run["transpose"] = True
    result = invert_corpus(tmp_path / "shard.parquet", output, **run)
    assert (result.done, result.failed) == (5, 0)
    found = waves(output)
    if kind == "fixed lists":  # all of them have ten frames
        assert found["shard/clip0"].shape == expected["clip0"].shape
        return
    if kind != "nested lists" and kind != "flat lists and shapes":
        assert same(found, within(expected, "shard"))
    else:  # as double precision, which is what lists of Python are
        assert found.keys() == within(expected, "shard").keys()
        for key, wave in within(expected, "shard").items():
            np.testing.assert_allclose(found[key], wave, atol=1e-5)


def add(tar, name, content):
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def test_webdataset_shards(tmp_path, expected):
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(2):
        with tarfile.open(folder / f"part-{number}.tar", "w") as tar:
            for i, (name, array) in enumerate(ARRAYS.items()):
                if i % 2 == number:
                    add(tar, f"{name}.json", json.dumps({"sr": 8000, "text": "hello"}).encode())
                    add(tar, f"{name}.npy", as_bytes(array))
                    add(tar, f"{name}.cls", b"3")
    result = invert_corpus(folder, tmp_path / "out", **{**RUN, "sr": None})
    assert (result.done, result.failed) == (5, 0)
    found = {key.partition("/")[2]: wave for key, wave in waves(tmp_path / "out").items()}
    assert same(found, expected)
    assert invert_corpus(folder, tmp_path / "out", **{**RUN, "sr": None}).finished_before == 5


def test_hugging_face_datasets_on_disk(tmp_path, expected):
    """The files that datasets.save_to_disk leaves: streams of Arrow, and a state."""
    folder = tmp_path / "dataset"
    folder.mkdir()
    table = pyarrow.table({"path": [f"{k}.npy" for k in ARRAYS], "mel": [
        {"bytes": as_bytes(a), "path": None} for a in ARRAYS.values()
    ]})  # fmt: skip
    with pyarrow.ipc.new_stream(folder / "data-00000-of-00001.arrow", table.schema) as writer:
        for batch in table.to_batches(max_chunksize=2):
            writer.write_batch(batch)
    (folder / "state.json").write_text("{}")
    (folder / "dataset_info.json").write_text("{}")
    result = invert_corpus(folder, tmp_path / "out", **RUN)
    assert (result.done, result.failed) == (5, 0)
    assert same(waves(tmp_path / "out"), within(expected, "data-00000-of-00001"))


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
def test_lists_of_items(tmp_path, expected, suffix):
    arrays = save_arrays(tmp_path, 2)
    (tmp_path / "files").mkdir()
    rows = []
    for name, array in ARRAYS.items():
        np.save(tmp_path / "files" / name, array)
        rows.append({"path": f"files/{name}.npy", "key": f"some/{name}", "sr": 8000, "text": "x"})
    # one that says more, one whose file is missing, one without a key
    rows[4] |= {"length": 150, "sr": 16000}
    rows.append({"path": "files/missing.npy", "key": "", "sr": 8000, "text": ""})
    rows.append({"path": f"{next(iter(arrays))}.npy", "key": "", "sr": 8000, "text": ""})
    path = tmp_path / f"list.{suffix}"
    names = ["path", "key", "sr", "text", "length"]
    if suffix == "parquet":
        parquet.write_table(pyarrow.table({n: [r.get(n) for r in rows] for n in names}), path)
    elif suffix == "jsonl":
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    else:
        with path.open("w", newline="") as file:
            delimiter = "\t" if suffix == "tsv" else ","
            writer = csv.DictWriter(file, names, delimiter=delimiter)
            writer.writeheader()
            writer.writerows(rows)
    result = invert_corpus(path, tmp_path / "out", **{**RUN, "sr": None})
    assert (result.done, result.failed) == (6, 1)
    table, found = manifest(tmp_path / "out"), waves(tmp_path / "out")
    for name in [*ARRAYS][:4]:
        assert np.array_equal(found[f"some/{name}"], expected[name])
    assert (table["some/clip4"]["samples"], table["some/clip4"]["sr"]) == (150, 16000)
    assert "does not exist" in table["files/missing"]["error"]
    assert next(iter(arrays)) in found


def test_a_list_may_name_recipes(tmp_path):
    (tmp_path / "in").mkdir()
    power, whole = spectrogram(0) ** 2, spectrogram(0)
    np.save(tmp_path / "in" / "a.npy", power)
    np.save(tmp_path / "in" / "b.npy", whole)
    path = tmp_path / "list.csv"
    path.write_text("path,power,hop_length\nin/a.npy,2,\nin/b.npy,,16\nin/b.npy,,8\n")
    with pytest.raises(SpecInvError, match="same output name"):
        invert_corpus(path, tmp_path / "out", **RUN)
    path.write_text("path,key,power,hop_length\nin/a.npy,a,2,\nin/b.npy,b,,16\nin/b.npy,c,,8\n")
    assert invert_corpus(path, tmp_path / "out", **RUN).done == 3
    found = waves(tmp_path / "out")
    np.testing.assert_allclose(found["a"], found["b"], atol=1e-5)
    assert len(found["c"]) == len(found["b"]) // 2


def test_bad_lists(tmp_path):
    for name, text, message in (
        ("b.csv", "path\nx.exe\n", r"row 1: x\.exe is of no kind"),
        ("c.csv", "path,key\nx.npy,../../etc\n", "leads out of the output"),
        ("d.csv", "path,key\nx.npy,/etc/x\n", "leads out of the output"),
        ("e.jsonl", '{"path": "x.npy"}\nnonsense\n', "line 2 is not JSON"),
        ("f.jsonl", "[1]\n", "line 1 is not a JSON object"),
        ("g.tar", "no tar", "cannot be read as a tar"),
        ("h.parquet", "no table", "cannot be read"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(SpecInvError, match=message):
            invert_corpus(tmp_path / name, tmp_path / "out", **RUN)
    parquet.write_table(pyarrow.table({"x": [1, 2]}), tmp_path / "i.parquet")
    with pytest.raises(SpecInvError, match="no column of arrays"):
        invert_corpus(tmp_path / "i.parquet", tmp_path / "out", **RUN)


def test_patterns_and_several_inputs(tmp_path):
    arrays = save_arrays(tmp_path / "in", 6)
    output = tmp_path / "out"
    pattern = f"{tmp_path}/in/*/clip000[0-3].npy"
    assert invert_corpus(pattern, output, **RUN).done == 4
    assert waves(output).keys() == {key for key in arrays if key[-1] in "0123"}
    first = tmp_path / "in" / "speaker 0"
    several = invert_corpus([first, tmp_path / "in" / "speaker 1"], tmp_path / "two", **RUN)
    assert several.done == 6
    assert "clip0000" in waves(tmp_path / "two")


def test_names_with_any_characters(tmp_path):
    folder = tmp_path / "in"
    names = ["ü 日本", "new\nline", "tab\t'\"", "-o", "%s{}", "a.b.c", "\udcff"]
    folder.mkdir()
    for i, name in enumerate(names):
        with open(folder / f"{name}.npy", "wb") as file:  # noqa: PTH123
            np.save(file, spectrogram(i))
    result = invert_corpus(folder, tmp_path / "out", **RUN)
    assert (result.done, result.failed) == (7, 0)
    assert all((tmp_path / "out" / f"{name}.wav").exists() for name in names)
    assert invert_corpus(folder, tmp_path / "out", **RUN).finished_before == 7
    with pytest.raises(AssertionError):  # tables hold text, in which a byte is spelled out
        assert "\udcff" in manifest(tmp_path / "out")
    assert verify_corpus(tmp_path / "out", closely=True).count == 0


def test_audio_and_pictures(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    stereo = 0.1 * torch.randn(2, 3000)
    soundfile.write(folder / "stereo.wav", stereo.T.numpy(), 8000, subtype="FLOAT")
    spectrogram_to_image(torch.from_numpy(spectrogram(0)), folder / "picture.png")
    result = invert_corpus(folder, tmp_path / "out", n_fft=64, **RUN)
    rows = manifest(tmp_path / "out")
    assert (result.done, result.failed) == (2, 0)
    assert (rows["stereo"]["channels"], rows["stereo"]["samples"]) == (2, 3000)
    assert rows["picture"]["sr"] == 8000
    # a recipe of arrays is none of audio
    run = {**RUN, "sr": None}
    invert_corpus(folder, tmp_path / "other", preset="hifigan", **run)
    assert "recipe is for arrays" in manifest(tmp_path / "other")["stereo"]["error"]


@pytest.mark.parametrize("format_", ["tar", "parquet"])
def test_shards_out(tmp_path, expected, format_):
    folder, output = tmp_path / "expected in", tmp_path / "out"
    np.save(folder / "with.dots.npy", spectrogram(9))
    (folder / "junk.npy").write_bytes(b"x")
    result = invert_corpus(folder, output, format=format_, batch=4, **RUN)
    assert (result.done, result.failed) == (6, 1)
    shards = sorted(output.glob(f"shard-*.{format_}"))
    assert len(shards) == 2
    rows, found = manifest(output), {}
    for shard in shards:
        if format_ == "tar":
            with tarfile.open(shard) as tar:
                inside = {m.name: tar.extractfile(m).read() for m in tar}
            for name, content in inside.items():
                if name.endswith(".json"):
                    told = json.loads(content)
                    found[told["key"]] = inside[f"{name[:-5]}.wav"]
                    assert told["sc"] == rows[told["key"]]["sc"]
        else:
            for row in parquet.read_table(shard).to_pylist():
                found[row["key"]] = row["audio"]["bytes"]
                assert row["sc"] == rows[row["key"]]["sc"]
    heard = {key: soundfile.read(io.BytesIO(x), dtype="float32")[0] for key, x in found.items()}
    assert heard.pop("with.dots").size
    assert same(heard, expected)
    assert verify_corpus(output).count == 0
    # what a killed run left is removed; what is finished stays
    orphan = output / f"shard-1-of-1-0123456789abcdef.{format_}"
    orphan.write_bytes(shards[0].read_bytes())
    assert verify_corpus(output).count >= 1
    assert invert_corpus(folder, output, format=format_, **RUN).finished_before == 7
    assert sorted(output.glob(f"shard-*.{format_}")) == shards
    assert verify_corpus(output).count == 0
    again = invert_corpus(folder, output, format=format_, recompute=True, **RUN)
    assert again.done == 6
    assert len(list(output.glob("shard-*"))) == 1
    assert verify_corpus(output).count == 0
