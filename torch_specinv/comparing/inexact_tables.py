"""Tables of measurements on magnitudes that were degraded: means, against the original sound."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from .store import Measurement
from .summary import BASELINE, heading, info
from .table import table

#: What is told of each method on a kind of magnitude, in this order, where it was measured.
SCORES = ("sc_truth", "lsd_truth", "pesq", "estoi", "dnsmos", "visqol", "sc")
#: How many iterations of librosa the others are compared with.
LONG = 200
_NO_METHOD = ("true phase", "given phase")
_Run = tuple[str, int]


def run_name(run: _Run) -> str:
    """Return a method and its iterations; those that make none have no number."""
    method, iterations = run
    return f"{method} {iterations}" if iterations else method


def kind_table(measured: Sequence[Measurement]) -> str:
    """Return a Markdown table of one kind: means over clips, the best of the methods in bold.

    The true phase with the same magnitude is beside them: no method can hope for more.
    """
    runs = _runs(measured)
    columns = {"method": [run_name(run) for run in runs]}
    for score in SCORES:
        means = [_mean(group, score) for group in runs.values()]
        if any(mean is not None for mean in means):
            name = (
                heading(score).replace("SC ", "SC to given ") if score == "sc" else heading(score)
            )
            columns[name] = _column(list(runs), means, score)
    columns["seconds"] = [
        f"{statistics.mean(m.seconds for m in group):.3f}" for group in runs.values()
    ]
    return table(list(columns), list(zip(*columns.values(), strict=True)))


def matrix(measured: Sequence[Measurement], score: str) -> str:
    """Return a Markdown table of one score: a row for each method, a column for each kind."""
    kinds = list(dict.fromkeys(m.kind for m in measured))
    everywhere = list(_runs(measured))
    columns = {heading(score): [run_name(run) for run in everywhere]}
    for kind in kinds:
        runs = _runs([m for m in measured if m.kind == kind])
        means = [_mean(runs.get(run, []), score) for run in everywhere]
        columns[kind] = _column(everywhere, means, score)
    return table(list(columns), list(zip(*columns.values(), strict=True)))


def clip_table(measured: Sequence[Measurement], ours: _Run, scores: Sequence[str]) -> str:
    """Return a Markdown table of every clip and kind: one of our methods, librosa, the ceiling.

    A dagger marks values of ours that are worse than those of librosa.
    """
    values: dict[tuple[str, str], dict[_Run, Measurement]] = {}
    for m in measured:
        values.setdefault((m.kind, m.clip), {})[m.method, m.iterations] = m
    three = ((BASELINE, LONG), ours, (_NO_METHOD[0], 0))
    rows: list[list[str]] = []
    for (kind, clip), of_runs in values.items():
        row = [kind, clip]
        for score in scores:
            theirs, own, best = (
                None if run not in of_runs else of_runs[run].values.get(score) for run in three
            )
            mark = " †" if _is_worse(own, theirs, score) else ""
            row += [_cell(theirs, score), _cell(own, score) + mark, _cell(best, score)]
        rows.append(row)
    names = [f"{heading(score)}: {run_name(run)}" for score in scores for run in three]
    return table(["kind", "clip", *names], rows)


def sooner(
    measured: Sequence[Measurement], scores: Sequence[str], methods: Sequence[str] | None = None
) -> str:
    """Return a Markdown table: for each kind, our quickest method that is as good as librosa.

    Only some `methods` may be asked for.

    As good: the means of all `scores` are no worse than those of librosa after 200 iterations.
    Times are those of whole calls, and the ratio is the median over the clips.
    """
    rows: list[list[str]] = []
    for kind in dict.fromkeys(m.kind for m in measured):
        runs = _runs([m for m in measured if m.kind == kind])
        theirs = runs.get((BASELINE, LONG))
        if theirs is None:
            continue
        quick = [
            (_ratio(theirs, group), run)
            for run, group in runs.items()
            if run[0] not in (BASELINE, "torchaudio", *_NO_METHOD)
            and (methods is None or run[0] in methods)
            and all(_as_good(group, theirs, score) for score in scores)
        ]
        row = [kind, *(_shown(theirs, score) for score in scores)]
        if quick:
            ratio, run = max(quick)
            row += [run_name(run), *(_shown(runs[run], score) for score in scores), f"{ratio:.1f}"]
        else:
            row += ["none", *("-" for _ in scores), "-"]
        rows.append(row)
    names = [heading(score) for score in scores]
    theirs = [f"{run_name((BASELINE, LONG))}: {name}" for name in names]
    return table(["kind", *theirs, "as good", *names, "times sooner"], rows)


def _ratio(theirs: Sequence[Measurement], own: Sequence[Measurement]) -> float:
    """Return how many times sooner one method is than the other, the median over clips."""
    seconds = {m.clip: m.seconds for m in own}
    return statistics.median(m.seconds / max(seconds[m.clip], 1e-6) for m in theirs)


def _runs(measured: Iterable[Measurement]) -> dict[_Run, list[Measurement]]:
    """Return the measurements of each method and number of iterations, in the order given."""
    groups: dict[_Run, list[Measurement]] = {}
    for m in measured:
        groups.setdefault((m.method, m.iterations), []).append(m)
    return groups


def _mean(group: Sequence[Measurement], score: str) -> float | None:
    values = [value for m in group if (value := m.values.get(score)) is not None]
    return statistics.mean(values) if values else None


def _is_worse(own: float | None, theirs: float | None, score: str) -> bool:
    if own is None or theirs is None:
        return False
    return own != theirs and info(score).best((own, theirs)) == theirs


def _as_good(group: Sequence[Measurement], theirs: Sequence[Measurement], score: str) -> bool:
    own, other = _mean(group, score), _mean(theirs, score)
    return own is not None and other is not None and not _is_worse(own, other, score)


def _shown(group: Sequence[Measurement], score: str) -> str:
    return _cell(_mean(group, score), score)


def _cell(value: float | None, score: str) -> str:
    return "-" if value is None else f"{value:.{info(score).decimals}f}"


def _column(runs: Sequence[_Run], means: Sequence[float | None], score: str) -> list[str]:
    """Format the means of runs; the best of the methods is bold."""
    cells = [_cell(mean, score) for mean in means]
    methods = [
        float(cell)
        for run, cell in zip(runs, cells, strict=True)
        if run[0] not in _NO_METHOD and cell != "-"
    ]
    best = info(score).best(methods) if methods else None
    return [
        f"**{cell}**" if run[0] not in _NO_METHOD and cell != "-" and float(cell) == best else cell
        for run, cell in zip(runs, cells, strict=True)
    ]
