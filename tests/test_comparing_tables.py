"""Tables and curves of measurements: medians, gains, equal time, and kinds of magnitudes."""

from __future__ import annotations

import pytest

from tests.cases import cells
from torch_specinv.comparing import (
    Measurement,
    curves,
    equal_iterations,
    equal_time,
)  # fmt: skip
from torch_specinv.comparing.inexact_tables import clip_table, kind_table, matrix, sooner


def measurement(clip, method, iterations, error, seconds, pesq=None):
    values = {
        "sc": error, "sc_inner": error - 1, "snr": -error, "lsd": 1.0, "pesq": pesq, "estoi": None,
    }  # fmt: skip
    return Measurement(clip, method, iterations, values, seconds, setting="{}")


MEASURED = [
    measurement("a", "librosa", 10, -20.0, 1.0),
    measurement("a", "librosa", 100, -26.0, 10.0),
    measurement("b", "librosa", 10, -24.0, 1.0),
    measurement("b", "librosa", 100, -30.0, 10.0),
    measurement("a", "auto", 10, -30.0, 0.1, 4.0),
    measurement("a", "auto", 100, -34.0, 10.0),
    measurement("b", "auto", 10, -29.0, 0.1),
    measurement("b", "auto", 100, -37.0, 2.0),
    measurement("a", "slow", 10, -40.0, 0.9),
    measurement("b", "slow", 10, -43.0, 1.1),
]


def test_medians_and_gains_at_equal_iterations():
    text = equal_iterations(MEASURED)
    row = cells(text, "auto", "10")
    assert row["SC ↓"] == "-29.5"
    assert row["SC inner ↓"] == "-30.5"
    assert row["PESQ ↑"] == "4.00"  # of the one clip that has it
    assert row["gain over librosa: median / least"] == "7.5 / 5.0"
    assert cells(text, "librosa", "100")["PESQ ↑"] == "-"
    assert "ESTOI" not in " ".join(row)


def test_interpolation_at_equal_time():
    text = equal_time(MEASURED)
    auto = cells(text, "auto")
    # a: half-way between 0.1 s and 10 s on a logarithmic scale; b: at 1 s, and its end at 2 s
    b = -29 - 8 * (1 / (1 + 0.30103))
    assert float(auto["time of librosa, 10"]) == pytest.approx((-32 + b) / 2, abs=0.051)
    assert float(auto["time of librosa, 100"]) == pytest.approx((-34 - 37) / 2, abs=0.051)
    slow = cells(text, "slow")
    # it was not run for as long
    assert (slow["time of librosa, 10"], slow["time of librosa, 100"]) == ("-40.0", "-")


def test_curves_are_medians():
    points = curves(MEASURED)
    assert points["auto"][0] == pytest.approx((10, 0.1, -29.5))
    assert points["auto"][1] == pytest.approx((100, 6.0, -35.5))


def inexact(method, iterations, pesq, seconds, *, clip="a", kind="noisy", truth=-10.0):
    values = {"sc": -12.0, "sc_truth": truth, "lsd_truth": 3.0, "pesq": pesq, "estoi": pesq / 5}
    return Measurement(clip, method, iterations, values, seconds, "{}", kind)


INEXACT = [
    inexact("true phase", 0, 4.0, 0.01),
    inexact("librosa", 200, 2.5, 2.0),
    inexact("auto", 100, 3.0, 0.1),
    inexact("pghi", 0, 2.6, 0.02),
    inexact("true phase", 0, 4.2, 0.01, clip="b"),
    inexact("librosa", 200, 2.7, 4.0, clip="b"),
    inexact("auto", 100, 2.6, 0.1, clip="b"),
    inexact("pghi", 0, 2.4, 0.02, clip="b"),
    inexact("librosa", 200, 2.5, 2.0, kind="mel"),
    inexact("auto", 100, 2.0, 0.1, kind="mel"),
]


def test_a_kinds_table_has_means_and_the_ceiling_is_not_bold():
    text = kind_table([m for m in INEXACT if m.kind == "noisy"])
    assert cells(text, "true phase")["PESQ ↑"] == "4.10"
    assert cells(text, "auto 100")["PESQ ↑"] == "**2.80**"
    assert cells(text, "pghi")["PESQ ↑"] == "2.50"
    assert cells(text, "librosa 200")["seconds"] == "3.000"
    assert cells(text, "pghi")["SC to given ↓"] == "**-12.0**"  # as all


def test_a_scores_table_has_a_column_for_each_kind():
    text = matrix(INEXACT, "pesq")
    assert cells(text, "auto 100") == {"PESQ ↑": "auto 100", "noisy": "**2.80**", "mel": "2.00"}
    assert cells(text, "pghi")["mel"] == "-"


def test_the_quickest_method_that_is_as_good():
    text = sooner(INEXACT, ["pesq", "estoi"])
    noisy = cells(text, "noisy")
    assert (noisy["as good"], noisy["times sooner"]) == ("auto 100", "30.0")
    assert cells(text, "mel")["as good"] == "none"
    assert cells(sooner(INEXACT, ["pesq"], ["pghi"]), "noisy")["as good"] == "none"
    # of two that are as good, the quicker one
    both = [*INEXACT, inexact("raar", 8, 2.9, 0.05), inexact("raar", 8, 2.9, 0.05, clip="b")]
    assert cells(sooner(both, ["pesq"]), "noisy")["as good"] == "raar 8"


def test_every_clip_is_told_and_losses_are_marked():
    text = clip_table(INEXACT, ("auto", 100), ["pesq"])
    rows = {
        (row.split("|")[1].strip(), row.split("|")[2].strip()): row for row in text.splitlines()[2:]
    }
    assert rows.keys() == {("noisy", "a"), ("noisy", "b"), ("mel", "a")}
    assert "†" not in rows["noisy", "a"]
    assert "2.60 †" in rows["noisy", "b"]
    assert "2.00 †" in rows["mel", "a"]
