"""Find waveforms for many files; run again after an interruption, it continues.

INPUT is a folder, a pattern in quotes, a list of items (.csv, .jsonl or .parquet with a column
path), shards (.parquet, WebDataset's .tar), or a Hugging Face dataset on disk. The file
manifest.parquet in OUTPUT has a row for each item: what became of it, its error or its metrics.
With the extra ray it runs on all CPUs or GPUs of this machine, or of the cluster that RAY_ADDRESS
names.
"""

from __future__ import annotations

from typing import Any

from ..errors import SpecInvError, check_count
from ..inversion.settings import flags
from ..io import PEAKS, WriteError
from .flags import (
    add,
    add_hyperparameters,
    add_method,
    given_hyperparameters,
    switch,
)
from .picture import add_picture, picture_conventions
from .recipe import add_recipe, add_stft, read_recipe, read_stft

HELP = "many files in, as many waveforms out, continued after interruptions"
OPERANDS = ("INPUT", "...", "-o", "OUTPUT")
# Of one spectrogram
_FOREIGN = ("preset", "length")


def add_arguments(parser: Any) -> None:
    """Add the flags of this command."""
    parser.add_argument("inputs", type=str, nargs="*", help="folders, patterns, lists, shards")
    parser.add_argument(
        "-o", "--output", type=str | None, default=None, help="a folder, or a URI such as s3://..."
    )
    parser.add_config()
    switch(parser, "quiet", "say nothing until the end")
    add(parser, "sr", int, "sample rate in Hz; audio and presets bring their own", metavar="HZ")
    add(parser, "key", str, "which array of files that hold several, or which column of tables")
    switch(parser, "channels", "the dimension before (bins, frames) holds channels")
    add(parser, "device", str, "such as cuda", "cpu")
    _add_run(parser.add_argument_group("the run"))
    add_recipe(parser)
    add_picture(parser)
    add_stft(parser)
    names = [name for name in flags() if name not in _FOREIGN and name != "verbose"]
    add_method(parser, "auto", names, max_iter=None)
    add_hyperparameters(parser)


def _add_run(run: Any) -> None:
    """Add the flags that say how a corpus is gone through."""
    formats = "wav, flac or ogg files, or shards: tar (WebDataset) or parquet"
    add(run, "format", str, formats, "wav")
    add(run, "peak", str, f"what to do with waves beyond 1: {', '.join(PEAKS)}; default: keep "
        "where floats are written, normalise elsewhere", metavar="HOW")  # fmt: skip
    add(
        run, "engine", str, "loop: in this process; ray: on all CPUs or GPUs; default: auto", "auto"
    )
    add(run, "workers", int, "processes of Ray; default: as many as CPUs or GPUs")
    add(run, "batch", int, "items written down together; default: 16, and 256 in shards")
    add(run, "shard", str, "i/n: of n parts of the items the i-th, for job arrays", metavar="I/N")
    add(run, "limit", int, "no more items than that")
    switch(run, "recompute", "invert all again, with other settings as well")
    switch(run, "retry", "try those again that failed")
    switch(run, "full_names", "keep suffixes in the names of outputs: a.npy.wav")
    add(run, "stop_after", int, "end if so many fail alike and none succeeds", 20)
    run.add_argument(
        "--score", type=str | None, default=None, metavar="FOLDER",
        help="originals, key.wav: measure against them",
    )  # fmt: skip
    add(run, "page", int, "write report.html with so many items beside their originals")
    switch(run, "dry_run", "invert a few, and say what a run would take")
    switch(run, "speech", "PESQ and ESTOI against the originals")
    run.add_argument(
        "--verify", type=str | None, default=None, metavar="OUTPUT",
        help="compare an output with its manifest, and do nothing else",
    )  # fmt: skip
    switch(run, "closely", "of --verify: read every file")


def run(settings: Any) -> None:
    """Invert a corpus, or look at one."""
    from .. import corpus

    if settings.verify is not None:
        found = corpus.verify_corpus(settings.verify, closely=settings.closely)
        print(f"{settings.verify}: {found}")
        if found.count:
            raise WriteError(f"{settings.verify} is not as its manifest says.")
        return
    if not settings.inputs or settings.output is None:
        raise SpecInvError("a corpus needs INPUT ... and -o OUTPUT, or --verify OUTPUT.")
    if settings.page is not None:
        check_count("--page", settings.page)
    print(corpus.invert_corpus(settings.inputs, settings.output, **_keywords(settings)))
    if settings.dry_run:
        return
    print(corpus.summarise_corpus(settings.output))
    if settings.page is not None:
        from .corpus_page import write_page

        page = write_page(settings.output, settings.page, speech=settings.speech)
        print(f"{page}" if page else "no page: no item has an original on this machine.")


def _keywords(settings: Any) -> dict[str, Any]:
    """Return what was passed as flags, as the function has it."""
    names = [name for name in flags() if name not in _FOREIGN]
    common = {name: settings[name] for name in names if settings[name] is not None}
    alike = (
        "algorithm", "sr", "transpose", "channels", "format", "peak", "seed", "device", "engine",
        "workers", "batch", "limit", "recompute", "retry", "full_names", "stop_after", "score",
        "speech", "dry_run",
    )  # fmt: skip
    return {
        **{name: settings[name] for name in alike},
        "preset": read_recipe(settings),
        "array": settings.key,
        "image": picture_conventions(settings),
        "shard": _shard(settings.shard),
        "verbose": not settings.quiet,
        **read_stft(settings),
        **common,
        **given_hyperparameters(settings),
    }


def _shard(text: str | None) -> tuple[int, int]:
    if text is None:
        return 1, 1
    index, slash, count = text.partition("/")
    if not (slash and index.isdigit() and count.isdigit()):
        raise SpecInvError(f"--shard {text}: expected i/n, such as 3/8.")
    return int(index), int(count)
