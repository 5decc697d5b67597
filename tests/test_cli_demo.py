"""The demo on the command line: what it makes, and goes on with."""

from __future__ import annotations

import pytest

from tests.conftest import magnitude
from torch_specinv import metrics
from torch_specinv.cli import main
from torch_specinv.comparing import demo
from torch_specinv.comparing.demo import UNFINISHED
from torch_specinv.comparing.signals import CLIPS
from torch_specinv.io import read_audio
from torch_specinv.phase import PHASES
from torch_specinv.solve import ALGORITHMS


def test_demo(folder, capsys):
    assert main(["demo", "--max-iter", "3", "--sr", "8000"]) == 0
    out = capsys.readouterr().out
    rows = [line for line in out.splitlines() if line.startswith("| speech")]
    methods = ALGORITHMS.keys() - PHASES.keys()
    assert len(rows) == len(PHASES) + len(methods)
    assert str(folder / "specinv_demo") in out
    made = {path.name for path in (folder / "specinv_demo").iterdir()}
    assert made == {
        "comparison.png",
        *(f"{clip}_{name}.wav" for clip in CLIPS for name in (*methods, "original")),
    }  # fmt: skip
    assert (folder / "specinv_demo" / "comparison.png").read_bytes()[:4] == b"\x89PNG"
    original, sr = read_audio("specinv_demo/music_original.wav")
    assert sr == 8000
    # the table tells the truth about the files
    for name in methods:
        wave, _ = read_audio(f"specinv_demo/music_{name}.wav")
        error = metrics.sc(magnitude(wave, 1024), magnitude(original, 1024))
        cells = [[cell.strip() for cell in line.split("|")] for line in out.splitlines()]
        row = next(r for r in cells if r[1:3] == ["music", name])
        assert float(row[5]) == pytest.approx(float(error), abs=0.06)
    # a second run finds a name of its own; an existing folder is not touched without --force
    assert main(["demo", "--max-iter", "1", "--sr", "8000"]) == 0
    assert (folder / "specinv_demo_2").is_dir()
    assert main(["demo", "--folder", "specinv_demo", "--max-iter", "1"]) == 2
    assert main(["demo", "--folder", "specinv_demo", "--max-iter", "1", "--sr", "8000",
                 "--force"]) == 0  # fmt: skip


def test_a_killed_demo_goes_on(folder, capsys, monkeypatch):
    """In the folder that it did not finish, over its files; a finished one is not touched."""
    name, make = next(iter(demo.CLIPS.items()))
    monkeypatch.setattr(demo, "CLIPS", {name: lambda sr: make(sr=sr, seconds=0.3)})
    monkeypatch.setattr(demo, "ALGORITHMS", {n: demo.ALGORITHMS[n] for n in ("griffin_lim",)})
    command = ["demo", "--max-iter", "1", "--sr", "8000"]

    class Killed(BaseException):
        pass

    def die(*_, **__):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(demo, "plot_comparison", die)
        with pytest.raises(Killed):
            main(command)
    assert (folder / "specinv_demo" / UNFINISHED).exists()
    assert main([*command, "--folder", "specinv_demo"]) == 0
    made = {path.name for path in (folder / "specinv_demo").iterdir()}
    assert made == {"comparison.png", f"{name}_original.wav", f"{name}_griffin_lim.wav"}
    assert main([*command, "--folder", "specinv_demo"]) == 2
    assert "exists already" in capsys.readouterr().err
    (folder / "empty").mkdir()
    assert main([*command, "--folder", "empty"]) == 0
