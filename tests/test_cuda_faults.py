"""What CUDA does otherwise than a CPU, tried on a CPU."""

from __future__ import annotations

import pytest
import torch

from tests.conftest import hann, magnitude
from torch_specinv import SpecInvError, invert, losses
from torch_specinv.engines import ChunkedEngine, TorchEngine
from torch_specinv.mel import MelSpec
from torch_specinv.phase import PHASES
from torch_specinv.solve import ALGORITHMS
from torch_specinv.transform.padding import pad, reflect

RUN = {"window": hann(256), "max_iter": 6, "verbose": False, "tol": 0, "backend": "torch"}


@pytest.fixture
def cuffts_irfft(monkeypatch):
    """cuFFT of 8192 and 16384 does not drop the imaginary parts of bins 0 and n/2.

    Measured on an H200, and reported as pytorch#154496: half the transform of half the length is
    made of their sum and difference.
    """
    exact = torch.fft.irfft
    seen = []

    def irfft(spectrum, n=None, dim=-1, norm=None):
        assert dim == -1
        n = 2 * (spectrum.shape[-1] - 1) if n is None else n
        wave = exact(spectrum, n, norm=norm).clone()
        first, last = spectrum[..., :1].imag, spectrum[..., n // 2 : n // 2 + 1].imag
        seen.append(float(torch.maximum(first.abs(), last.abs()).detach().max()))
        unit = exact(torch.ones(1, dtype=spectrum.dtype), n, norm=norm)[0]
        wave[..., 0::2] -= (first + last) * unit
        wave[..., 1::2] += (first - last) * unit
        return wave

    monkeypatch.setattr(torch.fft, "irfft", irfft)
    return exact, irfft, seen


def test_the_pretended_irfft_is_the_one_that_was_seen(cuffts_irfft):
    exact, irfft, _ = cuffts_irfft
    spectrum = torch.zeros(5, dtype=torch.complex128)
    spectrum[0] = 8 * (1 + 100j)
    assert exact(spectrum, 8).tolist() == [1] * 8
    assert irfft(spectrum, 8).tolist() == [-99, 101] * 4


@pytest.mark.parametrize("name", [n for n in ALGORITHMS if ALGORITHMS[n].takes_start])
def test_real_bins_are_real_wherever_they_come_from(clips, name, monkeypatch, cuffts_irfft):
    """So the waves are the same as with an irfft that drops what is imaginary there."""
    exact, irfft, seen = cuffts_irfft
    spectrum = torch.stft(clips, 256, window=hann(256), return_complex=True)
    spectrum = torch.polar(spectrum.abs(), torch.randn(spectrum.shape, dtype=torch.float64))
    starts = [{}, {"init": torch.randn(spectrum.shape, dtype=torch.float64)}]
    for spec, more in [(spectrum, {}), *[(spectrum.abs(), start) for start in starts]]:
        waves = []
        for function in (exact, irfft):
            monkeypatch.setattr(torch.fft, "irfft", function)
            waves.append(invert(spec, name, **RUN, **more).wave)
        assert (waves[0] - waves[1]).abs().max() < 1e-9
    assert seen


@pytest.mark.parametrize("name", list(PHASES))
def test_real_bins_are_real_after_every_start(clips, name, monkeypatch, cuffts_irfft):
    exact, irfft, _ = cuffts_irfft
    waves = []
    for function in (exact, irfft):
        monkeypatch.setattr(torch.fft, "irfft", function)
        generator = torch.Generator().manual_seed(1)
        spec = magnitude(clips)
        waves.append(invert(spec, "griffin_lim", init=name, generator=generator, **RUN).wave)
    assert (waves[0] - waves[1]).abs().max() < 1e-9


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (torch.OutOfMemoryError, "CUDA out of memory. Tried to allocate 20.00 MiB."),
        (RuntimeError, "cuFFT error: CUFFT_ALLOC_FAILED"),
        (RuntimeError, "cuFFT error: CUFFT_INTERNAL_ERROR"),
        (RuntimeError, "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"),
        (torch.AcceleratorError, "CUDA error: out of memory\nSearch for `cudaErrorMemory`"),
        (RuntimeError, "MPS backend out of memory (MPS allocated: 9.00 GB)"),
    ],
)  # fmt: skip
def test_a_full_device_is_recognised(clips, monkeypatch, kind, words):
    start = ChunkedEngine.start

    def limited(self, spectrum):
        if len(spectrum) > 3:
            raise kind(words) if kind is not torch.AcceleratorError else _accelerator(words)
        return start(self, spectrum)

    monkeypatch.setattr(ChunkedEngine, "start", limited)
    run = {**RUN, "backend": "chunked"}
    with pytest.warns(RuntimeWarning, match="8 items do not fit .*: 2 did"):
        invert(magnitude(clips), "griffin_lim", **run)


def _accelerator(words):
    try:
        return torch.AcceleratorError(words)
    except TypeError:  # some versions ask for a number as well
        return torch.AcceleratorError(words, 2)


def test_another_error_is_no_full_device(clips, monkeypatch):
    def broken(self, spectrum):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(TorchEngine, "start", broken)
    with pytest.raises(RuntimeError, match="illegal"):
        invert(magnitude(clips), "griffin_lim", **RUN)


def test_reflection_is_the_same_where_it_must_be_deterministic():
    wave = torch.randn(2, 50, dtype=torch.float64, requires_grad=True)
    usual = reflect(wave, 20)
    torch.use_deterministic_algorithms(True)
    try:
        strict = reflect(wave, 20)
        assert type(strict.grad_fn) is not type(usual.grad_fn)
    finally:
        torch.use_deterministic_algorithms(False)
    assert torch.equal(usual, strict)
    assert torch.equal(strict, pad(wave, 20, "reflect"))
    weight = torch.randn_like(usual)
    grads = [torch.autograd.grad((weight * x).sum(), wave)[0] for x in (usual, strict)]
    assert torch.allclose(*grads)


def test_a_loss_may_be_a_number():
    stft = lambda x: torch.fft.rfft(x)  # noqa: E731
    x, y = torch.randn(2, 400)
    found = losses.time_frequency_loss(
        x, y, stft, [lambda a, b: 0.5, lambda a, b: 1], weights=[1, 2]
    )
    assert float(found) == 2.5


def test_the_bank_of_a_mel_spectrogram_is_made_once(monkeypatch):
    made = []
    bank = MelSpec.bank
    monkeypatch.setattr(MelSpec, "bank", lambda self, *a: made.append(a) or bank(self, *a))
    mel, spec = MelSpec(8000), torch.rand(65, 9)
    first = mel.record(spec, 8)
    assert torch.equal(mel.record(spec, 8), first)
    assert len(made) == 1
    assert mel.record(spec.double(), 8).dtype == torch.float64
    assert mel.record(spec, 9).shape[0] == 9
    assert len(made) == 3
    assert mel == MelSpec(8000)


def test_lengths_are_read_at_once(clips):
    lengths = torch.tensor([2048] * 7 + [1700])
    spec = magnitude(clips)
    found = [
        invert(spec, "griffin_lim", lengths=n, **RUN).wave for n in (lengths, lengths.tolist())
    ]
    assert torch.equal(*found)
    with pytest.raises(SpecInvError, match="lengths"):
        invert(spec, "griffin_lim", lengths=lengths[:3], **RUN)
