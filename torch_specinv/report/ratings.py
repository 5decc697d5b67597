"""The ratings that listeners downloaded from a report, and what they come to."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from ..comparing.table import table
from ..errors import SpecInvError
from ..io import existing
from .gather import REFERENCE

_FIELDS = ["test", "rater", "clip", "method", "rating"]
# ITU-R BS.1534-3: left out are listeners who rate the hidden reference below 90 too often
_LEAST, _SHARE = 90.0, 0.15
# Samples of the bootstrap
_DRAWS = 2000


class Rating(NamedTuple):
    """One answer."""

    test: str
    """It is "mushra" (ratings from 0 to 100) or "abx" (1 is right, 0 wrong)."""
    rater: str
    clip: str
    method: str
    rating: float


def read_ratings(paths: Sequence[str | Path]) -> list[Rating]:
    """Read the CSV files that reports offer for download.

    Raises
    ------
    SpecInvError
        If a file is missing, is no such file, or holds a rating that there can't be.
    """
    found: list[Rating] = []
    for path in map(existing, paths):
        try:
            with path.open(newline="", encoding="utf-8") as file:
                rows = list(csv.reader(file))
        except (UnicodeDecodeError, csv.Error) as error:
            raise SpecInvError(f"{path} is no CSV file: {error}.") from error
        if not rows or rows[0] != _FIELDS:
            raise SpecInvError(
                f"{path} holds no ratings: its first line is not {','.join(_FIELDS)}."
            )
        found += [_rating(path, number, row) for number, row in enumerate(rows[1:], 2)]
    return found


def summarise(ratings: Sequence[Rating]) -> str:
    """Return the means of a listening test with 95 % intervals, and who was left out.

    Of MUSHRA ratings, listeners who rated the hidden reference below 90 in more than 15 % of their
    clips are left out (ITU-R BS.1534-3). Intervals are those of a bootstrap over listeners and
    clips, with a fixed seed. Of ABX the share of right answers is given, with the chance of so many
    by guessing.

    Raises
    ------
    SpecInvError
        If there are none.
    """
    if not ratings:
        raise SpecInvError("there are no ratings.")
    parts: list[str] = []
    mushra = [rating for rating in ratings if rating.test == "mushra"]
    if mushra:
        parts += _mushra(mushra)
    answers: dict[str, list[float]] = {}
    for rating in ratings:
        if rating.test == "abx":
            answers.setdefault(rating.method, []).append(rating.rating)
    if answers:
        rows = [
            [name, str(len(given)), f"{100 * sum(given) / len(given):.1f}", f"{_chance(given):.3g}"]
            for name, given in answers.items()
        ]
        parts.append("ABX:\n\n" + table(["pair", "trials", "right in %", "chance of it"], rows))
    return "\n\n".join(parts)


def _mushra(ratings: Sequence[Rating]) -> list[str]:
    raters = dict.fromkeys(rating.rater for rating in ratings)
    out = [rater for rater in raters if _careless(ratings, rater)]
    kept = [rating for rating in ratings if rating.rater not in out]
    by_method: dict[str, list[float]] = {}
    for rating in kept:
        by_method.setdefault(rating.method, []).append(rating.rating)
    rows: list[list[str]] = []
    for method, values in sorted(by_method.items(), key=lambda each: -_mean(each[1])):
        low, high = _interval(values)
        rows.append([method, str(len(values)), f"{_mean(values):.1f}", f"{low:.1f} to {high:.1f}"])
    said = (
        f"{len(raters)} listeners, {len(out)} left out: who rates the hidden reference below "
        f"{_LEAST:g} in more than {100 * _SHARE:g} % of the clips"
        + (f" ({', '.join(out)})." if out else ".")
    )
    header = ["method", "ratings", "mean", "95 % interval"]
    return [said, table(header, rows)] if rows else [said]


def _careless(ratings: Sequence[Rating], rater: str) -> bool:
    given = [r.rating for r in ratings if r.rater == rater and r.method == REFERENCE]
    return bool(given) and sum(rating < _LEAST for rating in given) > _SHARE * len(given)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the 2.5 and 97.5 % quantiles of means of as many values that are drawn again."""
    known = torch.tensor(values, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    drawn = known[torch.randint(len(known), (_DRAWS, len(known)), generator=generator)].mean(1)
    low, high = torch.quantile(drawn, torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return low, high


def _chance(answers: Sequence[float]) -> float:
    """Return the probability of at least so many right answers by guessing."""
    count, right = len(answers), round(sum(answers))
    return sum(math.comb(count, k) for k in range(right, count + 1)) / 2**count


def _rating(path: Path, number: int, row: Sequence[str]) -> Rating:
    fields: Mapping[str, str] = dict(zip(_FIELDS, row, strict=False))
    most = {"mushra": 100.0, "abx": 1.0}.get(fields.get("test", ""))
    try:
        rating = float(fields["rating"])
    except (KeyError, ValueError):
        rating = math.nan
    if most is None or len(row) != len(_FIELDS) or not 0 <= rating <= most:
        raise SpecInvError(f"{path}, line {number}: {','.join(row)!r} is no rating.")
    return Rating(fields["test"], fields["rater"], fields["clip"], fields["method"], rating)
