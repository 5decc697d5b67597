"""Compare methods on audio, or on arrays with their recipe: all of them, librosa and torchaudio.

Without an original, as of a predicted spectrogram, what counts is how near a wave comes to the
array.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..comparing.degrade import DEGRADATIONS
from ..errors import SpecInvError, check_count
from ..io import holds_audio, read_spectrogram_file
from .flags import add, read_path, switch
from .outputs import arrange
from .recipe import add_recipe, add_stft, read_rate, read_recipe, read_stft, refuse_recipe

if TYPE_CHECKING:
    from ..comparing import Prediction

HELP = "files in, a table of all methods out"
OPERANDS = ("FILE", "...")


def add_arguments(parser: Any) -> None:
    """Add the flags of this command."""
    parser.add_argument(
        "files",
        type=read_path,
        nargs="+",
        help="audio, whose first channel is used, and arrays (bins, frames), or batches of them",
    )
    add(parser, "folder", Path, "for the results", Path("specinv_compare"))
    add(parser, "methods", str, "comma-separated, also griffin_lim:spsi, and module:function of "
        "yours; default: all")  # fmt: skip
    kinds = ", ".join(DEGRADATIONS)
    add(parser, "degrade", str, f"degrade magnitudes first, such as smooth,noisy:0.5: {kinds}")
    add(parser, "seed", int, "of --degrade", 0)
    add(parser, "iterations", str, "whole numbers, comma-separated", "32,100,200")
    add(parser, "seconds", float, "use only so much of each file")
    switch(
        parser, "speech", "PESQ, ESTOI and DNSMOS, where pesq, pystoi and speechmos are installed"
    )
    add(parser, "key", str, "which array of a file that holds several, such as a/b/0")
    add(parser, "sr", int, "sample rate in Hz; audio and presets bring their own", metavar="HZ")
    switch(parser, "wavs", "write every wave: waves/METHOD_ITERATIONS/NAME.wav")
    switch(parser, "page", "write page.html, to listen to the methods after the most iterations")
    add(parser, "audio", str, "of the page: flac, wav or ogg", "flac")
    switch(parser, "csv", "write table.csv, with every value")
    switch(parser, "latex", "write table.tex, with the means")
    add_recipe(parser)
    add_stft(parser)


def run(settings: Any) -> None:
    """Measure and print the table."""
    from .. import report
    from ..comparing import Degradation, compare_files

    try:
        iterations = [check_count("iterations", int(n)) for n in _split(settings.iterations)]
    except ValueError as error:
        raise SpecInvError(
            f"--iterations {settings.iterations}: expected whole numbers such as 32,100,200."
        ) from error
    kinds = _split(settings.degrade) if settings.degrade is not None else []
    if settings.page:
        report.check_page(settings.audio)
    _find_modules_here()
    stft: dict[str, Any] = {"n_fft": 1024, "window": "hann", **read_stft(settings)}
    compared = report.Compared(stft["n_fft"], stft.get("hop_length"), sounds=settings.page)
    wanted = settings.page or settings.csv or settings.latex
    text = compare_files(
        [file for path in settings.files for file in _read(path, settings)],
        settings.folder,
        methods=None if settings.methods is None else _split(settings.methods),
        degrade=[Degradation.read(kind, settings.seed) for kind in kinds],
        iterations=iterations,
        seconds=settings.seconds,
        speech=settings.speech,
        wavs=settings.wavs,
        keep=compared.keep if wanted else None,
        **stft,
    )
    print(f"{text}\n\nTimed with {torch.get_num_threads()} threads of torch.")
    texts: dict[Path, str] = {}
    if settings.page:
        notes = report.left_out(compared.clips) if settings.speech or kinds else []
        texts[settings.folder / "page.html"] = report.report_page(
            compared.of_most_iterations(), title="Comparison", audio=settings.audio, notes=notes
        )
    if settings.csv:
        texts[settings.folder / "table.csv"] = report.csv_table(compared.of_all())
    if settings.latex:
        texts[settings.folder / "table.tex"] = report.latex_table(compared.of_all())
    report.write_texts(texts, force=True)
    made = "Measurements and tables" if kinds else "Measurements, table and picture"
    print(f"{made} are in {settings.folder.resolve()}")


def _read(path: Path, settings: Any) -> Iterator[Path | Prediction]:
    """Return a file of audio, or the arrays of one with their recipe."""
    from ..comparing import Prediction

    if holds_audio(path):
        refuse_recipe(path, settings)
        yield path
        return
    recipe = read_recipe(settings)
    file = read_spectrogram_file(path, settings.key)
    sr = read_rate(path, settings, recipe, file.sr)
    spec = file.array.mT if settings.transpose and file.array.ndim > 1 else file.array
    spec, count = arrange(spec, path, channels=False)
    if count is None:
        yield Prediction(path.name, spec, sr, recipe, settings.speech)
        return
    for i, item in enumerate(spec):
        yield Prediction(f"{path.stem}_{i}{path.suffix}", item, sr, recipe, settings.speech)


def _find_modules_here() -> None:
    """Let --methods name modules in the working directory, as python -m does."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)


def _split(text: str) -> list[str]:
    """Return comma-separated names; blanks around them do not matter."""
    return [name.strip() for name in text.split(",")]
