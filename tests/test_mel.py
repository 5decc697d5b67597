"""Mel spectrograms and other bands: what comes out of an inversion."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import torch

from tests.cases import POINTWISE
from tests.conftest import hann
from tests.mel_cases import recipe
from torch_specinv import STFT, SpecInvError, invert, mel_to_audio
from torch_specinv.comparing.signals import music_like, speech_like
from torch_specinv.mel import MelSpec, mfcc_to_mel, preset
from torch_specinv.nn import MelToAudio
from torch_specinv.solve import ALGORITHMS

DOUBLE = torch.float64
QUIET = {"verbose": False}
QUIET = {"verbose": False}
SR = 8000
KEYWORDS = {"n_fft": 256, "hop_length": 64, "window": hann(256)}


def clip(samples=6000, dtype=DOUBLE):
    wave = music_like(SR, 1.0)[:samples].to(dtype)
    stft = STFT.of_wave(wave, **{**KEYWORDS, "window": hann(256, dtype)})
    return wave, stft(wave)


def mel_error(wave, recorded, mel):
    magnitude = STFT.of_wave(wave, **{**KEYWORDS, "window": hann(256, wave.dtype)})(wave)
    again = mel.restore(mel.record(magnitude, recorded.shape[-2]))
    true = mel.restore(recorded)
    return float(10 * torch.log10((again - true).square().sum() / true.square().sum()))


@pytest.mark.parametrize("settings", [{}, {"log": "ln", "clamp": 1e-5}, {"power": 2.0}])
def test_much_nearer_than_one_guess(settings):
    """Than librosa, whose magnitudes are guessed once and then held on to: a mean over seeds."""
    _, magnitude = clip()
    mel = MelSpec(SR, **settings)
    recorded = mel.record(magnitude, 40)
    found = invert(recorded, mel=mel, max_iter=32, length=6000, **KEYWORDS, **QUIET)
    # the two halves of librosa.feature.inverse.mel_to_audio, which takes no seed
    guess = librosa.feature.inverse.mel_to_stft(
        mel.restore(recorded).numpy(), sr=SR, n_fft=256, power=mel.power
    )
    theirs = [
        librosa.griffinlim(
            guess, n_iter=32, hop_length=64, length=6000, pad_mode="reflect", random_state=seed
        )
        for seed in range(8)
    ]
    ours = mel_error(found.wave, recorded, mel)
    errors = [mel_error(torch.from_numpy(x).to(DOUBLE), recorded, mel) for x in theirs]
    assert ours < sum(errors) / len(errors) - 8
    # the loop tells the same: bands against bands
    assert float(found.history["sc"][-1]) == pytest.approx(ours, abs=0.01)


@pytest.mark.parametrize("name", POINTWISE)
def test_all_pointwise_methods_on_both_engines(name):
    _, magnitude = clip()
    recorded = MelSpec(SR).record(magnitude, 40)
    run = {"mel": MelSpec(SR), "max_iter": 8, "tol": 0, **KEYWORDS, **QUIET}
    plain, fast = (invert(recorded, name, backend=b, **run) for b in ("torch", "chunked"))
    assert (plain.wave - fast.wave).abs().max() < 1e-9
    assert plain.history["sc"][-1] < -12


def test_lengths_with_a_preset_that_pads_by_itself():
    """Each item as alone, and silent behind its end."""
    p = preset("hifigan")
    counts = [256 * 40, 256 * 25]
    waves = [speech_like(22050, 1.0)[:count].double() for count in counts]
    mels = [torch.from_numpy(recipe("hifigan", wave.numpy())) for wave in waves]
    batch = torch.full((2, 80, 40), 7.0, dtype=DOUBLE)
    for item, mel in zip(batch, mels, strict=True):
        item[:, : mel.shape[1]] = mel
    settings = {"preset": "hifigan", "max_iter": 8, "init": "zero", **QUIET}
    together = mel_to_audio(batch, lengths=counts, **settings)
    module = MelToAudio(**{k: v for k, v in settings.items() if k != "verbose"})
    assert torch.equal(module(batch, torch.tensor(counts)), together)
    assert together.shape == (2, counts[0])
    for item, mel, count in zip(together, mels, counts, strict=True):
        alone = mel_to_audio(mel, length=count, **settings)
        assert (item[:count] - alone).abs().max() < 1e-9
        assert (item[count:] == 0).all()
    assert p.padding == 384


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_batches_and_lengths(power):
    _, magnitude = clip()
    mel = MelSpec(SR, power=power, log="log10", clamp=1e-12)
    recorded = mel.record(magnitude, 40)
    run = {"mel": mel, "max_iter": 6, **KEYWORDS, **QUIET}
    alone = invert(recorded, length=6000, **run).wave
    batch = torch.stack([recorded, recorded - 2, recorded.flip(-1)])
    together = invert(batch, length=6000, **run).wave
    assert (together[0] - alone).abs().max() < 1e-9
    # a hundred times less power
    quiet = 100 ** (-1 / power)
    assert (together[1] - quiet * alone).abs().max() < 1e-6
    batch[2, :, 50:] = torch.nan
    ragged = invert(batch, lengths=[6000, 6000, 49 * 64], **run).wave
    short = invert(batch[2, :, :50], length=49 * 64, **run).wave
    assert (ragged[0] - alone).abs().max() < 1e-9
    assert (ragged[2, : 49 * 64] - short).abs().max() < 1e-9
    assert ragged[2, 49 * 64 :].abs().max() == 0


def test_levels_and_silence():
    _, magnitude = clip(dtype=torch.float32)
    run = {"max_iter": 6, "mel": MelSpec(SR, power=2.0), **KEYWORDS, **QUIET}
    run["window"] = hann(256, torch.float32)
    recorded = MelSpec(SR, power=2.0).record(magnitude, 40)
    recorded[:, 20:30] = 0
    wave = invert(recorded, **run).wave
    for level in (2.0**-40, 2.0**40):
        other = invert(recorded * level, **run).wave
        assert torch.allclose(other / level**0.5, wave, rtol=1e-3, atol=1e-5)
    assert invert(0 * recorded, **run).wave.abs().max() == 0
    half = invert((recorded / recorded.max()).half(), **run).wave
    assert half.dtype == torch.float16
    assert torch.isfinite(half).all()


def test_the_bank_that_is_returned_is_the_callers_own():
    mel = MelSpec(8000)
    first = mel.bank(256, 20)
    first.zero_()
    assert torch.equal(mel.bank(256, 20), MelSpec(8000).bank(256, 20))
    assert mel.bank(256, 30).shape == (30, 129)
    assert mel.bank(256, 20).sum() > 0


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_gradients_reach_the_mel(power):
    _, magnitude = clip(900)
    mel = MelSpec(SR, power=power, log="ln", clamp=1e-6)
    recorded = mel.record(magnitude, 20)[..., :8].requires_grad_()
    weights = torch.rand(500, dtype=DOUBLE, generator=torch.Generator().manual_seed(0))

    def loss(recorded):
        run = {"mel": mel, "max_iter": 3, "length": 500, "init": "zero", **KEYWORDS, **QUIET}
        return (invert(recorded, "griffin_lim", **run).wave * weights).sum()

    assert torch.autograd.gradcheck(loss, recorded, rtol=1e-3, eps=1e-7, atol=1e-5)


def test_any_other_bank():
    """Sums of neighbouring bins."""
    _, magnitude = clip()
    matrix = torch.kron(torch.eye(43, dtype=DOUBLE), torch.ones(1, 3, dtype=DOUBLE))
    found = invert(matrix @ magnitude, mel=matrix, max_iter=32, length=6000, **KEYWORDS, **QUIET)
    assert found.history["sc"][-1] < -20
    assert found.wave.shape == (6000,)


def test_with_a_given_phase_and_resumed():
    wave, magnitude = clip()
    phase = torch.stft(wave, **KEYWORDS, return_complex=True).angle()
    run = {"mel": MelSpec(SR), "length": 6000, "tol": 0, **KEYWORDS, **QUIET}
    recorded = MelSpec(SR).record(magnitude, 40)
    given = invert(recorded, "griffin_lim", init=phase, max_iter=20, **run)
    assert (
        given.history["sc"][-1]
        < invert(recorded, "griffin_lim", init="random", max_iter=20, **run).history["sc"][-1]
    )
    half = invert(recorded, "griffin_lim", init=phase, max_iter=10, **run)
    both = invert(recorded, "griffin_lim", max_iter=10, resume=half, **run)
    assert (both.wave - given.wave).abs().max() < 1e-9
    with pytest.raises(SpecInvError, match="mel differ"):
        invert(recorded, "griffin_lim", resume=half, **{**run, "mel": MelSpec(SR, htk=True)})


MEL = torch.ones(40, 20)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: MelSpec(SR, fmax=5000), "half the sample rate"),
        (lambda: MelSpec(SR, log="log"), "log='log' is unknown"),
        (lambda: MelSpec(SR, norm="area"), "norm='area'"),
        (lambda: MelSpec(SR, scale=0.0), "a scale other than 0"),
        (lambda: MelSpec(0), "sr=0"),
        (lambda: preset("hifi-gan"), "Did you mean 'hifigan'"),
        (lambda: mel_to_audio(MEL), "sr is needed"),
        (lambda: mel_to_audio(MEL, SR, preset="hifigan"), "sr and preset='hifigan'"),
        (lambda: mel_to_audio(MEL, preset="hifigan", power=2.0), "power and preset"),
        (lambda: mel_to_audio(MEL, preset="hifigan", norm=None, htk=True), "htk, norm and preset"),
        (lambda: mel_to_audio(MEL, preset="hifigan", fmin=1, clamp=1), "fmin, clamp and preset"),
        (lambda: mel_to_audio(-MEL, SR, **QUIET), "holds negative values .*log='ln'"),
        (lambda: mel_to_audio(MEL / 0, SR, **QUIET), "mel holds"),
        (lambda: invert(MEL, mel=MelSpec(SR), **QUIET), "n_fft is needed"),
        (lambda: invert(MEL, "lbfgs", mel=MelSpec(SR), **KEYWORDS), "takes linear magnitudes"),
        (lambda: invert(MEL, mel=torch.ones(41, 129), **KEYWORDS), "mel has 41 bands, spec 40"),
        (lambda: invert(MEL, mel=torch.ones(40, 128), **KEYWORDS), "has 128 bins, but n_fft=256"),
        (lambda: invert(MEL, mel=-torch.ones(40, 129), **KEYWORDS), "not negative"),
        (lambda: invert(MEL + 0j, mel=MelSpec(SR), **KEYWORDS), "with mel= it is real"),
    ],
)
def test_errors(call, message):
    with pytest.raises(SpecInvError, match=message):
        call()


def test_metrics_of_ones_own_see_bands_at_the_level_of_the_input():
    seen = []

    def level(observed, target):
        seen.append(target.amax((-2, -1)))
        return target.amax((-2, -1))

    mel = 900 * (0.1 + torch.rand(2, 20, 30))
    conventions = MelSpec(8000, power=2.0)
    invert(
        mel, "griffin_lim", mel=conventions, n_fft=256, window=hann(256, torch.float32),
        max_iter=2, metric=level, verbose=False,
    )  # fmt: skip
    assert torch.allclose(seen[-1], mel.amax((-2, -1)))
    with pytest.raises(SpecInvError, match="unknown keyword 'resume'"):
        mel_to_audio(mel, 8000, resume=None)
    with pytest.raises(SpecInvError, match="length='7680'"):
        mel_to_audio(torch.rand(2, 80, 30), preset="hifigan", length="7680")
    for keyword in ("verbose", "generator", "resume"):
        with pytest.raises(SpecInvError, match=f"unknown keyword '{keyword}'"):
            MelToAudio(preset="hifigan", **{keyword: None})


@pytest.mark.parametrize("n_fft", [400, 401])
def test_recording_with_an_odd_transform(n_fft):
    """201 bins are those of 400 samples or of 401: their frequencies are not the same."""
    magnitude = torch.rand(201, 7, dtype=DOUBLE)
    recorded = MelSpec(16000, power=2.0).record(magnitude, 40, n_fft)
    bank = librosa.filters.mel(sr=16000, n_fft=n_fft, n_mels=40, dtype=np.float64)
    np.testing.assert_allclose(recorded, bank @ magnitude.numpy() ** 2, rtol=1e-5)
    if n_fft == 400:
        assert torch.equal(recorded, MelSpec(16000, power=2.0).record(magnitude, 40))
    with pytest.raises(SpecInvError, match="n_fft=402 has 202 bins"):
        MelSpec(16000).record(magnitude, 40, 402)


@pytest.mark.parametrize("name", POINTWISE)
@pytest.mark.parametrize("power", [1.0, 1.5, 2.0])
def test_autocast_does_not_round_bands(name, power):
    _, magnitude = clip(2000, dtype=torch.float32)
    mel = MelSpec(SR, power=power)
    run = {"mel": mel, **KEYWORDS, **QUIET, "window": hann(256, torch.float32), "max_iter": 3}

    def everything():
        recorded = mel.record(magnitude, 40)
        return recorded, invert(recorded, name, **run).wave, mfcc_to_mel(recorded[:13], 40)

    expected = everything()
    with torch.autocast("cpu", torch.bfloat16):
        found = everything()
    for a, b in zip(found, expected, strict=True):
        assert torch.equal(a, b)


def test_autocast_does_not_round_inversions():
    _, magnitude = clip(2000, dtype=torch.float32)
    run = {**KEYWORDS, **QUIET, "window": hann(256, torch.float32), "max_iter": 4}
    for name in ALGORITHMS:
        expected = invert(magnitude, name, **run).wave
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(invert(magnitude, name, **run).wave, expected)
