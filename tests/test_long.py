"""Long recordings: in pieces they come out as the whole does, and nothing is lost on the way."""

from __future__ import annotations

import errno
import functools
import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch

from tests.cases import GEOMETRIES, KINDS, POINTWISE
from tests.conftest import hann
from torch_specinv import SpecInvError, invert, invert_long
from torch_specinv.algorithms import ADMM
from torch_specinv.io import write_audio
from torch_specinv.long import inversion, piece_solver
from torch_specinv.long.partial_file import PartialFile, write_to_disk
from torch_specinv.long.pieces import cut
from torch_specinv.solve import ALGORITHMS
from torch_specinv.transform.stft import STFT

#: Ends that are joined can't be pieces, those that are hardly seen have a test of their own, and
#: with very many frames over each other a piece takes in nearly the whole.
FITTING = {
    name: geometry
    for name, geometry in GEOMETRIES.items()
    if geometry.get("pad_mode") != "circular"
    and (geometry.get("center", True) or "window" in geometry)
    and geometry.get("hop_length", 32) > 2
}
RUN = {"max_iter": 4, "verbose": False}


def wave_of(samples, channels=2):
    generator = torch.Generator().manual_seed(samples)
    return torch.randn(channels, samples, generator=generator, dtype=torch.float64)


def save(folder, samples=4001, channels=2, **keywords):
    """Write a magnitude; return its path, itself, and the keywords that belong to it."""
    keywords = {"n_fft": 64, "window": hann(64), **keywords}
    wave = wave_of(samples, channels)
    magnitude = STFT.of_wave(wave, **keywords)(wave)
    np.save(folder / "magnitude.npy", magnitude.numpy())
    return folder / "magnitude.npy", magnitude, {**keywords, "length": samples}


def read(path):
    return torch.from_numpy(soundfile.read(path, always_2d=True)[0].T)


@pytest.mark.parametrize("geometry", FITTING)
@pytest.mark.parametrize("kind", KINDS)
def test_equal_to_the_whole(kind, geometry, tmp_path):
    compare_with_whole(
        KINDS[kind], {"n_fft": 128, "window": hann(128), **FITTING[geometry]}, tmp_path
    )


@pytest.mark.parametrize("name", POINTWISE)
def test_every_algorithm_is_equal_to_the_whole(name, tmp_path):
    compare_with_whole(ALGORITHMS[name](), {}, tmp_path)


def compare_with_whole(algorithm, geometry, tmp_path):
    source, magnitude, keywords = save(tmp_path, **geometry)
    result = invert_long(
        source, tmp_path / "out.wav", algorithm, init="random", seed=5, sr=8000, piece=37,
        **keywords, **RUN,
    )  # fmt: skip
    generator = torch.Generator().manual_seed(5)
    whole = invert(
        magnitude,
        algorithm,
        init="random",
        generator=generator,
        tol=0,
        eva_iter=4,
        **keywords,
        **RUN,
    )
    assert (read(tmp_path / "out.wav") - whole.wave).abs().max() < 1e-9
    assert torch.allclose(torch.tensor(result.sc).double(), whole.history["sc"][-1], atol=1e-6)
    assert (result.sr, result.samples) == (8000, 4001)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["magnitude.npy", "out.wav"]


def test_the_halo_is_needed(tmp_path, monkeypatch):
    """A test that the test above can fail: with half the halo the result is another."""
    source, magnitude, keywords = save(tmp_path)
    monkeypatch.setattr(piece_solver, "halo_of", lambda geometry, trips: 2 * trips)
    invert_long(
        source, tmp_path / "out.wav", "griffin_lim", init="zero", sr=8000, piece=37, **keywords,
        **RUN,
    )  # fmt: skip
    whole = invert(magnitude, "griffin_lim", init="zero", tol=0, eva_iter=4, **keywords, **RUN)
    assert (read(tmp_path / "out.wav") - whole.wave).abs().max() > 1e-6


@pytest.mark.parametrize("samples", [None, 51 * 16])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("name", ["amdr", "griffin_lim"])
def test_small_pieces(name, size, samples, tmp_path):
    """Also where the last frame is of no sample."""
    source, magnitude, keywords = save(tmp_path, 51 * 16)
    keywords["length"] = samples
    run = {"init": "zero", **keywords, **RUN}
    invert_long(source, tmp_path / "out.wav", name, sr=8000, piece=size, **run)
    whole = invert(magnitude, name, tol=0, eva_iter=4, **run)
    assert (read(tmp_path / "out.wav") - whole.wave).abs().max() < 1e-9
    write_audio(tmp_path / "in.wav", 0.1 * wave_of(750).float(), 8000)
    audio = {"n_fft": 64, "window": torch.hann_window(64), "piece": size, "force": True, **RUN}
    assert invert_long(tmp_path / "in.wav", tmp_path / "out.wav", name, **audio).samples == 750


def test_windows_that_fade_without_padding(tmp_path):
    """What is hardly seen at the ends is calmed by the level of its piece; the rest is exact."""
    source, magnitude, keywords = save(tmp_path, center=False)
    run = {"init": "zero", **keywords, **RUN}
    invert_long(source, tmp_path / "out.wav", "griffin_lim", sr=8000, piece=37, **run)
    whole = invert(magnitude, "griffin_lim", tol=0, eva_iter=4, **run)
    difference = (read(tmp_path / "out.wav") - whole.wave).abs()
    assert difference[:, 64:-64].max() < 1e-9
    assert difference.max() < 0.1 * whole.wave.abs().max()


@pytest.mark.parametrize("size", [1, 2, 7, 250, 10**6])
def test_pieces_of_any_size_and_a_complex_start(size, tmp_path):
    source, magnitude, keywords = save(tmp_path, 1500)
    start = torch.polar(magnitude, 6 * torch.rand(magnitude.shape, dtype=torch.float64))
    np.save(source, start.numpy())
    invert_long(source, tmp_path / "out.wav", sr=8000, piece=size, **keywords, **RUN)
    whole = invert(start, "amdr", eva_iter=4, **keywords, **RUN)
    assert (read(tmp_path / "out.wav") - whole.wave).abs().max() < 1e-9


@pytest.mark.parametrize("frames", [1, 2, 5, 100])
def test_pieces_cover_all_frames_once(frames):
    for size in (1, 2, 3, 7, 200):
        for groups in (1, 2):
            pieces = cut(frames, max(size, groups), 5, groups)
            covered = [m for piece in pieces for m in range(piece.begin, piece.end)]
            assert covered == list(range(frames))
            assert all(piece.begin < piece.end for piece in pieces)
            assert all(piece.end - piece.begin <= size + groups + 1 for piece in pieces)
            assert all(piece.low % groups == piece.begin % groups == 0 for piece in pieces)


@pytest.mark.parametrize("init", ["pghi", "spsi"])
def test_guessed_phases_are_joined(init, tmp_path):
    """Guessed for each piece alone, they are still worth it."""
    t = torch.arange(16000, dtype=torch.float64) / 8000
    wave = torch.sin(2 * torch.pi * (300 + 200 * t) * t) * torch.exp(-4 * (t % 0.5))
    keywords = {"n_fft": 256, "window": hann(256), "length": 16000}
    stft = STFT.of_wave(wave, n_fft=256, window=hann(256))
    np.save(tmp_path / "magnitude.npy", stft(wave).numpy())
    run = {"max_iter": 30, "verbose": False, "init": init, **keywords}
    source = tmp_path / "magnitude.npy"
    pieces = invert_long(source, tmp_path / "out.wav", sr=8000, piece=60, **run)
    invert_long(source, tmp_path / "one.wav", sr=8000, **run)
    chance = {**run, "init": "random"}
    chance = invert_long(source, tmp_path / "random.wav", sr=8000, piece=60, **chance)
    whole = invert(stft(wave), "amdr", eva_iter=30, **run)
    assert (read(tmp_path / "one.wav")[0] - whole.wave).abs().max() < 1e-9
    assert pieces.sc[0] < chance.sc[0] - 3


def test_audio_is_read_in_pieces(tmp_path):
    wave = 0.1 * wave_of(5000).float()
    write_audio(tmp_path / "in.wav", wave, 8000)
    run = {"n_fft": 64, "window": torch.hann_window(64), "init": "zero", **RUN}
    invert_long(tmp_path / "in.wav", tmp_path / "out.wav", "griffin_lim", piece=50, **run)
    spec = STFT.of_wave(wave, n_fft=64, window=torch.hann_window(64))(wave)
    whole = invert(spec, "griffin_lim", length=5000, tol=0, eva_iter=4, **run)
    assert (read(tmp_path / "out.wav") - whole.wave).abs().max() < 1e-4
    assert soundfile.info(tmp_path / "out.wav").samplerate == 8000


SCRIPT = """
import functools, os, signal, sys
import torch
from torch_specinv import invert_long
from torch_specinv.long import inversion
from torch_specinv.long.partial_file import PartialFile, write_to_disk
calls = []
def dies(path, content, mode):
    if mode == "ab":
        calls.append(path)
    if len(calls) == int(sys.argv[3]):
        with open(path, mode) as file:
            file.write(content[: len(content) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    write_to_disk(path, content, mode)
inversion.PartialFile = functools.partial(PartialFile, write=dies)
invert_long(sys.argv[1], sys.argv[2], sr=8000, piece=40, max_iter=4, verbose=False,
            window=torch.hann_window(64))
"""


def run_and_die(source, output, moment):
    """Kill another process while it writes something for the so-many-th time."""
    command = [sys.executable, "-c", SCRIPT, source, output, moment]
    return subprocess.run(list(map(str, command)), capture_output=True, check=False).returncode


@pytest.mark.parametrize(
    "moments", [(1,), *(pytest.param(m, marks=pytest.mark.slow) for m in [(2,), (3, 4), (6,)])]
)
def test_killed_at_any_moment(moments, tmp_path):
    """While samples are written, while the journal is, twice in a row: the result is the same."""
    source, _, _ = save(tmp_path)
    run = {"sr": 8000, "piece": 40, "window": torch.hann_window(64), **RUN}
    invert_long(source, tmp_path / "whole.wav", **run)
    output = tmp_path / "out.wav"
    for moment in moments:
        assert run_and_die(source, output, moment) == -9
        assert not output.exists()
        assert list(tmp_path.glob("*.partial*"))
    invert_long(source, output, **run)
    assert (read(output) - read(tmp_path / "whole.wav")).abs().max() < 1e-12
    assert not list(tmp_path.glob("*.partial*"))


@pytest.fixture
def leave_unfinished(monkeypatch):
    """Make a run that computes all pieces, and fails when it writes the output."""

    def fails(*_, **__):
        raise MemoryError

    def leave(*arguments, **run):
        with monkeypatch.context() as patch:
            patch.setattr(inversion, "write_blocks", fails)
            with pytest.raises(MemoryError):
                invert_long(*arguments, **run)

    return leave


@pytest.fixture
def solved(monkeypatch):
    """Count the pieces that are computed."""
    calls, solve = [], piece_solver.PieceSolver.solve

    def counting(self, piece):
        calls.append(piece)
        return solve(self, piece)

    monkeypatch.setattr(piece_solver.PieceSolver, "solve", counting)
    return calls


def test_a_full_disk_and_going_on(tmp_path, monkeypatch, solved):
    source, _, keywords = save(tmp_path)
    run = {"sr": 8000, "piece": 40, **keywords, **RUN}
    room = [4]

    def full(path, content, mode):
        room[0] -= mode == "ab"
        if room[0] < 0:
            path.write_bytes(path.read_bytes() + content[:100])
            raise OSError(errno.ENOSPC, "No space left on device")
        write_to_disk(path, content, mode)

    with monkeypatch.context() as patch:
        patch.setattr(inversion, "PartialFile", functools.partial(PartialFile, write=full))
        with pytest.raises(SpecInvError, match=r"No space left on device\. 1120 samples are kept"):
            invert_long(source, tmp_path / "out.wav", **run)
    assert len(solved) == 3
    result = invert_long(source, tmp_path / "out.wav", **run)
    pieces = len(solved) - 1  # the third was computed twice
    assert len({(piece.begin, piece.end) for piece in solved}) == pieces
    again = invert_long(source, tmp_path / "again.wav", **run)
    assert (read(tmp_path / "out.wav") - read(tmp_path / "again.wav")).abs().max() < 1e-12
    assert result.sc == pytest.approx(again.sc)


def test_interrupted(tmp_path, monkeypatch):
    source, _, keywords = save(tmp_path)
    solve, calls = piece_solver.PieceSolver.solve, []

    def impatient(self, piece):
        calls.append(piece)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return solve(self, piece)

    monkeypatch.setattr(piece_solver.PieceSolver, "solve", impatient)
    run = {"sr": 8000, "piece": 40, **keywords, **RUN}
    with pytest.raises(KeyboardInterrupt) as info:
        invert_long(source, tmp_path / "out.wav", **run)
    assert "0.1 s are kept in" in info.value.__notes__[0]
    assert (tmp_path / "out.wav.partial").stat().st_size == 1120 * 2 * 8
    invert_long(source, tmp_path / "out.wav", **run)
    assert calls[2] == calls[3]


def test_other_settings_do_not_go_on(tmp_path, leave_unfinished):
    source, _, keywords = save(tmp_path)
    run = {"sr": 8000, "piece": 40, **keywords, **RUN}
    leave_unfinished(source, tmp_path / "out.wav", **run)
    with pytest.raises(SpecInvError, match=r"other settings \(max_iter differ\)"):
        invert_long(source, tmp_path / "out.wav", **{**run, "max_iter": 5})
    np.save(source, 2 * np.load(source))
    with pytest.raises(SpecInvError, match=r"other settings \(source differ\)"):
        invert_long(source, tmp_path / "out.wav", **run)
    invert_long(source, tmp_path / "out.wav", force=True, **run)
    assert (tmp_path / "out.wav").exists()


def test_settings_are_compared_exactly(tmp_path, leave_unfinished):
    source, _, keywords = save(tmp_path)
    run = {"sr": 8000, "piece": 40, **keywords, **RUN}
    near = [ADMM(torch.tensor(rho)) for rho in (0.10001, 0.10004)]
    leave_unfinished(source, tmp_path / "out.wav", near[0], **run)
    with pytest.raises(SpecInvError, match=r"\(algorithm\.rho differ\)"):
        invert_long(source, tmp_path / "out.wav", near[1], **run)
    invert_long(source, tmp_path / "out.wav", near[0], **{**run, "max_iter": np.int64(4)})


@pytest.mark.parametrize("damage", [b"\xff\xfe", b"{}\n", b'{"samples": 3', b"null\n"])
def test_a_damaged_journal(damage, tmp_path, leave_unfinished, solved):
    source, _, keywords = save(tmp_path)
    run = {"sr": 8000, "piece": 40, **keywords, **RUN}
    leave_unfinished(source, tmp_path / "out.wav", **run)
    count = len(solved)
    journal = tmp_path / "out.wav.partial.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:3]) + damage)
    invert_long(source, tmp_path / "out.wav", **run)
    assert len(solved) == count + len(lines) - 3


def test_two_runs_at_once(tmp_path, monkeypatch):
    source, _, keywords = save(tmp_path)
    run = {"sr": 8000, "piece": 40, **keywords, **RUN}
    solve = piece_solver.PieceSolver.solve

    def another(self, piece):
        with pytest.raises(SpecInvError, match="is being written by another run"):
            invert_long(source, tmp_path / "out.wav", **run)
        return solve(self, piece)

    monkeypatch.setattr(piece_solver.PieceSolver, "solve", another)
    invert_long(source, tmp_path / "out.wav", **run)


def test_a_journal_without_samples(tmp_path, leave_unfinished, solved):
    """Samples that are not there are computed again."""
    source, _, keywords = save(tmp_path)
    run = {"sr": 8000, "piece": 40, **keywords, **RUN}
    leave_unfinished(source, tmp_path / "out.wav", **run)
    count = len(solved)
    draft = tmp_path / "out.wav.partial"
    draft.write_bytes(draft.read_bytes()[:-1])
    invert_long(source, tmp_path / "out.wav", **run)
    assert len(solved) == count + 1


def truncate(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])


def test_input_shorter_than_its_header_says(tmp_path):
    source, _, keywords = save(tmp_path)
    truncate(source, 0.9)
    with pytest.raises(SpecInvError, match=r"cannot be read as an array.*truncated"):
        invert_long(source, tmp_path / "out.wav", sr=8000, **keywords, **RUN)
    assert not list(tmp_path.glob("out*"))
    for suffix in ("wav", "flac"):
        audio = tmp_path / f"in.{suffix}"
        write_audio(audio, 0.1 * wave_of(40000).float(), 8000)
        truncate(audio, 0.7)
        run = {"n_fft": 64, "window": torch.hann_window(64), "piece": 200, **RUN}
        if suffix == "wav":
            # libsndfile takes the length of the file for the truth
            assert invert_long(audio, tmp_path / "out.wav", **run).samples < 40000
            continue
        with pytest.raises(SpecInvError, match=r"in.flac .*header promises"):
            invert_long(audio, tmp_path / "flac.wav", **run)
        assert (tmp_path / "flac.wav.partial").stat().st_size > 0


def test_a_fault_in_the_middle(tmp_path):
    source, magnitude, keywords = save(tmp_path)
    magnitude[1, 3, 200] = torch.nan
    np.save(source, magnitude.numpy())
    with pytest.raises(SpecInvError, match=r"frames 1.. to 2..: .*NaN"):
        invert_long(source, tmp_path / "out.wav", sr=8000, piece=40, **keywords, **RUN)
    lines = (tmp_path / "out.wav.partial.jsonl").read_text().splitlines()
    assert len([json.loads(line) for line in lines]) > 2


def test_loud_waves(tmp_path):
    source, magnitude, keywords = save(tmp_path)
    np.save(source, 10 * magnitude.numpy())
    run = {"sr": 8000, "piece": 40, "init": "zero", **keywords, **RUN}
    invert_long(source, tmp_path / "out.wav", **run)
    with pytest.warns(RuntimeWarning, match="would clip: it is scaled to 1"):
        invert_long(source, tmp_path / "out.flac", **run)
    wave, scaled = read(tmp_path / "out.wav"), read(tmp_path / "out.flac")
    assert (wave / wave.abs().max() - scaled).abs().max() < 1e-6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sr": None}, "does not tell its sample rate"),
        ({"algorithm": "auto"}, "Auto looks at the whole recording"),
        ({"algorithm": "lbfgs"}, "use amdr"),
        ({"init": "spis"}, "Did you mean 'spsi'"),
        ({"piece": 0}, "piece=0"),
        ({"max_iter": 0}, "max_iter=0"),
        ({"seed": -1}, "seed=-1"),
        ({"seed": 2**63}, "at most 63 bits"),
        ({"source": "text.npy"}, "expected numbers"),
        ({"n_fft": 128}, "n_fft=128 has 65 bins, but spec has 33 bins"),
        ({"length": 7}, "length=7"),
        ({"hop_length": 64}, "loses"),
        ({"pad_mode": "circular"}, "joins the ends"),
        ({"n_iter": 3}, "max_iter"),
        ({"output": "out.mp3"}, "can write"),
        ({"output": "nowhere/out.wav"}, "does not exist"),
        ({"source": "other.npy"}, "does not exist"),
        ({"source": "array.npz"}, "only .npy"),
        ({"source": "whole.npy"}, "expected floating"),
        ({"source": "line.npy"}, r"holds shape \(3,\)"),
    ],
)
def test_errors_come_first(tmp_path, change, message):
    save(tmp_path)
    np.savez(tmp_path / "array.npz", np.ones((33, 9)))
    np.save(tmp_path / "whole.npy", np.ones((33, 9), int))
    np.save(tmp_path / "line.npy", np.ones(3))
    np.save(tmp_path / "text.npy", np.full((33, 9), "a"))
    arguments = {
        "source": "magnitude.npy", "output": "out.wav", "sr": 8000, "window": hann(64), **RUN,
        **change,
    }  # fmt: skip
    if "hop_length" not in change and "length" not in change:
        arguments["hop_length"] = 16
    arguments |= {name: tmp_path / arguments[name] for name in ("source", "output")}
    with pytest.raises(SpecInvError, match=message):
        invert_long(**arguments)
    assert not list(tmp_path.glob("out*"))


def test_audio_brings_its_own_numbers(tmp_path):
    write_audio(tmp_path / "in.wav", 0.1 * wave_of(5000).float(), 8000)
    run = {"n_fft": 64, "window": torch.hann_window(64), **RUN}
    with pytest.raises(SpecInvError, match="8000 Hz of its own"):
        invert_long(tmp_path / "in.wav", tmp_path / "out.wav", sr=16000, **run)
    with pytest.raises(SpecInvError, match="has 5000 samples"):
        invert_long(tmp_path / "in.wav", tmp_path / "out.wav", length=4999, **run)
