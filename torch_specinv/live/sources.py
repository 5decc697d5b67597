"""Where blocks come from: a file, an array, or a pipe; as fast as possible, or as a clock says."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from ..errors import warn
from ..io.audio import AudioReader
from ..transform.geometry import ConventionWarning

_FLOAT = 4


def audio_blocks(reader: AudioReader, size: int) -> Iterator[Tensor]:
    """Yield the samples (size,) of an audio file's first channel; the last block may be shorter."""
    for begin in range(0, reader.samples, size):
        yield reader.read(begin, min(begin + size, reader.samples))[0]


def array_blocks(spec: Tensor) -> Iterator[Tensor]:
    """Yield the frames (rows,) of a spectrogram (rows, frames)."""
    yield from spec.unbind(-1)


def pipe_frames(descriptor: int, rows: int) -> Iterator[Tensor]:
    """Yield frames (rows,) of raw float32 numbers, in the byte order of this machine, from a pipe.

    A frame is yielded when its last byte has come. An incomplete frame at the end is left out, with
    a warning.
    """
    size, held = rows * _FLOAT, b""
    while True:
        # not through sys.stdin, whose lock a thread that waits would hold when the program ends
        read = os.read(descriptor, max(size, 1 << 16))
        if not read:
            break
        held += read
        while len(held) >= size:
            yield torch.frombuffer(bytearray(held[:size]), dtype=torch.float32)
            held = held[size:]
    if held:
        warn(
            f"the input ends {len(held)} bytes into a frame of {rows} float32 numbers ({size} "
            "bytes): another number of rows, or float64?",
            ConventionWarning,
        )


def paced(blocks: Iterable[Tensor], seconds: float) -> Iterator[Tensor]:
    """Yield blocks as a device would: the first after `seconds`, and so on."""
    began = time.perf_counter()
    for number, block in enumerate(blocks, 1):
        time.sleep(max(0.0, began + number * seconds - time.perf_counter()))
        yield block
