"""The doctor of arrays that are no plain spectrograms: waves, phases, statistics, few values."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.doctor import cases
from benchmarks.doctor import magnitude as magnitude_of
from tests.conftest import hann, magnitude
from tests.doctor_cases import recorded, run
from torch_specinv import SpecInvError, diagnose, metrics
from torch_specinv.comparing.signals import music_like, speech_like
from torch_specinv.mel import preset


def test_what_is_not_a_spectrogram():
    wave = speech_like(16000, 1.0)
    assert diagnose(wave).kind == "a waveform"
    assert diagnose(wave.expand(2, -1)).kind == "a waveform"
    assert diagnose(wave[:, None].expand(-1, 2)).kind == "a waveform"
    spectrum = torch.stft(wave, 512, window=hann(512, torch.float32), return_complex=True)
    assert diagnose(spectrum).kind == "a complex spectrum"
    real = torch.view_as_real(spectrum)
    pairs = diagnose(real)
    assert "pairs" in pairs.kind
    again = magnitude(run(pairs.call.replace("n_fft", "512"), real), 512)
    assert metrics.sc(again, spectrum.abs()) < -15


@pytest.mark.parametrize("value", [0.0, 1.0, -3.0])
def test_a_constant_tells_nothing(value):
    found = diagnose(torch.full((80, 100), value))
    assert not found.sure
    assert found.kind == "unknown"
    assert f"{value:g}" in str(found)


def test_values_that_are_not_finite():
    wave = speech_like(22050, 2.0)
    logs = magnitude(wave, 1024)
    logs = logs + 1e-6
    logs[:, :10] = 0
    found = diagnose(logs.log())
    assert found.unit == "natural logarithm of a magnitude"
    assert any("5130 values are infinite: the logarithm of silence" in note for note in found.notes)
    logs[3, 3] = torch.nan
    assert "NaN" in str(diagnose(logs))


def test_numbers_of_every_sort():
    wave = speech_like(22050, 2.0)
    spec = magnitude(wave, 1024)
    for other in (spec.half(), spec.double(), spec.numpy(), spec.tolist(), spec[None, None]):
        assert diagnose(other).unit == "magnitude"
    batch = torch.stack([spec, torch.zeros_like(spec)])
    assert diagnose(batch).unit == "magnitude"
    image = 255 * (spec.clamp_min(1e-4).log() - np.log(1e-4)) / (spec.max().log() - np.log(1e-4))
    found = diagnose(image.byte())
    assert found.unit == "a logarithm stretched to its own range"
    for bad in ("text", None, torch.zeros(0, 3)):
        with pytest.raises(SpecInvError, match="spec"):
            diagnose(bad)
    with pytest.raises(SpecInvError, match="nothing but NaN"):
        diagnose(torch.full((80, 100), torch.nan))
    with pytest.raises(SpecInvError, match="sr='x'"):
        diagnose(spec, sr="x")


def test_arrays_as_numpy_has_them():
    spec = magnitude(speech_like(22050, 2.0), 1024).numpy()
    for other in (spec[::-1][::-1], spec.astype(">f4"), spec.astype(object), spec.astype("g")):
        found = diagnose(other)
        assert found.unit == "magnitude"
        assert "torch.as_tensor" in str(found)
    sparse = torch.from_numpy(spec).to_sparse()
    assert diagnose(sparse).unit == "magnitude"


def test_extreme_and_few_values():
    spec = magnitude(speech_like(22050, 2.0), 1024).double()
    assert not diagnose(1e200 * torch.rand(80, 100).double()).sure
    assert diagnose(spec > spec.mean()).kind == "unknown"
    assert diagnose(torch.zeros(1, 1)).kind == "a waveform" or not diagnose(torch.zeros(1, 1)).sure


def test_long_arrays_are_cut():
    """Rows that no transform has are frames; looking at them as bins would take minutes."""
    spec = magnitude(speech_like(22050, 2.0), 512)
    long = spec.repeat(1, 120)
    assert long.shape[1] > 40000
    for array, transposed in ((long, False), (long.mT, True)):
        found = diagnose(array)
        assert (found.unit, found.transposed) == ("magnitude", transposed)


def test_noise_of_no_kind_is_not_sure():
    """Numbers that no spectrogram looks like: whatever it says, not with confidence."""
    generator = torch.Generator().manual_seed(0)
    for rows, frames in ((80, 300), (97, 301), (300, 300), (513, 200), (128, 500)):
        for draw in (torch.rand, torch.randn):
            assert not diagnose(draw(rows, frames, generator=generator)).sure


@pytest.mark.parametrize("sound", ["speech", "music"])
@pytest.mark.parametrize("n_fft", [512, 1024, 2048])
def test_a_dropped_nyquist_bin(sound, n_fft):
    make = {"speech": speech_like, "music": music_like}[sound]
    truth = magnitude(make(16000, 2.0), n_fft)
    for array, flags in (
        (truth[:-1], "--append-nyquist"),
        (truth[:-1].clamp_min(1e-5).log(), "--append-nyquist --log ln"),
    ):
        found = diagnose(array)
        assert (found.kind, found.nyquist) == ("linear", False)
        assert found.sure or n_fft == 512  # 256 rows may be mel bands
        assert "without the Nyquist bin" in found.what
        assert found.command == f"specinv invert FILE -o out.wav --sr HZ {flags}"
    # the call runs as it stands
    assert metrics.sc(magnitude(run(found.call, array), n_fft), truth) < -15


@pytest.mark.parametrize("over", [(0, 1), (1,)])
def test_standardised_values_need_their_statistics(over):
    p = preset("tacotron2")
    ln = next(cases("tacotron2", recorded("speech", p.mel.sr))).array
    mean, std = ln.mean(over, keepdim=True), ln.std(over, keepdim=True)
    found = diagnose((ln - mean) / std)
    assert "standardised" in found.unit
    assert "shift=mean, scale=std" in found.call
    assert "mean and standard deviation" in str(found)
    assert "--stats STATISTICS.npz" in found.command


def test_a_phase_and_real_and_imaginary_parts():
    window = hann(512, torch.float32)
    spectrum = torch.stft(speech_like(16000, 1.0), 512, window=window, return_complex=True)
    assert diagnose(spectrum.angle()).kind == "phase"
    channels = torch.stack([spectrum.real, spectrum.imag])
    found = diagnose(channels[None])
    assert "two channels" in found.kind
    again = magnitude(run(found.call, channels), 512)
    assert metrics.sc(again, spectrum.abs()) < -15


@pytest.mark.parametrize("mean", [-0.9, 0.9])
def test_statistics_of_other_recordings(mean):
    """With these an array is near mean 0 and deviation 1 only: nothing else is said for sure."""
    for name in ("hifigan", "kaldi"):
        ln = magnitude_of(name, recorded("speech", preset(name).mel.sr)).clamp_min(1e-5).log()
        found = diagnose((ln - ln.mean()) / ln.std() * 0.9 + mean)
        assert not found.sure or "standardised" in found.unit


def test_a_phase_with_silence():
    """Digital silence has no phase, and 0 in its place."""
    wave = torch.cat([speech_like(16000, 1.0), torch.zeros(32000)])
    spectrum = torch.stft(wave, 512, window=hann(512, torch.float32), return_complex=True)
    angles = spectrum.angle()
    assert float((angles == 0).float().mean()) > 0.5
    assert diagnose(angles).kind == "phase"
    assert diagnose(spectrum.abs().clamp_max(torch.pi)).kind != "phase"
    assert diagnose(torch.zeros(257, 100)).kind != "phase"
