"""The page of what streaming.py has measured."""

from __future__ import annotations

from typing import Any

from streaming_cases import AHEAD, ITERATIONS, SETTINGS

from torch_specinv.comparing.table import table


def rows_of(found: dict[str, list[float]]) -> list[list[str]]:
    """Return the rows of a table with a column for each look-ahead."""
    return [
        [name, *(f"{value:.1f}" for value in row), *[""] * (len(AHEAD) - len(row))]
        for name, row in found.items()
    ]


def page(kept: dict[str, Any]) -> str:
    """Return the tables of what has been measured."""
    parts: list[str] = []
    if "quality" in kept:
        rows = rows_of(kept["quality"])
        latency = [
            [f"heard after, at {name}", *(f"{1e3 * (n + k * hop) / sr:.0f} ms" for k in AHEAD)]
            for name, (sr, n, hop) in SETTINGS.items()
        ]
        parts += [
            "<!-- quality -->",
            f"SC in dB, mean over {kept['clips']} clips of at most {kept['seconds']:g} s, with "
            f"{ITERATIONS} iterations for each frame:",
            table(["look-ahead", *map(str, AHEAD)], latency + rows),
        ]
    if "mixture" in kept:
        parts += [
            "<!-- mixture -->",
            f"SI-SDR in dB, mean over speech and music of equal power that were added up, with "
            f"{ITERATIONS} iterations for each frame, from the true magnitudes:",
            table(["look-ahead", *map(str, AHEAD)], rows_of(kept["mixture"])),
        ]
    if "times" in kept:
        rows = [
            [name, f"{hop:.1f}", f"{own:.2f}", f"1/{hop / own:.0f}" if own < hop else "",
             f"{middle:.2f}", f"{late:.2f}"]
            for name, hop, middle, late, own in kept["times"]
        ]  # fmt: skip
        head = ["push of a frame", "hop, ms", "processor, ms", "of the hop", "median, ms"]
        head.append("99.9 %, ms")
        parts += ["<!-- times -->", table(head, rows)]
    if "growth" in kept:
        hours, early, late = kept["growth"]
        parts.append(
            f"Memory of the process over {hours:g} hours of frames: {early:.1f} MiB after a "
            f"fiftieth of them, {late:.1f} MiB at the end."
        )
    if "paced" in kept:
        minutes, underruns, wait = kept["paced"]
        parts.append(
            f"`specinv stream` on a file at the pace of a device, for {minutes:g} minutes beside a "
            f"busy core: {underruns:.0f} underruns, median wait {wait:.1f} ms."
        )
    loads = [f"{name} {load:.1f}" for name, load in kept["loads"].items()]
    parts.append(
        f"{kept['processor']}, one thread, torch {kept['torch']}. Load of the machine, which has "
        f"{kept['cores']} cores, at the end of each part: {', '.join(loads)}."
    )
    return "\n\n".join(parts) + "\n"
