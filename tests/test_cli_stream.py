"""specinv stream: files, pipes, devices that are not there, Ctrl-C, and a user's function."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import sys
import threading
import time

import numpy as np
import pytest
import torch

from tests.conftest import hann
from torch_specinv import STFT, live, metrics
from torch_specinv.cli import main
from torch_specinv.comparing.signals import speech_like
from torch_specinv.io import read_audio, write_audio
from torch_specinv.mel import preset
from torch_specinv.online import Streaming

SR = 8000
STFT_KEYWORDS = {"n_fft": 256, "hop_length": 64, "window": hann(256, torch.float32)}
FLAGS = ["--n-fft", "256", "--hop-length", "64", "--max-iter", "4"]


def frames_of_noise(count):
    return torch.rand(count, 129, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_audio("speech.wav", speech_like(SR, 0.5), SR)
    return tmp_path


@pytest.fixture
def pipe_in(monkeypatch):
    """Let a file be the standard input."""
    with contextlib.ExitStack() as stack:

        def use(path):
            monkeypatch.setattr(sys, "stdin", stack.enter_context(path.open("rb")))

        yield use


def test_sound_to_sound(folder, capsys):
    assert main(["stream", "speech.wav", "-o", "again.wav", *FLAGS]) == 0
    wave, sr = read_audio("speech.wav")
    again, rate = read_audio("again.wav")
    assert (again.shape, rate) == (wave.shape, sr)
    stft = STFT.of_wave(wave, **STFT_KEYWORDS)
    assert metrics.sc(stft(again), stft(wave)) < -15
    told = capsys.readouterr()
    assert told.out == ""
    assert "63 blocks, 0.50 s of sound at 8000 Hz" in told.err
    assert "448 samples of the method (56.0 ms)" in told.err
    assert "underruns: 0" in told.err
    assert main(["stream", "speech.wav", "-o", "again.wav", *FLAGS]) == 2  # it is there


def test_mel_frames_to_raw_samples(folder, pipe_in, capfdbinary):
    mel = preset("hifigan").record(speech_like(22050, 0.3))
    mel[:, 9] = math.nan
    path = folder / "mel.raw"
    path.write_bytes(mel.T.contiguous().numpy().tobytes())
    raw = {}
    for name, dtype in (("s16", np.int16), ("f32", np.float32)):
        pipe_in(path)
        flags = ["--preset", "hifigan", "--max-iter", "2", "--look-ahead", "1", "--format", name]
        assert main(["stream", "-", "-o", "-", *flags]) == 0
        told = capfdbinary.readouterr()
        raw[name] = np.frombuffer(told.out, dtype)
        assert b"the last good one was held: 1" in told.err
    stream = Streaming(preset="hifigan", max_iter=2, look_ahead=1, on_nan="hold")
    expected = torch.cat([stream.push(mel), stream.flush()]).numpy()
    assert np.array_equal(raw["f32"], expected)
    assert np.abs(raw["s16"] / 32767 - expected.clip(-1, 1)).max() < 1 / 32767


def test_an_array_and_raw_linear_frames(folder, pipe_in, capsys):
    wave = speech_like(SR, 0.3)
    spec = STFT.of_wave(wave, **STFT_KEYWORDS)(wave)
    np.save("spec.npy", spec.numpy())
    (folder / "spec.raw").write_bytes(spec.T.contiguous().numpy().tobytes())
    flags = ["--sr", str(SR), "--hop-length", "64", "--init", "pghi", "--algorithm", "admm"]
    assert main(["stream", "spec.npy", "-o", "array.wav", "--realtime", *flags]) == 0
    assert "of waiting and computing" in capsys.readouterr().err
    pipe_in(folder / "spec.raw")
    assert main(["stream", "-", "-o", "raw.wav", "--rows", "129", *flags]) == 0
    (one, _), (other, _) = read_audio("array.wav"), read_audio("raw.wav")
    stream = Streaming(init="pghi", algorithm="admm", **STFT_KEYWORDS)
    expected = torch.cat([stream.push(spec), stream.flush()])
    assert (other[0] - expected).norm() < 0.01 * expected.norm()  # its window is rounded elsewhere
    # next to a busy core some samples may be late, which puts silence between
    assert one.shape[-1] >= other.shape[-1]


def test_ctrl_c_ends_the_input_and_keeps_what_came(folder, capsys):
    (folder / "stopping.py").write_text(
        "import signal\n"
        "count = 0\n"
        "def after_twenty(frames):\n"
        "    global count\n"
        "    count += 1\n"
        "    if count == 20:\n"
        "        signal.raise_signal(signal.SIGINT)\n"
        "    return frames\n"
    )
    before = signal.getsignal(signal.SIGINT)
    flags = [*FLAGS, "--function", "stopping:after_twenty"]
    assert main(["stream", "speech.wav", "-o", "part.wav", *flags]) == 0
    assert signal.getsignal(signal.SIGINT) is before
    assert read_audio("part.wav")[0].shape == (1, 20 * 64)
    assert "20 blocks" in capsys.readouterr().err


def test_ctrl_c_while_nothing_comes(folder, capsys):
    """A model that has stopped, and whose pipe stays open."""
    reading, writing = os.pipe()
    os.write(writing, frames_of_noise(20).numpy().tobytes())
    reports = []

    class Report(live.LiveReport):
        def __init__(self):
            super().__init__()
            reports.append(self)

    def interrupt():
        """When all that came has been taken, however long that takes."""
        while not (reports and reports[0].blocks == 20):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    with os.fdopen(reading, "rb") as source, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", source)
        patch.setattr(live, "LiveReport", Report)
        threading.Thread(target=interrupt, daemon=True).start()
        flags = [*FLAGS, "--rows", "129", "--sr", str(SR), "--algorithm", "admm"]
        assert main(["stream", "-", "-o", "part.wav", *flags]) == 0
        os.close(writing)  # or the thread that reads would wait for ever
    assert read_audio("part.wav")[0].shape == (1, 19 * 64)
    assert "20 blocks" in capsys.readouterr().err


def test_a_users_function(folder, capsys):
    (folder / "mine.py").write_text(
        "def halve(frames):\n    return frames / 2\n"
        "def fails(frames):\n    raise RuntimeError('no weights')\n"
        "def transposed(frames):\n    return frames.mT\n"
        "def forgets(frames):\n    pass\n"
    )

    def stream(function):
        command = ["stream", "speech.wav", "-o", "made.wav", "--force", *FLAGS]
        code = main([*command, "--function", function])
        return code, capsys.readouterr().err

    assert stream("mine:halve")[0] == 0
    peaks = [float(read_audio(name)[0].square().mean()) for name in ("made.wav", "speech.wav")]
    assert 0.2 < peaks[0] / peaks[1] < 0.3
    for function, message in (
        ("mine:fails", "fails raised RuntimeError for frames of shape (129, 1): no weights"),
        ("mine:transposed", "transposed returned shape (1, 129), expected a tensor of the shape"),
        ("mine:forgets", "forgets returned NoneType"),
        ("mine:other", "mine has no function 'other'"),
        ("nowhere:other", "can't be imported (ModuleNotFoundError"),
        ("mine", "expected module:function"),
    ):
        code, told = stream(function)
        assert code == 2
        assert message in told


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["none.wav", "-o", "out.wav"], "none.wav"),
        (["speech.wav", "-o", "out.flac"], "expected speaker, - or a .wav file"),
        (["speech.wav", "-o", "out.wav", "--sr", "16000"], "sampled at 8000 Hz"),
        (["speech.wav", "-o", "out.wav", "--preset", "hifigan"], "a recipe is for frames"),
        (["speech.wav", "-o", "out.wav", "--center", "true"], "no centred frames"),
        (["speech.wav", "-o", "out.wav", "--look-ahead", "9"], "look_ahead=9: at most 3"),
        (["speech.wav", "-o", "out.wav", "--algorithm", "lbfgs"], "no pointwise rule"),
        (["speech.wav", "-o", "-", "--format", "s24"], "--format='s24' is unknown"),
        (["speech.wav", "-o", "-", "--ahead", "-1"], "--ahead=-1"),
        (["-", "-o", "-", "--sr", "8000"], "pass --preset, --n-fft, or --rows"),
        (["-", "-o", "-", "--rows", "129"], "pass --sr"),
        (["-", "-o", "-", "--rows", "81", "--preset", "hifigan"], "81 rows, but the preset"),
        (["mic", "-o", "out.wav", "--sr", "0"], "sr=0"),
        (["batch.npy", "-o", "out.wav", "--sr", "8000"], "expected one spectrogram"),
        (["mic", "-o", "speaker"], "need the package sounddevice"),
    ],
)
def test_bad_input(folder, monkeypatch, capsys, flags, message):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    np.save("batch.npy", np.ones((2, 129, 4), np.float32))
    assert main(["stream", *flags]) == 2
    assert message in capsys.readouterr().err
