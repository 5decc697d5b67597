"""From the samples of all pieces to the waveform file."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch

from ..errors import warn
from ..io import WriteError, write_blocks
from ..metrics import FROM_ERROR, sc
from .partial_file import PartialFile
from .source import Source


@dataclass(frozen=True)
class LongInversion:
    """The result of `invert_long`.

    Attributes
    ----------
    path : Path
        The audio file.
    sr : int
        Its sample rate in Hz.
    samples : int
        Samples of each channel.
    sc : tuple of float
        Spectral convergence of each channel in dB, over the whole recording, before the wave is
        scaled for a format that would clip it.
    """

    path: Path
    sr: int
    samples: int
    sc: tuple[float, ...]


def check_room(partial: PartialFile, output: Path, source: Source, length: int) -> None:
    """Raise if the disk does not hold the samples that are to come, and the output beside them."""
    size = source.channels * source.dtype.itemsize
    needed = (length - partial.samples) * size
    if output.suffix.lower() == ".wav":
        needed += length * size
    free = shutil.disk_usage(output.parent).free
    if needed > free:
        raise WriteError(
            f"{output}: {needed / 1e6:.1f} MB are needed in {output.parent.resolve()}, for the "
            f"samples of all pieces and the file made of them, and {free / 1e6:.1f} MB are free."
        )


def write_output(partial: PartialFile, output: Path, source: Source, *, force: bool) -> None:
    """Turn the samples into what they were made for."""
    source.check_unchanged(closely=True)
    peak = max(record["peak"] for record in partial.records)
    gain = 1.0
    if peak > 1 and output.suffix.lower() != ".wav":
        warn(
            f"the wave reaches {peak:.3g}, which {output.suffix} would clip: it is scaled to 1.",
            RuntimeWarning,
        )
        gain = 1 / peak
    double = source.dtype == torch.float64
    blocks = (block * gain if gain < 1 else block for block in partial.blocks())
    write_blocks(
        output,
        cast(Any, blocks),
        source.sr,
        source.channels,
        force=force,
        double=double,
        bytes_expected=partial.samples * source.channels * (8 if double else 4),
        complete=partial.note_output,
    )


def result_of(partial: PartialFile, output: Path, source: Source) -> LongInversion:
    """Say what has been written."""
    error, energy = (
        torch.tensor([record[name] for record in partial.records], dtype=torch.float64).sum(0)
        for name in ("error", "energy")
    )
    value = FROM_ERROR[sc](error, energy)
    return LongInversion(output, source.sr, partial.samples, tuple(value.tolist()))
