"""Ratings of listeners: who is left out, means and intervals, and whether anybody heard it."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch

from tests.report_cases import ratings_file
from torch_specinv import SpecInvError, report


def test_careless_listeners_are_left_out(tmp_path):
    rows = []
    for rater, reference in (("anna", 100), ("ben", 95), ("cy", 40)):
        for clip in range(8):
            # one clip of eight below 90 is within 15 %
            hidden = 80 if rater == "ben" and clip == 0 else reference
            rows.append(("mushra", rater, clip, "reference", hidden))
            rows.append(("mushra", rater, clip, "auto", 70 if rater != "cy" else 0))
    text = report.summarise(report.read_ratings([ratings_file(tmp_path / "a.csv", rows)]))
    assert "3 listeners, 1 left out" in text
    assert "(cy)" in text
    assert re.search(r"\| auto +\| +16 \| 70.0 \| +70.0 to 70.0", text)


def test_intervals_and_guessing(tmp_path):
    values = torch.randn(200, generator=torch.manual_seed(0)).mul(10).add(50).clamp(0, 100)
    rows = [("mushra", "a", i, "auto", v) for i, v in enumerate(values.tolist())]
    rows += [("abx", "a", i, "auto or pghi", int(i < 9)) for i in range(10)]
    text = report.summarise(report.read_ratings([ratings_file(tmp_path / "a.csv", rows)]))
    low, high = map(float, re.search(r"([\d.]+) to ([\d.]+)", text).groups())
    half = 1.96 * float(values.std()) / math.sqrt(200)
    assert low == pytest.approx(float(values.mean()) - half, abs=0.3)
    assert high == pytest.approx(float(values.mean()) + half, abs=0.3)
    assert re.search(r"auto or pghi +\| +10 +\| +90.0 +\| +0.0107", text)  # 11 / 1024


def test_intervals_know_that_listeners_differ(tmp_path):
    bias = [-20, -5, 0, 10, 25]
    rows = [
        ("mushra", rater, clip, "auto", 60 + value)
        for rater, value in enumerate(bias)
        for clip in range(20)
    ]
    text = report.summarise(report.read_ratings([ratings_file(tmp_path / "a.csv", rows)]))
    low, high = map(float, re.search(r"([\d.]+) to ([\d.]+)", text).groups())
    generator = np.random.default_rng(0)
    means = 60 + generator.choice(bias, (20000, 5)).mean(1)
    assert [low, high] == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=1.5)


def test_a_pair_is_the_same_either_way_round(tmp_path):
    rows = [("abx", "a", i, "auto or pghi" if i % 2 else "pghi or auto", 1) for i in range(10)]
    text = report.summarise(report.read_ratings([ratings_file(tmp_path / "a.csv", rows)]))
    assert re.search(r"auto or pghi +\| +10 +\| +100.0 +\| +0.000977", text)


@pytest.mark.parametrize(
    "text",
    [
        "", "a,b\n1,2\n", "test,rater,clip,method,rating\nmushra,a,b,c,101\n",
        "test,rater,clip,method,rating\nmushra,a,b,c\n",
        "test,rater,clip,method,rating\nabx,a,b,c,nan\n",
        "test,rater,clip,method,rating\nother,a,b,c,1\n",
        "test,rater,clip,method,rating\n",
    ],
)  # fmt: skip
def test_what_is_no_file_of_ratings(text, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(SpecInvError, match=r"rating|empty"):
        report.summarise(report.read_ratings([path]))
