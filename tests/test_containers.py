"""Arrays come out of every container as numpy had them, bit by bit, with the sample rate."""

from __future__ import annotations

import struct
import sys

import h5py
import numpy as np
import pyarrow
import pytest
import scipy.io
import torch
from pyarrow import parquet
from safetensors.torch import save_file

from tests.container_cases import example, save, save_matlab_73
from torch_specinv import SpecInvError
from torch_specinv.io import SPECTROGRAM_SUFFIXES, read_spectrogram, read_spectrogram_file

WHOLE = (".npy", ".csv", ".tsv", ".txt", ".parquet")
"""Suffixes of files that hold one array and nothing else."""


def dtypes(suffix):
    if suffix in (".csv", ".tsv", ".txt"):
        return (np.float64, np.complex128)
    if suffix == ".parquet":
        return (np.float16, np.float32, np.float64, np.int32)
    if suffix == ".mat":
        return (np.float32, np.float64, np.complex64, np.complex128, np.int16, np.bool_)
    usual = (np.float16, np.float32, np.float64, np.complex64, np.complex128, np.uint8, np.bool_)
    return tuple(d for d in usual if (suffix, d) != (".safetensors", np.complex128))


@pytest.mark.parametrize(
    ("suffix", "dtype"),
    [(suffix, dtype) for suffix in SPECTROGRAM_SUFFIXES for dtype in dtypes(suffix)],
)
def test_every_container_gives_the_array_back(tmp_path, suffix, dtype):
    array = example(dtype)
    path = tmp_path / f"a{suffix}"
    save(path, array)
    found = read_spectrogram_file(path)
    assert found.array.dtype == torch.from_numpy(array).dtype
    assert found.array.is_contiguous()
    assert found.array.numpy().tobytes() == array.tobytes()
    assert found.sr is None
    shouting = tmp_path / f"B{suffix.upper()}"
    path.rename(shouting)
    assert torch.equal(read_spectrogram(shouting), found.array)


@pytest.mark.parametrize("suffix", sorted(set(SPECTROGRAM_SUFFIXES) - set(WHOLE[1:])))
@pytest.mark.parametrize("shape", [(1, 5, 4), (2, 5, 4), (2, 1, 5, 4), (5, 1)])
def test_shapes_stay(tmp_path, suffix, shape):
    array = example(shape=shape)
    save(tmp_path / f"a{suffix}", array)
    np.testing.assert_array_equal(read_spectrogram(tmp_path / f"a{suffix}").numpy(), array)


@pytest.mark.parametrize("suffix", sorted(set(SPECTROGRAM_SUFFIXES) - set(WHOLE)))
def test_the_sample_rate_is_found(tmp_path, suffix):
    for name in ("sr", "sample_rate", "Fs", "samplerate", "SAMPLING_RATE", "rate"):
        save(tmp_path / f"a{suffix}", example(), **{name: 16000})
        found = read_spectrogram_file(tmp_path / f"a{suffix}")
        assert (found.sr, found.key) == (16000, "mag")
        assert torch.equal(found.array, torch.from_numpy(example()))
        assert isinstance(found.sr, int)


@pytest.mark.parametrize(
    ("beside", "sr"),
    [
        ({"sr": 22050.0}, 22050),
        ({"sr": torch.tensor(44100)}, 44100),
        ({"sr": torch.tensor([44100.0])}, 44100),
        ({"sr": "48000"}, 48000),
        ({"sr": 16}, None),  # kHz?
        ({"rate": 1.0}, None),
        ({"sr": True}, None),
        ({"sr": 16000.5}, None),
        ({"sr": 10**6}, None),
        ({"sr": None}, None),
        ({"sr": "fast"}, None),
        ({"sr": [16000]}, None),
        ({"sr": float("nan")}, None),
        ({"sr": torch.tensor([16000, 8000])}, None),
        ({"sr": 16000, "fs": 16000}, 16000),
        ({"sr": 16000, "fs": 8000}, None),  # which of them?
        ({"sr": 16000, "rate": 1}, 16000),
        ({"hop_length": 4000}, None),
    ],
)
def test_what_is_a_sample_rate(tmp_path, beside, sr):
    torch.save({"mag": torch.ones(5, 4), **beside}, tmp_path / "a.pt")
    assert read_spectrogram_file(tmp_path / "a.pt", "mag").sr == sr


def test_the_nearest_sample_rate_counts(tmp_path):
    content = {"sr": 8000, "clips": [{"sr": 16000, "mag": torch.ones(5, 4)}, torch.zeros(5, 4)]}
    torch.save(content, tmp_path / "a.pt")
    assert read_spectrogram_file(tmp_path / "a.pt", "clips/0/mag").sr == 16000
    assert read_spectrogram_file(tmp_path / "a.pt", "clips/1").sr == 8000
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["clip/mag"] = np.ones((5, 4))
        file.attrs["sr"] = 8000
        file["clip"].attrs["fs"] = np.array([11025.0])
        file["other/mag"] = np.ones((5, 4))
        file["other/sr"] = 22050
    assert read_spectrogram_file(tmp_path / "a.h5", "clip/mag").sr == 11025
    assert read_spectrogram_file(tmp_path / "a.h5", "other").sr == 22050


def test_big_endian_files(tmp_path):
    array = example(">f4")
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "a.npz", array)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("mag", data=array, dtype=">f4")
    for name in ("a.npy", "a.npz", "a.h5"):
        np.testing.assert_array_equal(read_spectrogram(tmp_path / name).numpy(), array)


def test_tensors_that_only_torch_has(tmp_path):
    values = torch.from_numpy(example())
    for dtype in (torch.bfloat16, torch.float8_e4m3fn):
        tensor = values.to(dtype)
        torch.save(tensor, tmp_path / "a.pt")
        save_file({"mag": tensor}, tmp_path / "a.safetensors")
        for name in ("a.pt", "a.safetensors"):
            again = read_spectrogram(tmp_path / name)
            assert again.dtype == dtype
            assert torch.equal(again.float(), tensor.float())
    for tensor in (values.clone().requires_grad_(), torch.nn.Parameter(values), values.T[:3]):
        torch.save(tensor, tmp_path / "a.pt")
        again = read_spectrogram(tmp_path / "a.pt")
        assert not again.requires_grad
        assert torch.equal(again, tensor)
    torch.save(values, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert torch.equal(read_spectrogram(tmp_path / "old.pth"), values)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_matlab_of_version_73_is_turned_back(tmp_path, dtype):
    array = example(dtype, (2, 5, 4))
    save_matlab_73(tmp_path / "a.mat", mag=array, fs=np.array([[16000.0]]))
    found = read_spectrogram_file(tmp_path / "a.mat")
    assert (found.sr, found.key) == (16000, "mag")
    np.testing.assert_array_equal(found.array.numpy(), array)


def test_matlab_structs_and_cells(tmp_path):
    array = example(np.float64)
    cell = np.empty((1, 2), object)
    cell[0, 0], cell[0, 1] = array, np.ones((1, 3))
    content = {"s": {"mag": array, "fs": 8000.0, "words": "a b"}, "c": cell, "f": np.ones((5, 1))}
    scipy.io.savemat(tmp_path / "a.mat", content)
    found = read_spectrogram_file(tmp_path / "a.mat", "s/mag")
    assert found.sr == 8000
    np.testing.assert_array_equal(found.array.numpy(), array)
    np.testing.assert_array_equal(read_spectrogram(tmp_path / "a.mat", "c/0").numpy(), array)
    assert read_spectrogram(tmp_path / "a.mat", "f").shape == (5, 1)
    # [s, f, t] = spectrogram(...) beside fs: vectors are matrices, and not meant
    beside = {"s": array, "f": np.ones((5, 1)), "t": np.ones((1, 4)), "fs": 16000.0}
    scipy.io.savemat(tmp_path / "b.mat", beside)
    assert read_spectrogram_file(tmp_path / "b.mat").key == "s"
    scipy.io.savemat(tmp_path / "z.mat", {"mag": np.zeros((5, 4), np.uint8)})
    content = (tmp_path / "z.mat").read_bytes()
    # silence of doubles, which MATLAB stores as bytes: class 6, type 2
    (tmp_path / "z.mat").write_bytes(content.replace(b"\x09\0\0\0\0\0\0\0", b"\x06\0\0\0\0\0\0\0"))
    assert read_spectrogram(tmp_path / "z.mat").dtype == torch.float64
    # an old format without compression
    for values in (array, array + 1j, array.astype(np.float32), np.ones((5, 4), np.int16)):
        scipy.io.savemat(tmp_path / "c.mat", {"text": "abc", "mag": values, "fs": 8000}, format="4")
        found = read_spectrogram_file(tmp_path / "c.mat")
        assert found.sr == 8000
        assert found.array.dtype == torch.from_numpy(values).dtype
        np.testing.assert_array_equal(found.array.numpy(), values)


def test_matlab_of_another_byte_order(tmp_path):
    array = example(np.float64)

    def element(kind, content):
        return struct.pack(">2I", kind, len(content)) + content + bytes(-len(content) % 8)

    inside = b"".join([
        element(6, struct.pack(">2I", 6, 0)),
        element(5, struct.pack(">2i", *array.shape)),
        struct.pack(">2H4s", 3, 1, b"mag"),  # a short name, in the place of its size
        element(9, array.T.astype(">f8").tobytes()),
    ])  # fmt: skip
    head = b"MATLAB 5.0 MAT-file".ljust(124) + b"\1\0MI"
    (tmp_path / "5.mat").write_bytes(head + element(14, inside))
    head = struct.pack(">5i", 1000, *array.shape, 0, 4) + b"mag\0"
    (tmp_path / "4.mat").write_bytes(head + array.T.astype(">f8").tobytes())
    for name in ("4.mat", "5.mat"):
        np.testing.assert_array_equal(scipy.io.loadmat(tmp_path / name)["mag"], array)
        np.testing.assert_array_equal(read_spectrogram(tmp_path / name).numpy(), array)


def test_keys_lead_inside(tmp_path):
    array = torch.from_numpy(example())
    content = {
        "a": {"b": [torch.zeros(2), array]}, "a/b": torch.ones(2, 2), 3: (array + 1,), "n": 5,
    }  # fmt: skip
    torch.save(content, tmp_path / "a.pt")

    def take(key):
        return read_spectrogram(tmp_path / "a.pt", key)

    assert torch.equal(take("a/b/1"), array)
    assert torch.equal(take("/a/b/1"), array)
    assert torch.equal(take("a/b"), torch.ones(2, 2))  # the name itself comes first
    assert torch.equal(take("3/0"), array + 1)
    assert torch.equal(take("3"), array + 1)  # the only one in it
    with pytest.raises(SpecInvError, match=r"a.pt, n, holds a int"):
        take("n")
    listed = r"--key one of a/b \(2 x 2\), 3/0 \(5 x 4\), a/b/0 \(2\), a/b/1 \(5 x 4\)"
    for key in (None, "c", "", "a/b/9", "a/b/-1", "3/0/0"):
        with pytest.raises(SpecInvError, match=listed):
            take(key)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x/y"] = example()
        file["x/z"] = np.ones((2, 2))
    np.testing.assert_array_equal(read_spectrogram(tmp_path / "a.h5", "/x/y").numpy(), example())


def test_pandas_and_excel_tables(tmp_path):
    array = example(np.float64)
    rows = [",".join(map(repr, row.tolist())) for row in array]
    named = [f"{i},{row}" for i, row in enumerate(rows)]
    texts = {
        "plain": "\n".join(rows),
        "comment": "\n".join(["# made by a model", *rows]),
        "numbered": "\n".join(["0,1,2,3", *rows]),
        "titled": "\n".join(['"a","b","c","d"', *rows]),
        "indexed": "\n".join([",0,1,2,3", *named]),
        "semicolons": "\n".join(rows).replace(",", ";"),
        "marked": "\ufeff" + "\r\n".join(rows),
    }
    for name, text in texts.items():
        path = tmp_path / f"{name}.csv"
        path.write_text(text, encoding="utf-8")
        np.testing.assert_array_equal(read_spectrogram(path).numpy(), array, err_msg=name)


def test_parquet_columns_of_lists(tmp_path):
    array = example(shape=(6, 5, 4))
    rows = pyarrow.array(array[0].tolist(), pyarrow.list_(pyarrow.float32()))
    table = pyarrow.table({"mag": rows, "sr": [16000] * 5, "words": ["a"] * 5})
    parquet.write_table(table, tmp_path / "a.parquet", row_group_size=2)
    found = read_spectrogram_file(tmp_path / "a.parquet")
    assert (found.sr, found.key) == (16000, "mag")
    np.testing.assert_array_equal(found.array.numpy(), array[0])
    fixed = pyarrow.array(array[0].tolist(), pyarrow.list_(pyarrow.float32(), 4))
    nested = pyarrow.list_(pyarrow.large_list(pyarrow.float32()))
    for content, expected in [
        (fixed, array[0]),
        (pyarrow.array(array.tolist(), nested), array),
        (pyarrow.array(array[:1].tolist(), nested), array[0]),
    ]:
        parquet.write_table(pyarrow.table({"mag": content}), tmp_path / "b.parquet")
        np.testing.assert_array_equal(read_spectrogram(tmp_path / "b.parquet").numpy(), expected)
    ragged = pyarrow.table({"mag": [[1.0, 2.0], [3.0]]})
    parquet.write_table(ragged, tmp_path / "c.parquet")
    with pytest.raises(SpecInvError, match="2 lists of different lengths"):
        read_spectrogram(tmp_path / "c.parquet")
    parquet.write_table(pyarrow.table({"mag": [1.0, None]}), tmp_path / "d.parquet")
    with pytest.raises(SpecInvError, match="1 missing values"):
        read_spectrogram(tmp_path / "d.parquet")


@pytest.mark.parametrize("suffix", [".safetensors", ".h5", ".mat", ".parquet"])
def test_what_to_install(tmp_path, monkeypatch, suffix):
    path = tmp_path / f"a{suffix}"
    save_matlab_73(path, mag=example()) if suffix == ".mat" else save(path, example())
    for package in ("safetensors", "h5py", "pyarrow"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SpecInvError, match=r"pip install 'torch_specinv\[files\]'"):
        read_spectrogram(path)
