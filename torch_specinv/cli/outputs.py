"""The files that an inversion writes: one for each item of a batch."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from ..errors import SpecInvError
from ..io import check_outputs, fit_peak, numbered, write_audio_files
from ..metrics import metric_info
from ..solve.result import Inversion


def arrange(spec: Tensor, path: Path, *, channels: bool) -> tuple[Tensor, int | None]:
    """Arrange an array by files: ([files,] [channels,] bins, frames).

    Parameters
    ----------
    spec : Tensor
        Shape (..., bins, frames). Dimensions of size 1 in front are left out.
    path : Path
        Where it is from, for messages.
    channels : bool
        The last dimension before the bins holds the channels of one file, and not files.

    Returns
    -------
    tuple of Tensor and (int or None)
        The array, and how many files it makes. None is one file whose name has no number.

    Raises
    ------
    SpecInvError
        If more dimensions remain.
    """
    if spec.ndim < 2:
        return spec, None
    *batch, bins, frames = spec.shape
    together = batch[-1:] if channels else []
    files = [size for size in batch[: len(batch) - len(together)] if size != 1]
    if len(files) > 1:
        hint = "" if channels else " Is the last of them that of the channels? Pass --channels."
        raise SpecInvError(
            f"{path} holds shape {tuple(spec.shape)}: at most one dimension before (bins, frames) "
            f"can count files.{hint}"
        )
    return spec.reshape(*files, *together, bins, frames), files[0] if files else None


def output_paths(
    output: Path, count: int | None, *, force: bool, sr: int, channels: int = 1
) -> list[Path]:
    """Return the names of `count` files, after checking that all of them can be written."""
    return check_outputs(numbered(output, count), force=force, sr=sr, channels=channels)


def write(
    result: Inversion,
    paths: list[Path],
    sr: int,
    how: str,
    seconds: float,
    *,
    force: bool,
    peak: str,
) -> list[str]:
    """Write the waveforms, and say of each file how it was made and how near it comes."""
    count = len(paths)
    waves = list(result.wave.reshape(count, -1, result.wave.shape[-1]))
    write_audio_files(paths, [fit_peak(wave, peak) for wave in waves], sr, force=force)
    iterations = result.iterations.reshape(count, -1).amax(-1).tolist()
    last = {name: rows[-1].reshape(count, -1).mean(-1) for name, rows in result.history.items()}
    each = len(result.kinds) // count
    took = f" in {seconds:.2f} s"
    told = [] if count == 1 else [f"{count} files{took}"]
    for i, path in enumerate(paths):
        values = ", ".join(f"{n} {metric_info(n).with_unit(float(v[i]))}" for n, v in last.items())
        inexact = sorted({*result.kinds[i * each : (i + 1) * each]} - {"exact"})
        reached = float(waves[i].abs().max())
        told.append(
            f"{path}: {waves[i].shape[-1] / sr:.2f} s at {sr} Hz, {how}, {iterations[i]} iterations"
            + (f"{took if count == 1 else ''}, {values}")
            + (f"; the magnitude is {', '.join(inexact)}" if inexact else "")
            + (f"; its peak was {reached:.3g}: is the recipe right?" if reached > 1 else "")
        )
    return told
