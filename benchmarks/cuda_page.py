"""The measurements of benchmarks/cuda.py, and the section of docs/cuda.md that they become."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

SR, N_FFT, HOP = 22050, 1024, 256
#: Items and seconds of each
SIZES = ((1, 1), (1, 10), (16, 10), (64, 10))
METHODS = ("griffin_lim", "amdr", "admm", "agla", "lbfgs")
#: Iterations of whole inversions
ITERATIONS = 100


@dataclass
class Measured:
    """All measurements, each printed as it is made."""

    rows: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def add(self, **row: Any) -> None:
        """Keep a measurement."""
        self.rows.append(row)
        print(json.dumps(row), flush=True)

    def find(self, **wanted: Any) -> dict[str, Any]:
        """Return the measurement of a thing, or nothing."""
        fits = (row for row in self.rows if wanted.items() <= row.items())
        return next(fits, {})


def page(found: Measured) -> str:
    """Return the section of the documentation."""
    device = found.find(what="device")
    ratio = _ratios(found)
    return "\n".join(
        [
            "## Measured", "",
            f"On one {device['name']}, torch {device['torch']}, triton {device['triton']}; noise "
            f"at {SR} Hz, n_fft {N_FFT}, hop {HOP}, float32. `python -m benchmarks.cuda` measures "
            "it again.", "",
            "Microseconds of an iteration: launched one by one, recorded, and by triton.", "",
            *_table(found), "",
            f"Milliseconds of a call with {ITERATIONS} iterations, and in brackets MB of memory a "
            "second of audio. \"Bare\" starts from noise and measures at the end only, as "
            "torchaudio does; the others start as they do by default and measure every ten "
            "iterations.", "",
            *_calls(found), "", *ratio, "", *_waits(found), "",
        ]
    )  # fmt: skip


def _sizes(found: Measured) -> list[dict[str, Any]]:
    sizes = [{"items": i, "seconds": s} for i, s in SIZES]
    return [size for size in sizes if found.find(**size)]


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _table(found: Measured) -> list[str]:
    sizes = _sizes(found)
    heads = [f"{s['items']} x {s['seconds']} s" for s in sizes]
    lines = [_row(["method", "engine", *heads]), _row(["---", "---", *["---:"] * len(sizes)])]
    for method in METHODS:
        for engine in ("launched", "recorded", "triton"):
            rows = [found.find(what="iteration", method=method, engine=engine, **s) for s in sizes]
            if any(rows):
                cells = [_number(row["us"]) if "us" in row else "" for row in rows]
                lines.append(_row([f"`{method}`", engine, *cells]))
    rows = [found.find(what="torchaudio", **size) for size in sizes]
    cells = [_number(1e3 * row["ms"] / ITERATIONS) if "ms" in row else "" for row in rows]
    return [*lines, _row(["torchaudio", "", *cells])]


def _calls(found: Measured) -> list[str]:
    sizes = _sizes(found)
    heads = [f"{s['items']} x {s['seconds']} s" for s in sizes]
    lines = [_row(["call", *heads]), _row(["---", *["---:"] * len(sizes)])]
    kinds: list[tuple[str, dict[str, Any]]] = [
        ("`griffin_lim`, bare", {"what": "bare", "method": "griffin_lim"}),
        *((f"`{m}`", {"what": "inversion", "method": m}) for m in ("griffin_lim", "amdr", "auto")),
        ("torchaudio", {"what": "torchaudio"}), ("librosa, on the CPU", {"what": "librosa"}),
    ]  # fmt: skip
    for name, wanted in kinds:
        cells: list[str] = []
        for size in sizes:
            row = found.find(**wanted, **size)
            memory = f" ({row['mb_per_second']:.2g})" if "mb_per_second" in row else ""
            cells.append(f"{_number(row['ms'])}{memory}" if "ms" in row else "not measured")
        lines.append(_row([name, *cells]))
    return lines


def _ratios(found: Measured) -> list[str]:
    parts: list[str] = []
    for size in _sizes(found):
        theirs = found.find(what="torchaudio", **size).get("ms")
        ours = found.find(what="iteration", method="griffin_lim", engine="triton", **size).get("us")
        if theirs and ours:
            times = 1e3 * theirs / ITERATIONS / ours
            parts.append(f"{times:.1f} times at {size['items']} x {size['seconds']} s")
    what = "An iteration of `griffin_lim` by triton is faster than one of torchaudio:"
    return [f"{what} {', '.join(parts)}."] if parts else []


def _waits(found: Measured) -> list[str]:
    rows = [row for row in found.rows if row["what"] == "waits"]
    if not rows:
        return []
    each = (f"`{r['method']}` {max(0, r['iterations'])} and {r['evaluation']:g}" for r in rows)
    return [
        "The host waits for the device so often in twenty more iterations, and in an evaluation: "
        f"{', '.join(each)}. A whole call of `griffin_lim` that evaluates twice waits "
        f"{rows[0]['whole']} times from its default start, {rows[0]['from_noise']} from noise."
    ]
