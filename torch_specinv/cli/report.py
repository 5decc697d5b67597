"""Write a page with the sound of every method, to compare by ear and by numbers.

Each file is the original: its magnitude is inverted by each method. --systems adds the files of
other systems, from folders. --ratings summarises what listeners downloaded from such pages.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import SpecInvError
from .flags import add, read_path, switch

HELP = "files in, a page to listen to every method out"
OPERANDS = ("FILE", "...", "-o", "PAGE")
_LARGE = 100e6


def add_arguments(parser: Any) -> None:
    """Add the flags of this command."""
    parser.add_argument(
        "files", type=read_path, nargs="*", help="audio files; their first channel is used"
    )
    parser.add_argument("-o", "--output", type=read_path, default=None, help="ends in .html")
    add(parser, "methods", str, "comma-separated, also griffin_lim:spsi", "auto,griffin_lim")
    add(parser, "systems", str, "other systems, such as name=folder,name=folder")
    add(parser, "max_iter", int, "iterations of each method", 100)
    add(parser, "seconds", float, "use only so much of each file")
    switch(
        parser, "speech", "PESQ, ESTOI and DNSMOS, where pesq, pystoi and speechmos are installed"
    )
    add(parser, "n_fft", int, "samples of a frame", 1024)
    add(parser, "hop_length", int, "default: n_fft // 4")
    add(parser, "title", str, "the heading of the page", "Listening report")
    add(parser, "audio", str, "flac, wav or ogg", "flac")
    add(parser, "style", str, "report, or demo for a page beside a paper", "report")
    for flag, what in (("--csv", "every value"), ("--latex", "the means")):
        parser.add_argument(
            flag, type=read_path, default=None, help=f"write {what} to this file as well"
        )
    parser.add_argument(
        "--ratings",
        type=read_path,
        nargs="+",
        default=None,
        help="summarise ratings (CSV)",
    )
    switch(parser, "force", "overwrite the output")


def run(settings: Any) -> None:
    """Write the page, or summarise ratings."""
    from .. import report

    if settings.ratings is not None:
        print(report.summarise(report.read_ratings(settings.ratings)))
        return
    if not settings.files or settings.output is None:
        raise SpecInvError("a report needs FILE ... and -o PAGE, or --ratings FILE ...")
    outputs = {
        settings.output: (".html", ".htm"), settings.csv: (".csv",), settings.latex: (".tex",)
    }  # fmt: skip
    wanted = [path for path in outputs if path is not None]
    report.check_paths(wanted, *(outputs[path] for path in wanted), force=settings.force)
    clips = report.read_clips(settings.files, settings.seconds, speech=settings.speech)
    entries = list(
        report.gather(
            clips,
            [name.strip() for name in settings.methods.split(",")],
            systems=_systems(settings.systems),
            max_iter=settings.max_iter,
            n_fft=settings.n_fft,
            hop_length=settings.hop_length,
        )
    )
    page = report.report_page(
        entries, title=settings.title, audio=settings.audio, style=settings.style,
        notes=report.left_out(clips),
    )  # fmt: skip
    texts = {
        settings.output: page,
        settings.csv: report.csv_table(entries),
        settings.latex: report.latex_table(entries),
    }
    report.write_texts({path: texts[path] for path in wanted}, force=settings.force)
    size = settings.output.stat().st_size
    hint = " --audio ogg makes it smaller." if size > _LARGE else ""
    print(f"{settings.output.resolve()}: {len(entries)} clips, {size / 1e6:.1f} MB.{hint}")


def _systems(text: str | None) -> dict[str, Path]:
    """Return the folders of other systems by name."""
    if text is None:
        return {}
    found: dict[str, Path] = {}
    for part in text.split(","):
        name, sign, folder = (piece.strip() for piece in part.partition("="))
        if not (name and sign and folder):
            raise SpecInvError(f"--systems {text}: expected name=folder,name=folder.")
        found[name] = Path(folder)
    return found
