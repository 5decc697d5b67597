"""Around a corpus: the command line, dry runs, checks, scores, pages, and padded batches."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pytest
import soundfile
import torch

from tests.corpus_cases import RUN, manifest, same, save_arrays, spectrogram, waves
from torch_specinv import SpecInvError
from torch_specinv.cli import main
from torch_specinv.corpus import invert_corpus, verify_corpus
from torch_specinv.corpus.job import Job
from torch_specinv.corpus.progress import Progress
from torch_specinv.mel import preset


@pytest.fixture
def mels(tmp_path):
    folder = tmp_path / "in"
    return folder, save_arrays(folder, 7)


def test_mel_presets_and_scores(tmp_path, speech):
    hifigan = preset("hifigan", sr=8000, fmax=None, n_fft=256, hop_length=64, win_length=256)
    wave = speech[: 64 * 30].float()
    (tmp_path / "in").mkdir()
    (tmp_path / "originals").mkdir()
    np.save(tmp_path / "in" / "one.npy", hifigan.record(wave).numpy())
    np.save(tmp_path / "in" / "two.npy", hifigan.record(wave * 0.5).numpy())
    soundfile.write(tmp_path / "originals" / "one.wav", wave.numpy(), 8000, subtype="FLOAT")
    run = {name: value for name, value in RUN.items() if name not in ("sr", "max_iter")}
    result = invert_corpus(
        tmp_path / "in", tmp_path / "out", preset=hifigan, score=tmp_path / "originals", **run
    )
    assert result.failed == 0
    rows = manifest(tmp_path / "out")
    found = waves(tmp_path / "out")["one"]
    window = torch.hann_window(256)
    a, b = (
        torch.stft(x, 256, window=window, return_complex=True).abs()
        for x in (torch.from_numpy(found), wave[: len(found)])
    )
    expected = 20 * torch.log10((a - b).norm() / b.norm())
    assert rows["one"]["ref_sc"] == pytest.approx(float(expected), abs=1e-2)
    assert rows["one"]["iterations"] == 32
    assert rows["two"]["ref_sc"] is None
    assert "no original" in rows["two"]["note"]


def test_verify_finds_what_is_wrong(mels, tmp_path):
    folder, arrays = mels
    output = tmp_path / "out"
    invert_corpus(folder, output, **RUN)
    first, second, third, *_ = sorted(arrays)
    (output / f"{first}.wav").unlink()
    path = output / f"{second}.wav"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    (output / f"{third}.wav").write_bytes(b"short")
    shutil.copy(path, output / "foreign.wav")
    found = verify_corpus(output)
    assert found.count == 3
    told = "\n".join(found.problems)
    assert f"{first}.wav of {first} is missing" in told
    assert "foreign.wav has no row" in told
    assert "has 5 bytes" in told
    assert verify_corpus(output, closely=True).count == 4
    with pytest.raises(SpecInvError, match=r"manifest\.parquet does not exist"):
        verify_corpus(folder)


def test_progress_counts_and_tells(capsys, monkeypatch):
    monkeypatch.setattr("torch_specinv.corpus.progress._PERIODS", (-1.0, -1.0))
    progress = Progress(4, visible=True)
    done = {"status": "done", "samples": 8000 * 3600, "sr": 8000}
    progress.add([done, {"status": "failed"}])
    assert "2 of 4 items, 1.00 h of audio" in (said := capsys.readouterr().err)
    assert "1 failed" in said


def test_a_dry_run_writes_nothing_and_estimates(mels, tmp_path):
    folder, arrays = mels
    output = tmp_path / "out"
    found = invert_corpus(folder, output, dry_run=True, **RUN)
    assert not output.exists()
    assert (found.done, found.estimate.items, found.estimate.failed) == (0, 7, 0)
    seconds = sum(16 * (array.shape[-1] - 1) for array in arrays.values()) / 8000
    assert found.estimate.audio == pytest.approx(seconds, rel=0.1)
    assert found.estimate.bytes_out == pytest.approx(seconds * 8000 * 4, rel=0.1)
    assert found.estimate.seconds > 0
    assert "7 items" in str(found)
    invert_corpus(folder, output, limit=3, **RUN)
    again = invert_corpus(folder, output, dry_run=True, **RUN)
    assert (again.estimate.items, again.finished_before) == (4, 3)
    wrong = invert_corpus(folder, tmp_path / "no", dry_run=True, preset="hifigan", engine="loop")
    assert "all of 7 failed: spec has 33 bands" in str(wrong)


def test_the_command_line(mels, tmp_path, capsys, monkeypatch):
    folder, _ = mels
    (folder / "junk.npy").write_bytes(b"junk")
    monkeypatch.chdir(tmp_path)
    flags = ["--sr", "8000", "--max-iter", "2", "--quiet", "--engine", "loop"]
    assert main(["corpus", "in", "-o", "out", *flags, "--dry-run"]) == 0
    assert "8 items" in capsys.readouterr().out
    assert main(["corpus", "in", "-o", "out", *flags, "--shard", "1/2"]) == 0
    assert main(["corpus", "in", "-o", "out", *flags]) == 0
    said = capsys.readouterr().out
    assert "1 failed, such as junk: " in said
    assert re.search(r"\| sc +\| +7 \| +-\d", said)
    assert main(["corpus", "--verify", "out", "--closely"]) == 0
    assert "7 items done, 1 failed; all agrees" in capsys.readouterr().out
    # the same settings as in Python
    assert invert_corpus("in", "out", **RUN).finished_before == 8
    next((tmp_path / "out").rglob("*.wav")).unlink()
    assert main(["corpus", "--verify", "out"]) == 1
    said = capsys.readouterr()
    assert "is missing" in said.out
    assert "is not as its manifest says" in said.err
    for wrong, message in (
        (["corpus"], "needs INPUT"),
        (["corpus", "in"], "needs INPUT"),
        (["corpus", "in", "-o", "out", *flags, "--alpha", "2"], "alpha"),
        (["corpus", "in", "-o", "out", *flags, "--shard", "two"], "--shard two"),
        (["corpus", "in", "-o", "out", *flags, "--shard", "3/2"], "from 1 to n"),
        (["corpus", "nowhere", "-o", "new", *flags], "does not exist"),
        (["corpus", "--verify", "in"], "manifest.parquet does not exist"),
    ):
        assert main(wrong) == 2
        assert message in capsys.readouterr().err


def test_a_page_with_originals(tmp_path, capsys):
    (tmp_path / "in" / "sub").mkdir(parents=True)
    for name in ("a", "sub/b", "sub/c"):
        wave = 0.1 * torch.randn(4000)
        soundfile.write(tmp_path / "in" / f"{name}.wav", wave.numpy(), 8000)
    flags = ["--max-iter", "2", "--quiet", "--engine", "loop", "--n-fft", "256"]
    out = str(tmp_path / "out")
    assert main(["corpus", str(tmp_path / "in"), "-o", out, *flags, "--page", "2"]) == 0
    page = (tmp_path / "out" / "report.html").read_text()
    assert sum(f'"{name}"' in page or f">{name}<" in page for name in ("a", "sub/b", "sub/c")) == 2
    assert verify_corpus(tmp_path / "out").count == 0
    assert main(["corpus", str(tmp_path / "in"), "-o", out, *flags, "--page", "0"]) == 2
    # arrays have none, unless there is a folder of them
    save_arrays(tmp_path / "arrays", 2)
    other = ["corpus", str(tmp_path / "arrays"), "-o", str(tmp_path / "two"), *flags[:-2]]
    capsys.readouterr()
    assert main([*other, "--sr", "8000", "--page", "2"]) == 0
    assert "no page" in capsys.readouterr().out


@pytest.mark.parametrize("recipe", [None, "hifigan"])
def test_items_are_padded_where_batches_have_to_be_large(tmp_path, monkeypatch, recipe):
    """As on a GPU: the same waves but for rounding, and the same bits in any batch."""
    (tmp_path / "in").mkdir()
    run = dict(RUN)
    if recipe is None:
        save_arrays(tmp_path / "in", 6, lengths=5)
        np.save(tmp_path / "in" / "channels.npy", np.stack([spectrogram(i, 30) for i in range(2)]))
        run["channels"] = True
        soundfile.write(tmp_path / "in" / "s.wav", 0.1 * torch.randn(3000, 2).numpy(), 8000)
        run["n_fft"] = 64
    else:
        run = {"preset": recipe, "engine": "loop", "verbose": False, "max_iter": 2}
        for i in range(4):
            wave = 0.1 * torch.randn(5000 + 700 * i)
            np.save(tmp_path / "in" / f"{i}.npy", preset(recipe).record(wave).numpy())
    invert_corpus(tmp_path / "in", tmp_path / "alone", **run)
    monkeypatch.setattr(Job, "padded", 64)
    for number, batch in enumerate((1, 100)):
        result = invert_corpus(tmp_path / "in", tmp_path / f"padded{number}", batch=batch, **run)
        assert result.failed == 0
    found = [waves(tmp_path / name) for name in ("alone", "padded0", "padded1")]
    assert same(found[1], found[2])
    assert found[0].keys() == found[1].keys()
    for key, wave in found[0].items():
        np.testing.assert_allclose(found[1][key], wave, atol=2e-5 * max(1, abs(wave).max()))
