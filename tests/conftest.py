"""What all tests share: seeds, clips, windows, folders, and what it means to be skipped."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from torch_specinv.comparing import dnsmos, music
from torch_specinv.comparing.signals import CLIPS
from torch_specinv.io import write_audio

# for processes of their own, which pretend that there is a device
collect_ignore_glob = ["device/*"]
EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"

torch.set_num_threads(1)  # on tensors this small, threads only wait for each other


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


# A job that is to try a GPU must not skip all of its tests without a word.
_NO_GPU = bool(os.environ.get("TORCH_SPECINV_ALLOW_NO_GPU"))


def pytest_runtest_setup(item):
    if "gpu" in item.keywords and not torch.cuda.is_available():
        if _NO_GPU:
            pytest.skip("no CUDA device")
        pytest.fail("no CUDA device; TORCH_SPECINV_ALLOW_NO_GPU=1 skips this", pytrace=False)


# Where all that tests need has been installed, no test may be skipped.
_ALL = bool(os.environ.get("TORCH_SPECINV_NO_SKIPS"))


def _refuse_skip(report):
    skipped = report.outcome == "skipped" and not hasattr(report, "wasxfail")
    allowed = _NO_GPU and "no CUDA device" in str(report.longrepr)
    if _ALL and skipped and not allowed:
        report.longrepr = f"may not be skipped here: {report.longrepr}"
        report.outcome = "failed"
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport():
    return _refuse_skip((yield))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report():
    return _refuse_skip((yield))


def hann(n: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.hann_window(n, dtype=dtype)


def magnitude(wave: Tensor, n_fft: int = 256, **keywords) -> Tensor:
    """The magnitude of (..., samples) with a Hann window."""
    keywords.setdefault("window", hann(n_fft, wave.dtype))
    flat = wave.reshape(-1, wave.shape[-1])
    spec = torch.stft(flat, n_fft, return_complex=True, **keywords).abs()
    return spec.reshape(*wave.shape[:-1], *spec.shape[-2:])


@pytest.fixture(scope="session")
def speech() -> Tensor:
    """A quarter of a second of 8 kHz speech-like sound, float64."""
    return CLIPS["speech"](sr=8000, seconds=0.6)[1200:3200].double()


@pytest.fixture(scope="session")
def clips() -> Tensor:
    """Eight different clips of 2048 samples, float64: one silent, one 80 dB quieter."""
    long = torch.stack([CLIPS[name](sr=8000, seconds=1.2, seed=3) for name in CLIPS]).double()
    rows = [long[i % 2, 700 * (i + 1) : 700 * (i + 1) + 2048] for i in range(8)]
    batch = torch.stack(rows)
    batch[2] = 0
    batch[5] *= 1e-4
    return batch


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory: half a second of speech, speech.wav, and its magnitude, mag.npy."""
    monkeypatch.chdir(tmp_path)
    wave = CLIPS["speech"](sr=16000, seconds=0.5)
    write_audio("speech.wav", wave, 16000)
    np.save("mag.npy", magnitude(wave, 512).numpy())
    return tmp_path


@pytest.fixture
def no_packages(monkeypatch):
    """None of the packages that score sounds is installed."""
    for name in ("pesq", "pystoi", "visqol", "speechmos.dnsmos"):
        monkeypatch.setitem(sys.modules, name, None)
    for scores in (music, dnsmos):
        scores._measure.cache_clear()
    yield
    for scores in (music, dnsmos):
        scores._measure.cache_clear()


@pytest.fixture(scope="module")
def known_phase():
    """The class of the worked example of constraints."""
    spec = importlib.util.spec_from_file_location("known_phase_tested", EXAMPLES / "known_phase.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # a dataclass looks itself up there
    spec.loader.exec_module(module)
    yield module.KnownPhase
    del sys.modules[spec.name]
