"""Files that are not what they should be: one error each, no code run, nothing left hanging."""

from __future__ import annotations

import io
import os
import socket
import struct
import zipfile
import zlib

import h5py
import numpy as np
import pyarrow
import pytest
import scipy.io
import soundfile
import torch
from pyarrow import parquet

from tests.container_cases import example, save, save_matlab_73
from torch_specinv import SpecInvError
from torch_specinv.io import (
    SPECTROGRAM_SUFFIXES,
    AudioReader,
    read_audio,
    read_spectrogram,
    read_spectrogram_file,
    sizes,
)

SEALED = sorted({*SPECTROGRAM_SUFFIXES} - {".csv", ".tsv", ".txt"})
"""Suffixes of files whose end can be told: a text may end anywhere."""


@pytest.mark.parametrize("suffix", SEALED)
@pytest.mark.parametrize("version", ["new", "old"])
def test_truncated_files(tmp_path, suffix, version):
    path = tmp_path / f"a{suffix}"
    array = example(shape=(64, 64))
    if version == "old":  # of PyTorch and MATLAB
        if suffix in (".pt", ".pth"):
            torch.save(torch.from_numpy(array), path, _use_new_zipfile_serialization=False)
        elif suffix == ".mat":
            scipy.io.savemat(path, {"mag": array}, format="4")
        else:
            save_matlab_73(path := tmp_path / "a.mat", mag=array)
    else:
        save(path, array)
    content = path.read_bytes()
    for kept in (0, 1, 7, 20, 130, 300, len(content) // 2, len(content) - 9):
        path.write_bytes(content[:kept])
        with pytest.raises(SpecInvError, match=rf"{path.name}\b"):
            read_spectrogram(path)


@pytest.mark.parametrize("suffix", SPECTROGRAM_SUFFIXES)
def test_bytes_of_anything(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    generator = np.random.default_rng(0)
    save(path, example(np.float64, shape=(16, 16)))
    right = path.read_bytes()
    for size in (1, 50, 3000):
        path.write_bytes(generator.bytes(size))
        with pytest.raises(SpecInvError, match=rf"{path.name}\b"):
            read_spectrogram(path)
    for _ in range(20):  # some bytes are wrong: it is read, or refused, and nothing else
        wrong = bytearray(right)
        for place in generator.integers(len(wrong), size=8):
            wrong[place] = generator.integers(256)
        path.write_bytes(wrong)
        try:
            read_spectrogram(path)
        except SpecInvError as error:
            assert path.name in str(error)


def test_text_that_is_no_table(tmp_path):
    for text in ("# nothing\n\n", "1,2\n3\n", "a,b\nc,d\n", "0,5;0,7\n1,0;2,0\n", "\n"):
        (tmp_path / "a.csv").write_text(text)
        with pytest.raises(SpecInvError, match=r"a\.csv"):
            read_spectrogram(tmp_path / "a.csv")


class Bomb:
    """Unpickling this makes a file: a stand-in for running any code."""

    def __reduce__(self):
        return (open, ("exploded", "w"))


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".pt", ".pth"])
@pytest.mark.parametrize("protocol", [2, 4])
def test_a_file_never_runs_code(tmp_path, monkeypatch, suffix, protocol):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / f"bomb{suffix}"
    if suffix in (".pt", ".pth"):
        zipped = protocol == 4
        torch.save(Bomb(), path, _use_new_zipfile_serialization=zipped, pickle_protocol=protocol)
    else:
        bomb = np.empty(1, dtype=object)
        bomb[0] = Bomb()
        (np.save if suffix == ".npy" else np.savez)(path, bomb, allow_pickle=True)
    with pytest.raises(SpecInvError, match=r"cannot be read as an array.*could run code"):
        read_spectrogram(path)
    bare = tmp_path / f"bare{suffix}"
    bare.write_bytes(__import__("pickle").dumps(Bomb(), protocol=protocol))
    with pytest.raises(SpecInvError, match="cannot be read as an array"):
        read_spectrogram(bare)
    assert not (tmp_path / "exploded").exists()


def test_what_is_not_numbers(tmp_path):
    structured = np.zeros((3, 4), [("re", "f4"), ("im", "f4")])
    np.save(tmp_path / "a.npy", structured)
    with pytest.raises(SpecInvError, match=r"structured array with the fields re, im"):
        read_spectrogram(tmp_path / "a.npy")
    np.savez(tmp_path / "a.npz", words=np.array([["a", "b"]]), mag=np.ones((2, 2)), s=structured)
    assert read_spectrogram(tmp_path / "a.npz").sum() == 4
    with pytest.raises(SpecInvError, match=r"words, cannot .* <U1, not of numbers"):
        read_spectrogram(tmp_path / "a.npz", "words")
    np.save(tmp_path / "long.npy", np.ones((2, 2), np.longdouble))
    with pytest.raises(SpecInvError, match="does not hold numbers that torch knows"):
        read_spectrogram(tmp_path / "long.npy")
    for tensor in (torch.ones(3, 3).to_sparse(), torch.empty(3, 3, device="meta")):
        torch.save(tensor, tmp_path / "a.pt")
        with pytest.raises(SpecInvError, match=r"a tensor that is (sparse_coo|meta)"):
            read_spectrogram(tmp_path / "a.pt")
    scipy.io.savemat(tmp_path / "a.mat", {"text": "abc", "s": scipy.sparse.eye_array(3).tocsc()})
    for key in ("text", "s"):
        with pytest.raises(SpecInvError, match=rf"a\.mat, {key}, .*it is (text|sparse)"):
            read_spectrogram(tmp_path / "a.mat", key)
    table = pyarrow.table({"words": ["a"], "when": [None]})
    parquet.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(SpecInvError, match="a column of string, not of numbers"):
        read_spectrogram(tmp_path / "a.parquet", "words")


def test_containers_without_end(tmp_path):
    ring = [torch.ones(2, 2)]
    ring.append(ring)
    torch.save(ring, tmp_path / "ring.pt")
    with pytest.raises(SpecInvError, match=r"several arrays.*--key one of 0 \(2 x 2\), 1/0"):
        read_spectrogram(tmp_path / "ring.pt")
    many = [torch.ones(2, 2)]
    for _ in range(40):  # 2**40 ways to the same tensor
        many = [many, many]
    torch.save(many, tmp_path / "many.pt")
    with pytest.raises(SpecInvError, match="more than 20000 entries: choose one with --key"):
        read_spectrogram(tmp_path / "many.pt")
    with h5py.File(tmp_path / "ring.h5", "w") as file:
        file["a/mag"] = np.ones((2, 2))
        file["a/self"] = file["a"]
    with pytest.raises(SpecInvError, match=r"several arrays.*a/mag .*a/self/mag"):
        read_spectrogram(tmp_path / "ring.h5")
    assert read_spectrogram(tmp_path / "ring.h5", "a/mag").sum() == 4


def zip_of(path, name, size, *, header):
    """Write an archive of one file: a header, then zeros, compressed a thousandfold."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(name, "w") as f:
        f.write(header)
        for _ in range(size // 2**20):
            f.write(bytes(2**20))


def test_bombs(tmp_path, monkeypatch):
    """Declared sizes are looked at before anything is taken out."""
    monkeypatch.setattr(sizes, "_HARMLESS", 2**20)
    size = 2**23
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (size, 1)}
    )
    zip_of(tmp_path / "a.npz", "mag.npy", size, header=header.getvalue())
    zip_of(tmp_path / "a.pt", "a/data.pkl", size, header=b"")
    scipy.io.savemat(tmp_path / "a.mat", {"mag": np.zeros((size, 1))}, do_compression=True)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("mag", data=np.zeros((size, 1)), compression="gzip")
    with h5py.File(tmp_path / "never.h5", "w") as file:
        file.create_dataset("mag", (size, 2**40), "f4", chunks=(1024, 1024))
    parquet.write_table(pyarrow.table({"mag": np.zeros(size)}), tmp_path / "a.parquet")
    parquet.write_table(pyarrow.table({"mag": [np.zeros(size)]}), tmp_path / "list.parquet")
    names = ("a.npz", "a.pt", "a.mat", "a.h5", "never.h5", "a.parquet", "list.parquet")
    for name in names:
        assert (tmp_path / name).stat().st_size < 2**18
        with pytest.raises(SpecInvError, match=rf"{name} declares .* decompression bomb\?"):
            read_spectrogram(tmp_path / name)


def test_sizes_that_no_machine_has(tmp_path):
    def declare(shape):
        file = io.BytesIO()
        keys = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, keys)
        return file.getvalue() + bytes(100)

    for shape in ((10**6, 10**6), (10**30, 1), (-1, 5)):
        (tmp_path / "a.npy").write_bytes(declare(shape))
        with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
            archive.writestr("mag.npy", declare(shape))
        for name in ("a.npy", "a.npz"):
            with pytest.raises(SpecInvError, match=rf"{name}\b.* shape \({shape[0]}, "):
                read_spectrogram(tmp_path / name)
    torch.save(torch.ones(1).expand(10**7, 10**7), tmp_path / "a.pt")
    with pytest.raises(SpecInvError, match=r"a\.pt declares 400 TB"):
        read_spectrogram(tmp_path / "a.pt")
    content = struct.pack("<5I", 0, 2**30, 2**20, 0, 2) + b"m\0"  # of MATLAB 4
    (tmp_path / "a.mat").write_bytes(content + bytes(200))
    with pytest.raises(SpecInvError, match=r"a\.mat"):
        read_spectrogram(tmp_path / "a.mat")
    scipy.io.savemat(tmp_path / "s.mat", {"s": {"mag": example()}})
    content = (tmp_path / "s.mat").read_bytes()
    ones, many = struct.pack("<4I", 5, 8, 1, 1), struct.pack("<4I", 5, 8, 2**31 - 1, 1)
    assert content.count(ones) == 1
    (tmp_path / "s.mat").write_bytes(content.replace(ones, many))
    with pytest.raises(SpecInvError, match=r"s\.mat .* s has shape \(2147483647, 1\), but"):
        read_spectrogram(tmp_path / "s.mat")
    packed = zlib.compress(struct.pack("<2I", 14, 2**31))
    element = struct.pack("<2I", 15, len(packed)) + packed
    (tmp_path / "b.mat").write_bytes(b"MATLAB 5.0".ljust(124) + b"\0\1IM" + element)
    with pytest.raises(SpecInvError, match=r"b\.mat"):
        read_spectrogram(tmp_path / "b.mat")


def test_hdf5_that_points_elsewhere(tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["mag"] = np.ones((2, 2))
    (tmp_path / "raw").write_bytes(bytes(32))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["inside"] = np.zeros((3, 3))
        file["group/other"] = np.zeros((3, 3))
        file["external"] = h5py.ExternalLink("secret.h5", "/mag")
        file["folder"] = h5py.ExternalLink("secret.h5", "/")
        file["soft"] = h5py.SoftLink("/folder/mag")
        layout = h5py.VirtualLayout((2, 2), "f8")
        layout[:] = h5py.VirtualSource("secret.h5", "mag", (2, 2))
        file.create_virtual_dataset("virtual", layout)
        file.create_dataset("stored", (2, 2), "f8", external=[(str(tmp_path / "raw"), 0, 32)])
    for key, why in {
        "external": "a link to another file, secret.h5, which is not followed",
        "folder": "a link to another file, secret.h5",
        "soft": "a link to /folder/mag",
        "virtual": "made of other files, which are not opened",
        "stored": "made of other files, which are not opened",
    }.items():
        with pytest.raises(SpecInvError, match=rf"a\.h5, {key}, cannot be read .* it is {why}"):
            read_spectrogram(tmp_path / "a.h5", key)
    with pytest.raises(SpecInvError, match="does not hold 'folder/mag'"):
        read_spectrogram(tmp_path / "a.h5", "folder/mag")
    with pytest.raises(SpecInvError, match=r"--key one of .*external \(a link to another file"):
        read_spectrogram(tmp_path / "a.h5")


@pytest.mark.parametrize("read", [read_spectrogram_file, read_audio, AudioReader])
def test_what_is_no_file(tmp_path, monkeypatch, read):
    monkeypatch.chdir(tmp_path)
    suffix = ".npy" if read is read_spectrogram_file else ".wav"

    def refused(name, message):
        with pytest.raises(SpecInvError, match=message):
            read(name)

    (tmp_path / f"folder{suffix}").mkdir()
    refused(f"folder{suffix}", "is a folder")
    os.mkfifo(f"pipe{suffix}")
    refused(f"pipe{suffix}", "is a pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"socket{suffix}")
        refused(f"socket{suffix}", "is a socket")
    refused("/dev/null", "is a device")
    (tmp_path / f"loop{suffix}").symlink_to(f"loop{suffix}")
    refused(f"loop{suffix}", "leads back to itself")
    (tmp_path / f"lost{suffix}").symlink_to("nowhere")
    refused(f"lost{suffix}", "does not exist. The symbolic link leads nowhere")
    (tmp_path / f"empty{suffix}").touch()
    refused(f"empty{suffix}", "is empty")
    refused(f"empty{suffix}/a{suffix}", "does not exist")
    refused(f"a\0b{suffix}", "is not the name of a file")
    refused("a" * 300 + suffix, "File name too long")
    (tmp_path / f"mine{suffix}").write_bytes(b"secret")
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may read everything
    refused(f"mine{suffix}", "you lack the permission")


def test_names_that_look_like_something_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    array = example()
    for name in ("a b.npy", "-a.npy", " .npy", "--key.npy", "ä\n.npy", os.fsdecode(b"\xff.npy")):
        np.save(name, array)
        np.testing.assert_array_equal(read_spectrogram(name).numpy(), array)
    soundfile.write("a.wav", np.zeros(100), 8000)
    for name in ("a b.wav", "-.wav", os.fsdecode(b"\xff.wav")):
        (tmp_path / "a.wav").rename(tmp_path / name)
        assert read_audio(name)[0].shape == (1, 100)
        (tmp_path / name).rename(tmp_path / "a.wav")
