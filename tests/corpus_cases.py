"""Small corpora, and what came of them."""

from __future__ import annotations

import numpy as np
import soundfile
from pyarrow import parquet

#: A run that takes no time, in this process.
RUN = {"sr": 8000, "max_iter": 2, "engine": "loop", "verbose": False}


def spectrogram(seed, frames=12, bins=33):
    return np.random.default_rng(seed).random((bins, frames), np.float32)


def save_arrays(folder, count, *, lengths=3):
    """Write magnitudes of several lengths into two folders, and return them by key."""
    arrays = {f"speaker {i % 2}/clip{i:04}": spectrogram(i, 12 + i % lengths) for i in range(count)}
    for key, array in arrays.items():
        path = folder / f"{key}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, array)
    return arrays


def manifest(output):
    """Return the rows of a manifest by key."""
    rows = parquet.read_table(output / "manifest.parquet").to_pylist()
    found = {row["key"]: row for row in rows}
    assert len(found) == len(rows)
    return found


def waves(output):
    """Return the samples of all files by key."""
    return {
        str(path.relative_to(output).with_suffix("")): soundfile.read(path, dtype="float32")[0]
        for path in sorted(output.rglob("*.wav"))
    }


def same(a, b):
    """Whether two outputs hold the same samples, bit for bit."""
    return a.keys() == b.keys() and all(np.array_equal(a[key], b[key]) for key in a)
