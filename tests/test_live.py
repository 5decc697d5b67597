"""Sound while it is made: chains of blocks, pipes, pace, and silence where samples are late."""

from __future__ import annotations

import os
import time

import pytest
import torch

from tests.conftest import hann
from torch_specinv import STFT, metrics
from torch_specinv.comparing.signals import speech_like
from torch_specinv.live import (
    AudioChain,
    FrameChain,
    LiveReport,
    Stop,
    live,
    paced,
    pipe_frames,
    quantile,
)
from torch_specinv.online import Streaming
from torch_specinv.transform.geometry import ConventionWarning
from torch_specinv.transform.read_geometry import read_geometry

SR = 8000
STFT_KEYWORDS = {"n_fft": 256, "hop_length": 64, "window": hann(256, torch.float32)}


def sound_chain(function=None, **keywords):
    stft = {**STFT_KEYWORDS, "center": False}
    g = read_geometry(129, 1, torch.float32, torch.device("cpu"), None, stft, check_pad=False)
    return AudioChain(Streaming(**keywords, **stft), g, function)


@pytest.mark.parametrize("length", [1, 63, 64, 65, 1000])
@pytest.mark.parametrize("size", [64, 50, 200])
def test_sound_in_blocks_has_its_length(length, size):
    wave = speech_like(SR, 0.2)[:length]
    chains = [sound_chain(max_iter=2) for _ in range(2)]
    parts = [chains[0].push(block) for block in wave.split(size)]
    found = torch.cat([*parts, chains[0].flush()])
    assert found.shape == (length,)
    # blocks of another size make no difference
    whole = torch.cat([chains[1].push(wave), chains[1].flush()])
    assert (found - whole).abs().max() < 1e-5
    assert sound_chain().flush().shape == (0,)


def test_sound_is_where_it_was_and_a_function_changes_it():
    wave = speech_like(SR, 0.5)
    stft = STFT.of_wave(wave, **STFT_KEYWORDS)
    for function, gain in ((None, 1.0), (lambda frames: frames / 2, 0.5)):
        chain = sound_chain(function)
        found = torch.cat([chain.push(wave), chain.flush()])
        assert metrics.sc(stft(found), gain * stft(wave)) < -15


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_frames_from_a_pipe(size):
    frames = torch.rand(9, 5)
    data = frames.numpy().tobytes()
    reading, writing = os.pipe()
    for begin in range(0, len(data), size):
        os.write(writing, data[begin : begin + size])
    os.close(writing)
    assert torch.equal(torch.stack(list(pipe_frames(reading, 5))), frames)
    os.close(reading)


def test_a_pipe_that_ends_within_a_frame():
    reading, writing = os.pipe()
    os.write(writing, bytes(30))
    os.close(writing)
    with pytest.warns(ConventionWarning, match="10 bytes into a frame of 5 float32"):
        assert len(list(pipe_frames(reading, 5))) == 1
    os.close(reading)


def frames_of_noise(count):
    return torch.rand(count, 129, generator=torch.Generator().manual_seed(1))


def heard(source, **keywords):
    chain, report = FrameChain(Streaming(max_iter=1, look_ahead=0, **STFT_KEYWORDS)), LiveReport()
    parts = list(live(source, chain, report, Stop(), **keywords))
    return torch.cat(parts), report


def test_a_slow_producer_gives_silence_and_no_noise():
    frames = frames_of_noise(20)
    expected, report = heard(frames)
    assert report.underruns == 0
    assert (report.blocks, report.samples) == (20, len(expected))

    def slow():
        yield from frames[:10]
        time.sleep(0.4)
        yield from frames[10:]

    found, report = heard(slow(), pace=0.01, ahead=2)
    # ten blocks and the two ahead last 0.12 s, so that silence begins there
    assert report.underruns >= 20
    assert len(found) == len(expected) + 64 * report.underruns
    early = 9 * 64 - 64  # ten frames finish ten hops, half a frame of which is padding
    assert torch.equal(found[:early], expected[:early])
    blocks = list(found.split(64))
    silent = [i for i, block in enumerate(blocks[:-1]) if (block == 0).all()]
    assert len(silent) == report.underruns
    left = torch.cat([block for i, block in enumerate(blocks) if i not in silent])
    assert torch.equal(left, expected)


def test_files_at_their_own_pace():
    began = time.perf_counter()
    arrived = [time.perf_counter() - began for _ in paced(range(5), 0.02)]
    assert all(seconds >= 0.02 * i for i, seconds in enumerate(arrived, 1))


def test_quantiles():
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert quantile([3.0, 1.0, 2.0], 0.999) == 3.0
    assert quantile([], 0.5) == 0.0
