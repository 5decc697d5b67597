"""SPSI by compiled code, by tensors in blocks, and by a plain loop: all the same phases."""

from __future__ import annotations

import math
from ctypes import c_int64

import numpy as np
import pytest
import torch

from tests.conftest import hann, magnitude
from tests.native_cases import needs_library
from tests.reference.formulas import spsi as spsi_by_loop
from torch_specinv import STFT, native
from torch_specinv.native.library import Outcome, library
from torch_specinv.phase import spsi as by_stft
from torch_specinv.phase.spsi import follow
from torch_specinv.transform.windows import centroid

SHAPES = [(1, 90, 33), (3, 40, 65), (2, 1, 17), (4, 9, 1), (2, 9, 2), (2, 30, 3), (1, 1, 1)]
KINDS = ["noise", "few values", "tones", "silence", "silent frames", "slopes", "huge"]
TURN = 2**60


def made(kind, shape, seed=0):
    """Return magnitudes (batch, frames, bins) in float64."""
    generator = torch.Generator().manual_seed(seed)
    s = torch.rand(shape, generator=generator, dtype=torch.float64)
    if kind == "few values":
        s = (s * 3).round()
    elif kind == "tones":
        k = torch.arange(shape[2], dtype=torch.float64)
        places = torch.rand(shape[0], 1, 5, 1, generator=generator) * shape[2]
        s = torch.exp(-((k - places) ** 2)).sum(2) + 1e-4 * s
    elif kind == "silence":
        s = torch.zeros_like(s)
    elif kind == "silent frames":
        s[:, ::3] = 0
        s[:, 1::3] = 1
    elif kind == "slopes":
        s[:, ::2] = s[:, ::2].sort(-1).values
        s[:, 1::4] = s[:, 1::4].sort(-1, descending=True).values
    elif kind == "huge":
        s = s * torch.finfo(torch.float32).max
    return s


def inputs(bins, hop_length=37, n_fft=128, delay=0.4711):
    """Return what `follow` is told besides the magnitude."""
    carrier = [k * hop_length % n_fft * TURN // n_fft for k in range(bins)]
    return torch.tensor(carrier), hop_length / n_fft, round(delay * TURN)


@pytest.mark.sanitized
@needs_library
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_compiled_code_gives_the_same_phases(kind, shape, dtype):
    """To the last digit, however the magnitude lies in memory."""
    s = made(kind, shape).to(dtype)
    told = inputs(shape[2])
    compiled = native.follow(s, *told)
    assert compiled.dtype == dtype
    assert torch.equal(compiled, follow(s, *told))
    assert torch.equal(compiled, native.follow(s.mT.contiguous().mT, *told))
    wider = torch.cat([s, 1 - s], 2)[:, :, : shape[2]]
    assert torch.equal(compiled, native.follow(wider, *told))


@pytest.mark.sanitized
@needs_library
@pytest.mark.parametrize("hop_length", [1, 128, 1000])
def test_any_hop(hop_length):
    s = made("noise", (2, 60, 65))
    told = inputs(65, hop_length)
    assert torch.equal(native.follow(s, *told), follow(s, *told))


@pytest.mark.without_native
@pytest.mark.parametrize("kind", KINDS)
def test_neither_blocks_nor_the_batch_change_anything(kind):
    s, told = made(kind, (3, 50, 33)), inputs(33)
    whole = follow(s, *told)
    for item, phase in zip(s, whole, strict=True):
        assert torch.equal(follow(item[None], *told)[0], phase)
    for frames in (1, 7, 49, 50):
        assert torch.equal(follow(s, *told, block=frames), whole)


@pytest.mark.without_native
@pytest.mark.parametrize("hop_length", [16, 27])
def test_the_loop_to_nine_digits(hop_length):
    """With a window whose centre is no round number."""
    window = hann(64) * torch.exp(-torch.arange(64, dtype=torch.float64) / 10)
    s = torch.cat([made("noise", (2, 300, 33)), made("tones", (2, 300, 33))]).mT
    stft = STFT.of(s, window=window, hop_length=hop_length, center=False)
    delay = 2 * math.pi * centroid(window) / 64
    for item, phase in zip(s, by_stft(s, stft), strict=True):
        turns = (phase.numpy() - spsi_by_loop(item.numpy(), hop_length, 64, delay)) / (2 * np.pi)
        assert np.abs(turns - np.round(turns)).max() < 1e-9


@pytest.mark.without_native
def test_single_precision_is_double_precision_rounded(clips):
    spec = magnitude(clips, 256).float()
    stft = STFT.of(spec, window=torch.hann_window(256))
    single, double = by_stft(spec, stft), by_stft(spec.double(), stft)
    assert single.dtype == torch.float32
    assert torch.equal(single, double.float())


@pytest.mark.sanitized
@needs_library
def test_sizes_that_do_not_fit_are_refused():
    s = made("noise", (2, 5, 9))
    carrier, ratio, delay = inputs(9)
    phase = torch.full_like(s, 7)

    def call(shape=(2, 5, 9), sizes=(90, 9, 90), size=8):
        return library().specinv_follow(
            s.data_ptr(), size, (c_int64 * 3)(*shape), carrier.data_ptr(), ratio, delay,
            phase.data_ptr(), (c_int64 * 3)(*sizes),
        )  # fmt: skip

    for shape in ((2, 5, 10), (3, 5, 9), (-2, -5, 9), (0, 5, 9), (2**40, 2**40, 9)):
        assert call(shape=shape) == Outcome.WRONG
    for sizes in ((89, 9, 90), (90, 8, 90), (90, 9, 89)):
        assert call(sizes=sizes) == Outcome.WRONG
    assert call(size=2) == Outcome.WRONG
    assert (phase == 7).all()
    assert call() == Outcome.DONE
    with pytest.raises(AssertionError, match="do not fit"):
        native.follow(s, carrier[1:], ratio, delay)
