"""The ratings that listeners downloaded from a report, and what they come to."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

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
            pair = " or ".join(sorted(rating.method.split(" or ")))
            answers.setdefault(pair, []).append(rating.rating)
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
    by_method: dict[str, list[Rating]] = {}
    for rating in kept:
        by_method.setdefault(rating.method, []).append(rating)
    means = {name: sum(r.rating for r in given) / len(given) for name, given in by_method.items()}
    rows: list[list[str]] = []
    for method in sorted(means, key=lambda name: -means[name]):
        given = by_method[method]
        low, high = _interval(given)
        interval = f"{low:.1f} to {high:.1f}"
        rows.append([method, str(len(given)), f"{means[method]:.1f}", interval])
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


def _interval(ratings: Sequence[Rating]) -> tuple[float, float]:
    """Return the 2.5 and 97.5 % quantiles of means over listeners and clips that are drawn again.

    As many of both are drawn, each with replacement, and the ratings of the listeners drawn for the
    clips drawn are averaged.
    """
    raters = list(dict.fromkeys(rating.rater for rating in ratings))
    clips = list(dict.fromkeys(rating.clip for rating in ratings))
    sums = torch.zeros(len(raters), len(clips), dtype=torch.float64)
    counts = torch.zeros_like(sums)
    for rating in ratings:
        place = raters.index(rating.rater), clips.index(rating.clip)
        sums[place] += rating.rating
        counts[place] += 1
    generator = torch.Generator().manual_seed(0)
    often = [_drawn(len(names), generator) for names in (raters, clips)]
    total = torch.einsum("dr,rc,dc->d", often[0], sums, often[1])
    given = torch.einsum("dr,rc,dc->d", often[0], counts, often[1])
    means = (total / given)[given > 0]
    low, high = torch.quantile(means, torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return low, high


def _drawn(count: int, generator: torch.Generator) -> Tensor:
    """Return how often each of so many is drawn, (draws, count)."""
    drawn = torch.randint(count, (_DRAWS, count), generator=generator)
    zeros = torch.zeros(_DRAWS, count, dtype=torch.float64)
    return zeros.scatter_add_(1, drawn, torch.ones(_DRAWS, count, dtype=torch.float64))


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
