"""The documented function for many files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import SpecInvError, check_choice, check_count, check_switch, shown
from ..mel import Preset
from ..solve.algorithm import Algorithm
from .filing import LocalFiles, locate
from .job import Job
from .manifest import check_pyarrow
from .output import Output
from .result import CorpusResult
from .run import ENGINES, Run
from .settings import read_job
from .sinks import FORMATS
from .sources.find import Search

#: Items that fail alike, with none that does not, and end the run.
STOP_AFTER = 20


def invert_corpus(
    inputs: str | Path | Sequence[str | Path],
    output: str | Path,
    algorithm: str | Algorithm = "auto",
    *,
    preset: str | Preset | None = None,
    sr: int | None = None,
    array: str | None = None,
    transpose: bool = False,
    channels: bool = False,
    image: dict[str, Any] | None = None,
    format: str = "wav",  # noqa: A002 - as everywhere in audio
    peak: str | None = None,
    seed: int = 0,
    device: str = "cpu",
    engine: str = "auto",
    workers: int | None = None,
    batch: int | None = None,
    shard: tuple[int, int] = (1, 1),
    limit: int | None = None,
    recompute: bool = False,
    retry: bool = False,
    full_names: bool = False,
    stop_after: int = STOP_AFTER,
    score: str | Path | None = None,
    speech: bool = False,
    dry_run: bool = False,
    filesystem: Any = None,
    output_filesystem: Any = None,
    verbose: bool = True,
    **keywords: Any,
) -> CorpusResult:
    """Find waveforms for many spectrograms, and continue where an earlier run ended.

    Each item is inverted as :func:`torch_specinv.invert` inverts it alone on one thread. Order,
    batches, workers and interruptions change nothing in a waveform. An item that fails is a row
    with its error in ``output/manifest.parquet``, and never the end of the run.

    Parameters
    ----------
    inputs : str, Path, or a sequence of them
        Folders, patterns such as ``"mels/**/*.npy"``, lists of items (CSV, JSON lines or Parquet,
        with a column `path`, and as one likes `key`, `sr`, `length`, `array`, `preset` and fields
        of presets), shards (Parquet with a column of arrays, WebDataset), a Hugging Face dataset
        on disk. Or URIs such as ``s3://bucket/mels``.
    output : str or Path
        A folder that is new, empty, or the output of the same corpus.
    algorithm : str or Algorithm, default "auto"
        A registered name, or an algorithm with its hyperparameters.
    preset : str or Preset, optional
        How arrays and pictures were made, see :func:`torch_specinv.invert`. Default: magnitudes.
    sr : int, optional
        Sample rate in Hz, where neither files nor the preset have it.
    array : str, optional
        Which array of files that hold several, or which column of tables.
    transpose : bool, default False
        Whether arrays are (frames, rows).
    channels : bool, default False
        Whether arrays have a dimension for the channels before (rows, frames).
    image : dict, optional
        How pictures were drawn: fields of :class:`torch_specinv.images.ImageSpec`.
    format : str, default "wav"
        "wav", "flac" or "ogg": a file for each item, in folders like those of the input. "tar"
        (WebDataset) or "parquet": shards of `batch` items.
    peak : str, optional
        Of waves beyond 1: "keep" (default where floats are written), "normalise" (default
        elsewhere), "clip" or "error".
    seed : int, default 0
        Of random phases. Each item has a seed of its own, which depends on this one and on what
        the item holds.
    device : str, default "cpu"
        Such as "cuda".
    engine : str, default "auto"
        "loop": one after the other in this process. "ray": on all CPUs or GPUs of this machine, or
        of the cluster that the environment variable RAY_ADDRESS names. "auto": Ray where it is
        installed and there are more than 200 items.
    workers : int, optional
        Of Ray. Default: as many as there are CPUs, or GPUs.
    batch : int, optional
        Items that are written down as finished together. Default: 16, and 256 in
        shards and on a GPU.
    shard : tuple of int, default (1, 1)
        (i, n): of n parts of the items only the i-th, from 1.
    limit : int, optional
        No more items than that.
    recompute : bool, default False
        Invert everything again, with other settings as well.
    retry : bool, default False
        Try those again that failed for what they hold. (Those that failed for a fault of the
        machine always are.)
    full_names : bool, default False
        Keep the suffixes of files in the names of outputs: ``a.npy.wav``.
    stop_after : int, default 20
        End the run if so many items failed with the same error, and none succeeded.
    score : str or Path, optional
        A folder with the originals, ``key.wav``: metrics against them are further columns.
    speech : bool, default False
        PESQ and ESTOI against the originals, where pesq and pystoi are installed.
    dry_run : bool, default False
        Invert a few items, write nothing, and return an estimate of what a run would take.
    filesystem, output_filesystem : optional
        File systems of pyarrow or fsspec, to which `inputs` and `output` belong.
    verbose : bool, default True
        Say how far it is.
    **keywords
        Common keywords, those of the STFT, and hyperparameters, as of
        :func:`torch_specinv.invert`.

    Returns
    -------
    CorpusResult
        How many items were inverted and failed, and how long it took.

    Raises
    ------
    SpecInvError
        If an argument is not what it should be, two items have the same name, the output holds
        something else or was made with other settings, or all items fail alike.
    WriteError
        If the output can't be written, such as on a full disk. What is finished is kept.
    DeviceError
        If the device can't be used any more, such as after an error of CUDA. What is finished is
        kept; an item that breaks the device three times fails in the next run.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from torch_specinv.corpus import invert_corpus
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     mels = Path(folder, "in")
    ...     (mels / "anna").mkdir(parents=True)
    ...     for name in ("one", "two"):
    ...         np.save(mels / "anna" / name, np.random.default_rng(0).random((65, 30), np.float32))
    ...     result = invert_corpus(mels, Path(folder, "out"), sr=8000, max_iter=2, verbose=False)
    ...     sorted(path.name for path in Path(folder, "out", "anna").iterdir()), result.done
    (['one.wav', 'two.wav'], 2)
    """
    check_pyarrow()
    job = read_job(
        algorithm, preset, keywords, sr=sr, array=array, transpose=transpose, channels=channels,
        image=image, format=format, peak=peak, seed=seed, device=device,
        references=_folder(score), speech=speech,
    )  # fmt: skip
    run = Run(
        job, check_choice("engine", engine, ENGINES),
        None if workers is None else check_count("workers", workers),
        _usual_batch(job) if batch is None else check_count("batch", batch),
        read_shard(shard), None if limit is None else check_count("limit", limit),
        check_switch("recompute", recompute), check_switch("retry", retry),
        check_count("stop_after", stop_after), check_switch("verbose", verbose),
    )  # fmt: skip
    files, folder = locate(output, output_filesystem, "output")
    target = Output(files, folder.rstrip("/") or folder)
    leave_out = os.path.realpath(folder) if isinstance(files, LocalFiles) else target.folder
    search = Search(filesystem, check_switch("full_names", full_names), leave_out)
    if check_switch("dry_run", dry_run):
        return run.estimate(inputs, search, target)
    return run.carry_out(inputs, search, target)


def _usual_batch(job: Job) -> int:
    return max(FORMATS[job.format], 256 if job.padded else 1)


def _folder(score: str | Path | None) -> str | None:
    """Return the folder of originals in a way that workers elsewhere understand."""
    if score is None or "://" in os.fspath(score):
        return None if score is None else os.fspath(score)
    return locate(score, name="score")[1]


def read_shard(shard: Any) -> tuple[int, int]:
    """Return (i, n) if there is such a part."""
    try:
        index, count = shard
    except (TypeError, ValueError) as error:
        raise SpecInvError(
            f"shard={shown(shard)}: expected (i, n), the i-th of n parts."
        ) from error
    check_count("shard", index)
    check_count("shard", count)
    if index > count:
        raise SpecInvError(f"shard={shown(shard)}: parts are counted from 1 to n.")
    return int(index), int(count)
