"""Tables and curves of measurements: medians, gains, and equal time."""

from __future__ import annotations

import pytest

from tests.cases import cells
from torch_specinv.comparing import Measurement, curves, equal_iterations, equal_time


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
