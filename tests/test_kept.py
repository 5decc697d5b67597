"""Transforms that are kept for the next call, and those that are not."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
from torch.autograd import forward_ad

from tests.conftest import hann
from torch_specinv import STFT, invert
from torch_specinv.transform.kept import kept_stft
from torch_specinv.transform.ragged import RaggedSTFT


def test_transforms_are_kept_by_their_numbers():
    """A window that is written to after a call is another one."""
    spec, window = torch.rand(33, 80), hann(64, torch.float32)
    first = kept_stft(spec, window=window)
    assert kept_stft(torch.rand(2, 33, 80), window=window.clone()) is first
    assert kept_stft(spec, window="hann") is kept_stft(spec, window=torch.hann_window(64))
    window.mul_(2)
    second = kept_stft(spec, window=window)
    assert second is not first
    assert torch.equal(second.geometry.window, 2 * first.geometry.window)
    assert torch.equal(first.geometry.window, hann(64, torch.float32))
    others = (
        {"window": window, "hop_length": 8},
        {"window": window, "pad_mode": "constant"},
        {"window": window, "length": 1270},
        {"window": window.clone().requires_grad_()},
    )
    assert len({id(kept_stft(spec, **keywords)) for keywords in others} | {id(second)}) == 5
    assert kept_stft(spec.double(), window=window.double()).geometry.window.dtype == torch.float64
    with torch.inference_mode():
        assert kept_stft(spec, window=window) is not second
    for hop in range(1, 12):
        kept_stft(spec, window=window, hop_length=hop)
    assert kept_stft(spec, window=window) is not second  # only a few are
    # what a user builds is the user's own
    assert STFT.of(spec, window=window) is not STFT.of(spec, window=window)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script")
def test_derivatives_of_windows_are_not_lost_to_what_is_kept():
    spec, window = torch.rand(33, 80), hann(64, torch.float32)
    for _ in range(2):
        with forward_ad.dual_level():
            dual = forward_ad.make_dual(window.clone(), torch.ones(64))
            assert forward_ad.unpack_dual(kept_stft(spec, window=dual).gain).tangent is not None
    assert forward_ad.unpack_dual(kept_stft(spec, window=window).gain).tangent is None


def test_tables_and_transforms_of_ragged_batches_are_not_kept():
    """They would never be used again."""
    window, alive = hann(256, torch.float32), weakref.WeakSet()
    build = RaggedSTFT.__init__

    def counted(self, *args):
        build(self, *args)
        alive.add(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RaggedSTFT, "__init__", counted)
        for _ in range(3):
            invert(
                torch.rand(3, 129, 63), "griffin_lim", max_iter=2, window=window, verbose=False,
                lengths=[4000, 3500, 3000],
            )  # fmt: skip
    gc.collect()
    assert len(alive) == 0
