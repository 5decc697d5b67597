"""What many measurements say together: at equal iterations, and at equal time."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from ..metrics import MetricInfo, metric_info
from .listening import HEARD
from .measure import SC_INNER, TO_TRUTH
from .store import Measurement
from .table import table

#: The method that the others are compared with.
BASELINE = "librosa"
#: (iterations, method) and its measurements, of which there is one for each clip.
_Group = tuple[tuple[int, str], Sequence[Measurement]]

# Names of at most so many letters are abbreviations.
_ABBREVIATION = 5
_HEADINGS = {
    SC_INNER: "SC inner", "sc_truth": "SC to truth", "lsd_truth": "LSD to truth",
    "visqol": "ViSQOL", "dnsmos": "DNSMOS",
}  # fmt: skip


def equal_iterations(measured: Sequence[Measurement]) -> str:
    """Return a Markdown table: medians over clips, and the gain in SC over librosa.

    A column for each metric that was measured, with an arrow towards better values; the best value
    after each number of iterations is bold. PESQ and ESTOI are medians over the clips that have
    them. SC to truth is there where another magnitude than the true one was given.
    """
    groups = sorted(_groups(measured).items())
    gains = _gains(measured)
    columns = {
        "method": [method for (_, method), _ in groups],
        "iterations": [str(iterations) for (iterations, _), _ in groups],
        **{heading(name): _medians(groups, name) for name in _metrics_with_values(measured)},
        "seconds": [f"{statistics.median(m.seconds for m in group):.3f}" for _, group in groups],
        f"gain over {BASELINE}: median / least": [
            _gain([gains[m.key] for m in group if m.key in gains]) for _, group in groups
        ],
    }
    return table(list(columns), list(zip(*columns.values(), strict=True)))


def _metrics_with_values(measured: Sequence[Measurement]) -> list[str]:
    """Return the metrics that any measurement has a value of, in the stored order."""
    order = dict.fromkeys(name for m in measured for name in m.values)
    return [name for name in order if any(m.values.get(name) is not None for m in measured)]


def info(name: str) -> MetricInfo:
    """Return how to read one of the values of a measurement."""
    if name in TO_TRUTH:
        name = name.removesuffix("_truth")
    return HEARD.get(name) or metric_info("sc" if name == SC_INNER else name)


def heading(name: str) -> str:
    """Return a column's heading: a metric's name and an arrow towards its better values."""
    label = _HEADINGS.get(name) or (name.upper() if len(name) <= _ABBREVIATION else name)
    return f"{label} {info(name).arrow}".rstrip()


def _medians(groups: Sequence[_Group], name: str) -> list[str]:
    """Return a metric's column: medians, the best after each number of iterations in bold."""
    how = info(name)
    column: list[str] = []
    of_iterations: dict[int, list[float]] = {}
    for (iterations, _), group in groups:
        values = [value for m in group if (value := m.values.get(name)) is not None]
        column.append(f"{statistics.median(values):.{how.decimals}f}" if values else "-")
        if values:
            of_iterations.setdefault(iterations, []).append(float(column[-1]))
    best = {n: how.best(medians) for n, medians in of_iterations.items() if len(medians) > 1}
    return [
        f"**{cell}**" if cell != "-" and float(cell) == best.get(iterations) else cell
        for ((iterations, _), _), cell in zip(groups, column, strict=True)
    ]


def _gain(gains: Sequence[float]) -> str:
    return f"{statistics.median(gains):.1f} / {min(gains):.1f}" if gains else "-"


def equal_time(measured: Sequence[Measurement]) -> str:
    """Return a Markdown table: SC at the time that librosa takes, medians over clips.

    Between the numbers of iterations that were measured, SC is interpolated over the logarithm
    of the time. A method that needs less time than librosa for as many iterations keeps the value
    of its longest run. A method that was not run for as long has no value.
    """
    budgets = sorted({m.iterations for m in measured if m.method == BASELINE})
    rows = [
        [
            method,
            *(f"{statistics.median(values[n]):.1f}" if n in values else "-" for n in budgets),
        ]
        for method, values in sorted(_at_time_of_baseline(measured).items())
    ]
    return table(["method", *(f"time of {BASELINE}, {n}" for n in budgets)], rows)


def _at_time_of_baseline(measured: Sequence[Measurement]) -> dict[str, dict[int, list[float]]]:
    """Return by method and iterations of librosa the SC of each clip at librosa's time."""
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
    return found


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
    """Return by how many dB the SC of each is lower than librosa's after as many iterations."""
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
