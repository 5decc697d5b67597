"""The section on a GPU that benchmarks/cuda.py writes, from measurements made up here."""

from __future__ import annotations

from benchmarks.cuda_page import METHODS, SIZES, Measured, page
from tests.cases import cells


def test_the_page(capsys):
    found = Measured()
    found.add(what="device", name="NVIDIA X", torch="2.0", triton="3.0")
    for k, (items, seconds) in enumerate(SIZES[:2]):
        size = {"items": items, "seconds": seconds}
        for method in METHODS:
            found.add(what="iteration", method=method, engine="launched", us=100.0 + k, **size)
        found.add(what="iteration", method="griffin_lim", engine="triton", us=10.0, **size)
        found.add(what="bare", method="griffin_lim", ms=1.5, **size)
        found.add(what="inversion", method="auto", ms=20.0, mb_per_second=2.25, **size)
        found.add(what="torchaudio", ms=15.0, mb_per_second=3.0, **size)
        found.add(what="librosa", error="ImportError()", **size)
    found.add(what="waits", method="amdr", iterations=0, evaluation=1.0, whole=9, from_noise=5)
    text = page(found)
    assert "On one NVIDIA X, torch 2.0" in text
    assert cells(text.partition("| method")[1] + text.partition("| method")[2], "`amdr`",
                 "launched")["1 x 10 s"] == "101"  # fmt: skip
    calls = "| call" + text.partition("| call")[2]
    assert cells(calls, "`auto`")["1 x 1 s"] == "20 (2.2)"
    assert cells(calls, "librosa, on the CPU")["1 x 1 s"] == "not measured"
    assert "15.0 times at 1 x 1 s" in text
    assert "`amdr` 0 and 1" in text
    assert capsys.readouterr().out.count("\n") == len(found.rows)
