"""Messages that name the likely cause, and none that sends people the wrong way."""

from __future__ import annotations

import re

import pytest
import torch

import torch_specinv
from tests.conftest import hann
from torch_specinv import (
    L_BFGS,
    ConventionWarning,
    GriffinLim,
    SpecInvError,
    griffin_lim,
    invert,
    mel_to_audio,
    phase_init,
)
from torch_specinv.comparing.signals import CLIPS, speech_like
from torch_specinv.mel import preset

QUIET = {"window": "hann", "verbose": False}
PARTS_LAST = r"torch\.view_as_complex\(spec\.contiguous\(\)\)"
PARTS_FIRST = r"torch\.complex\(spec\[\.\.\., 0, :, :\], spec\[\.\.\., 1, :, :\]\)"
CLAMP = r"spec\.clamp\(min=0\)"
LOGARITHM = r"Undo the logarithm first"


def spectrum(wave, n_fft=512):
    window = torch.hann_window(n_fft)
    return torch.stft(wave.float(), n_fft, window=window, return_complex=True)


SOUNDS = {name: make() for name, make in CLIPS.items()}
SOUNDS["noise"] = torch.randn(16000, generator=torch.Generator().manual_seed(0))
SPECTRA = {name: spectrum(wave) for name, wave in SOUNDS.items()}
SPEECH = spectrum(speech_like())


def only(spec, message):
    """See that the message names one cause, and none of the others."""
    with pytest.raises(SpecInvError, match="spec holds negative values") as caught:
        griffin_lim(spec, **QUIET)
    told = str(caught.value)
    for other in (PARTS_LAST, PARTS_FIRST, CLAMP, LOGARITHM):
        assert bool(re.search(other, told)) == (other == message), told
    assert len(told) < 600


@pytest.mark.parametrize("name", SPECTRA)
def test_real_and_imaginary_parts(name):
    """Pairs as of torch.view_as_real, and channels; what is advised then gives sound."""
    complex_ = SPECTRA[name]
    pairs, channels = torch.view_as_real(complex_), torch.stack([complex_.real, complex_.imag])
    only(pairs, PARTS_LAST)
    only(pairs[None], PARTS_LAST)
    only(channels, PARTS_FIRST)
    only(channels[None].expand(3, -1, -1, -1), PARTS_FIRST)
    only(channels.numpy(), PARTS_FIRST)
    assert torch.equal(torch.view_as_complex(pairs.contiguous()), complex_)
    assert torch.equal(torch.complex(channels[..., 0, :, :], channels[..., 1, :, :]), complex_)


@pytest.mark.parametrize("name", SPECTRA)
def test_logarithms_are_not_taken_for_parts_or_for_clipping_noise(name):
    magnitude = SPECTRA[name].abs()
    log = (magnitude + 1e-5).log()
    decibels = 20 * torch.log10(magnitude.clamp_min(1e-5))
    frames = log.shape[-1] // 2
    two = torch.stack([log[:, :frames], log[:, -frames:]])
    standard = (two - two.mean()) / two.std()
    banded = (two - two.mean(-1, keepdim=True)) / (two.std(-1, keepdim=True) + 1e-5)
    for spec in (log, decibels, two, standard, banded, log[None, :, :2]):
        only(spec, LOGARITHM)


@pytest.mark.parametrize("name", SPECTRA)
def test_values_slightly_below_zero(name):
    magnitude = SPECTRA[name].abs()
    magnitude = magnitude / magnitude.max()
    noise = torch.randn(magnitude.shape, generator=torch.Generator().manual_seed(1))
    for spec in (magnitude - 0.01, magnitude + 0.003 * noise, (magnitude - 0.01).expand(2, -1, -1)):
        only(spec, CLAMP)


def test_frames_as_they_arrive_say_their_own_name():
    frame = SPEECH.abs()[:, 40]
    frame = frame - 0.001 * frame.max()
    with pytest.raises(SpecInvError, match=r"frames\.clamp\(min=0\)"):
        torch_specinv.online.RTISI(n_fft=512, window="hann").push(frame)


def test_negative_values_in_as_many_rows_as_a_mel_spectrogram_has():
    with pytest.raises(SpecInvError, match=r"80 rows: a mel spectrogram\? See mel_to_audio"):
        griffin_lim(SPEECH.abs()[:80].clamp_min(1e-5).log(), **QUIET)


def test_as_many_bins_as_a_mel_spectrogram_has():
    for call in (griffin_lim, lambda s, **k: invert(s, max_iter=1, **k)):
        with pytest.warns(ConventionWarning, match="n_fft=158 .*80 bins: a mel .*mel_to_audio"):
            call(torch.rand(80, 20), n_fft=158, **QUIET)
    # these are sizes of a Fourier transform
    griffin_lim(torch.rand(26, 20), 1, n_fft=50, **QUIET)
    griffin_lim(torch.rand(129, 20), 1, n_fft=256, **QUIET)


@pytest.mark.parametrize("lengths", [[48, 52, 55], [48, 52, 70], [30, 48, 95]])
@pytest.mark.parametrize("frames", [50, 55, 60])
def test_lengths_in_frames(lengths, frames):
    spec = torch.rand(3, 257, frames)
    message = f"lengths reach {lengths[-1]} at most, for {frames} frames .*samples, not frames"
    for given in (lengths, torch.tensor(lengths)):
        with pytest.raises(SpecInvError, match=message):
            griffin_lim(spec, lengths=given, **QUIET)
    for name, rows in (("hifigan", 80), ("tacotron2", 80)):
        with pytest.raises(SpecInvError, match=message):
            mel_to_audio(-spec[:, :rows], preset=name, lengths=lengths, verbose=False)


def test_one_length_in_frames():
    spec = torch.rand(3, 257, 50)
    with pytest.raises(SpecInvError, match=r"lengths\[1\]=48: the waveform would .*not frames"):
        griffin_lim(spec, lengths=[6300, 48, 6000], **QUIET)
    with pytest.raises(SpecInvError, match=r"length=50: .*Length counts samples, not frames"):
        griffin_lim(spec, length=50, **QUIET)
    with pytest.raises(SpecInvError, match="length=6000") as caught:
        griffin_lim(spec, length=6000, **QUIET)
    assert "not frames" not in str(caught.value)


def test_lengths_in_frames_for_any_transform():
    def transform(wave):
        window = torch.hann_window(64)
        return torch.stft(wave, 64, 4, window=window, return_complex=True).abs()

    spec = torch.rand(2, 33, 200)
    with pytest.raises(SpecInvError, match=r"lengths reach 90 .*into 23 frames.*200.*not frames"):
        L_BFGS(spec, transform, lengths=[90, 80], verbose=False)
    short = {"outer_max_iter": 1, "verbose": False}
    assert L_BFGS(spec, transform, lengths=[400, 90], **short).shape == (2, 400)


@pytest.mark.parametrize("name", ["hifigan", "bigvgan_44khz"])
def test_lengths_are_quoted_without_the_padding_of_a_preset(name):
    p = preset(name)
    mel = -torch.rand(3, p.n_mels, 60)
    hop = p.hop_length
    run = {"preset": name, "verbose": False}
    for length in (60 * hop - 1, 61 * hop):
        message = f"length={length}: 60 frames .* {60 * hop} to {61 * hop - 1} samples"
        with pytest.raises(SpecInvError, match=message):
            mel_to_audio(mel, length=length, **run)
    for item, lengths in enumerate(([61 * hop, hop, hop], [60 * hop, hop - 1, hop])):
        message = rf"lengths\[{item}\]={lengths[item]}: .* {hop} to {61 * hop - 1} samples"
        with pytest.raises(SpecInvError, match=message):
            mel_to_audio(mel, lengths=lengths, **run)


def test_a_preset_in_the_place_of_a_bank():
    mel = torch.rand(80, 20)
    with pytest.raises(SpecInvError, match=r"mel is a name.*pass it as preset='hifigan'"):
        invert(mel, mel="hifigan", **QUIET)
    with pytest.raises(SpecInvError, match=r"mel is a Preset.*pass it as preset instead"):
        invert(mel, mel=preset("hifigan"), **QUIET)


def test_frames_first():
    """As TensorFlow and librosa's users of Keras have them."""
    for spec in (torch.rand(120, 257), torch.rand(120, 257).numpy()):
        with pytest.raises(SpecInvError, match=r"transposed: pass spec\.mT"):
            griffin_lim(spec, n_fft=512, **QUIET)
        with pytest.raises(SpecInvError, match=r"transposed: pass spec\.mT"):
            phase_init(spec, window=hann(512))


def test_the_keyword_algorithm():
    spec = torch.rand(33, 20)
    with pytest.raises(SpecInvError, match=r"'method'\. Did you mean 'algorithm'\?.*algorithm,"):
        invert(spec, method="gla", **QUIET)
    for name in ("gla", "GLA", "fast_griffin_lim"):
        with pytest.raises(SpecInvError, match=r"Did you mean 'griffin_lim'"):
            invert(spec, name, **QUIET)


def test_the_settings_are_not_the_module():
    for given in ({"n_fft": 1024}, {"n_fft": 400, "hop_length": 200, "n_iter": 32}):
        with pytest.raises(SpecInvError, match=r"settings .*torch_specinv\.nn\.GriffinLim\("):
            GriffinLim(**given)
    with pytest.raises(TypeError, match="alhpa"):
        GriffinLim(alhpa=1.0)
    assert GriffinLim(alpha=0.5).alpha == 0.5
