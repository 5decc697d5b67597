"""The listening report on the command line."""

from __future__ import annotations

import pytest
import torch

from tests.report_cases import SR, data_of, ratings_file
from torch_specinv.cli import main
from torch_specinv.comparing.signals import speech_like
from torch_specinv.io import write_audio


def test_the_command(tmp_path, capsys):
    wave = speech_like(SR, 0.6)
    write_audio(tmp_path / "speech.wav", wave, SR)
    (tmp_path / "system").mkdir()
    write_audio(tmp_path / "system" / "speech.wav", 0.25 * wave[:-40], SR)
    page = tmp_path / "page.html"
    flags = ["--methods", "griffin_lim", "--max-iter", "2", "--n-fft", "256"]
    more = ["--systems", f"mine={tmp_path / 'system'}", "--csv", str(tmp_path / "t.csv")]
    more += ["--latex", str(tmp_path / "t.tex")]
    assert not main(["report", str(tmp_path / "speech.wav"), "-o", str(page), *flags, *more])
    assert "1 clips" in capsys.readouterr().out
    assert "ViSQOL is left out" in page.read_text() or "visqol" in page.read_text()
    sounds = data_of(page.read_text())["clips"][0]["sounds"]
    assert [sound["method"] for sound in sounds] == ["reference", "griffin_lim", "mine"]
    assert (tmp_path / "t.csv").read_text().startswith("clip,method")
    assert (tmp_path / "t.tex").read_text().startswith(r"\begin{tabular}")
    before = page.read_bytes()
    assert main(["report", str(tmp_path / "speech.wav"), "-o", str(page), *flags]) == 2
    assert "exists already" in capsys.readouterr().err
    assert page.read_bytes() == before
    path = ratings_file(tmp_path / "r.csv", [("abx", "a", 1, "a or b", 1)])
    assert not main(["report", "--ratings", str(path)])
    assert "a or b" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["x.wav"], "-o PAGE"),
        (["x.wav", "-o", "page.pdf"], "page.pdf"),
        (["missing.wav", "-o", "{}/page.html"], "missing.wav"),
        (["{}/a.wav", "-o", "{}/page.html", "--methods", "nothing"], "nothing"),
        (["{}/a.wav", "-o", "{}/page.html", "--systems", "mine"], "--systems"),
        (["{}/a.wav", "-o", "{}/page.html", "--systems", "mine=/nowhere"], "nowhere"),
        (["{}/a.wav", "-o", "{}/page.html", "--systems", "auto={}"], "auto"),
        (["{}/a.wav", "-o", "{}/page.html", "--seconds", "0"], "seconds"),
        (["{}/a.wav", "{}/a.wav", "-o", "{}/page.html"], "2 files"),
        (["{}/a.wav", "-o", "{}/page.html", "--systems", "slow={}/slow"], "8000 Hz"),
        (["{}/a.wav", "-o", "{}/page.html", "--systems", "short={}/short"], "align"),
    ],
)
def test_bad_commands(arguments, said, tmp_path, capsys):
    write_audio(tmp_path / "a.wav", torch.zeros(4000), SR)
    for name, sr, count in (("slow", 8000, 4000), ("short", SR, 1000)):
        (tmp_path / name).mkdir()
        write_audio(tmp_path / name / "a.wav", torch.zeros(count), sr)
    try:
        code = main(["report", *(each.format(tmp_path) for each in arguments)])
    except SystemExit as stop:
        code = stop.code
    assert code == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "page.html").exists()
