"""The tables of docs/compatibility.md: what they say runs, and is equal where they say so."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import auraloss
import librosa
import numpy as np
import pytest
import torch

import torch_specinv
from torch_specinv import losses

PAGE = (Path(__file__).parents[1] / "docs" / "compatibility.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(.+)` \| `(.+)` \| (.+) \|$", PAGE, re.MULTILINE)


def names():
    """What the calls of the tables are about."""
    generator = torch.Generator().manual_seed(0)
    x = 0.1 * torch.randn(2, 1, 8100, generator=generator)
    stereo = 0.1 * torch.randn(2, 2, 2, 4000, generator=generator)
    wave, w = x[0, 0], torch.hann_window(512)

    def transform(wave):
        return torch.stft(wave, 512, window=w, return_complex=True).abs()

    return {
        **{name: getattr(torch_specinv, name) for name in torch_specinv.__all__},
        **{name: getattr(losses, name) for name in losses.__all__},
        "nn": torch_specinv.nn, "torch": torch, "auraloss": auraloss, "librosa": librosa,
        "x": x, "y": x + 0.03 * torch.randn(x.shape, generator=generator),
        "stereo_x": stereo[0], "stereo_y": stereo[1],
        "S": transform(wave), "P": transform(wave) ** 2, "w": w, "transform": transform,
        "L": np.abs(librosa.stft(wave.double().numpy(), n_fft=512)),
        "M": librosa.feature.melspectrogram(y=0.1 * wave.numpy(), sr=22050)[:, :8],
    }  # fmt: skip


def test_all_rows_are_found():
    assert len(ROWS) > 40
    assert sum(result.startswith("equal") for *_, result in ROWS) > 18
    # other packages are not installed for this
    assert all(
        old.startswith(("auraloss", "librosa")) for old, _, result in ROWS
        if result.startswith("equal")
    )  # fmt: skip


@pytest.mark.parametrize(("old", "new", "result"), ROWS, ids=[new for _, new, _ in ROWS])
def test_the_call_runs_and_is_equal_where_it_says_so(old, new, result, capsys):
    known = names()
    found = eval(new, known)
    if isinstance(found, torch.nn.Module):
        found = found(known["S"])
    assert torch.isfinite(found.abs()).all()
    if result.startswith("equal"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the other package
            expected = torch.as_tensor(eval(old, known))
        level = float(expected.abs().max())
        assert torch.allclose(found.to(expected.dtype), expected, rtol=2e-5, atol=1e-5 * level)
