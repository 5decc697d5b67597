"""Files of arrays of every kind, written by the packages that people write them with."""

from __future__ import annotations

import h5py
import numpy as np
import pyarrow
import scipy.io
import torch
from pyarrow import parquet
from safetensors.torch import save_file


def example(dtype=np.float32, shape=(5, 4), seed=0):
    generator = np.random.default_rng(seed)
    array = generator.standard_normal(shape)
    if np.dtype(dtype).kind == "c":
        array = array + 1j * generator.standard_normal(shape)
    return array.astype(dtype)


def save_matlab_73(path, **named):
    """Write what MATLAB writes with ``save -v7.3``: HDF5 in the other order of axes."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in named.items():
            array = np.asarray(array)
            kind = {"f4": "single", "f8": "double", "c16": "double"}[array.dtype.str[1:]]
            if array.dtype.kind == "c":
                pair = np.empty(array.shape, [("real", "<f8"), ("imag", "<f8")])
                pair["real"], pair["imag"] = array.real, array.imag
                array = pair
            file[name] = array.T
            file[name].attrs["MATLAB_class"] = np.bytes_(kind)
        file.create_group("#refs#")["a"] = np.ones((7, 7))
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\0\2IM")


def save(path, array, name="mag", **beside):
    """Write an array as what the suffix of the path says."""
    suffix = path.suffix
    tensor = torch.from_numpy(array)
    if suffix == ".npy":
        np.save(path, array)
    elif suffix == ".npz":
        np.savez(path, **{name: array}, **beside)
    elif suffix in (".pt", ".pth"):
        torch.save({name: tensor, **beside} if beside else tensor, path)
    elif suffix == ".safetensors":
        save_file({name: tensor}, path, {key: str(value) for key, value in beside.items()})
    elif suffix in (".h5", ".hdf5"):
        with h5py.File(path, "w") as file:
            file[name] = array
            file[name].attrs.update(beside)
    elif suffix == ".mat":
        scipy.io.savemat(path, {name: array, **beside}, do_compression=True)
    elif suffix == ".parquet":
        columns = {str(i): array[:, i] for i in range(array.shape[1])}
        parquet.write_table(pyarrow.table(columns), path)
    else:
        np.savetxt(path, array, delimiter={".csv": ",", ".tsv": "\t", ".txt": " "}[suffix])
