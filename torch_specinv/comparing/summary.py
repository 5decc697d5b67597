"""What many measurements say together: at equal iterations, and at equal time."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence

from .measure import Measurement
from .table import table

#: The method that the others are compared with.
BASELINE = "librosa"


def equal_iterations(measured: Sequence[Measurement]) -> str:
    """Return a Markdown table: medians over clips, and the gain in SC over librosa.

    PESQ and ESTOI, where they were measured, are medians over the clips that have them.
    """
    gains = _gains(measured)
    columns: list[tuple[str, Callable[[Measurement], float | None], int]] = [
        ("SC", lambda m: m.sc, 1),
        ("SC inner", lambda m: m.sc_inner, 1),
        ("SNR", lambda m: m.snr, 1),
        ("LSD", lambda m: m.lsd, 2),
        ("PESQ", lambda m: m.pesq, 2),
        ("ESTOI", lambda m: m.estoi, 3),
        ("seconds", lambda m: m.seconds, 3),
    ]
    columns = [column for column in columns if any(column[1](m) is not None for m in measured)]
    rows: list[list[str]] = []
    for (iterations, method), group in sorted(_groups(measured).items()):
        row = [method, str(iterations)]
        for _, read, digits in columns:
            values = [value for m in group if (value := read(m)) is not None]
            row.append(f"{statistics.median(values):.{digits}f}" if values else "-")
        gain = [gains[m.key] for m in group if m.key in gains]
        row.append(f"{statistics.median(gain):.1f} / {min(gain):.1f}" if gain else "-")
        rows.append(row)
    names = [name for name, _, _ in columns]
    return table(["method", "iterations", *names, f"gain over {BASELINE}: median / least"], rows)


def equal_time(measured: Sequence[Measurement]) -> str:
    """Return a Markdown table: SC at the time that librosa takes, medians over clips.

    Between the numbers of iterations that were measured, SC is interpolated over the logarithm
    of the time. A method that is done with as many iterations earlier keeps the value of its
    longest run; there is none where it was not run for as long.
    """
    budgets = sorted({m.iterations for m in measured if m.method == BASELINE})
    clips: dict[tuple[str, str], dict[str, list[Measurement]]] = {}
    for m in measured:
        clips.setdefault((m.clip, m.setting), {}).setdefault(m.method, []).append(m)
    found: dict[str, dict[int, list[float]]] = {}
    for methods in clips.values():
        limits = {m.iterations: m.seconds for m in methods.get(BASELINE, [])}
        for method, runs in methods.items():
            for budget, limit in limits.items():
                value = _at(runs, limit, budget)
                if value is not None:
                    found.setdefault(method, {}).setdefault(budget, []).append(value)
    rows = [
        [
            method,
            *(f"{statistics.median(values[n]):.1f}" if n in values else "-" for n in budgets),
        ]
        for method, values in sorted(found.items())
    ]
    return table(["method", *(f"time of {BASELINE}, {n}" for n in budgets)], rows)


def curves(measured: Sequence[Measurement]) -> dict[str, list[tuple[float, float, float]]]:
    """Return, for each method, (iterations, seconds, SC): medians over clips."""
    points: dict[str, list[tuple[float, float, float]]] = {}
    for (iterations, method), group in sorted(_groups(measured).items()):
        seconds = statistics.median(m.seconds for m in group)
        points.setdefault(method, []).append(
            (iterations, seconds, statistics.median(m.sc for m in group))
        )
    return points


def _groups(measured: Sequence[Measurement]) -> dict[tuple[int, str], list[Measurement]]:
    groups: dict[tuple[int, str], list[Measurement]] = {}
    for one in measured:
        groups.setdefault((one.iterations, one.method), []).append(one)
    return groups


def _gains(measured: Sequence[Measurement]) -> dict[tuple[str, str, int, str], float]:
    """Return by how many dB each is nearer than librosa after as many iterations."""
    baseline = {(m.clip, m.iterations, m.setting): m.sc for m in measured if m.method == BASELINE}
    return {
        m.key: baseline[m.clip, m.iterations, m.setting] - m.sc
        for m in measured
        if (m.clip, m.iterations, m.setting) in baseline
    }


def _at(runs: Sequence[Measurement], limit: float, budget: int) -> float | None:
    """Return the SC of a method after `limit` seconds, or None where that is not known."""
    before = [m for m in runs if m.seconds <= limit]
    after = [m for m in runs if m.seconds > limit]
    if not before:
        return None
    low = max(before, key=lambda m: m.seconds)
    if not after:
        return low.sc if low.iterations >= budget else None
    high = min(after, key=lambda m: m.seconds)
    begin, place, end = (math.log(max(t, 1e-6)) for t in (low.seconds, limit, high.seconds))
    return low.sc + (place - begin) / (end - begin) * (high.sc - low.sc)
