"""Mel spectrograms and other bands: conventions, the constraint, and what comes out."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import torch

from tests.cases import POINTWISE
from tests.conftest import hann
from torch_specinv import STFT, ConventionWarning, SpecInvError, invert, mel_to_audio
from torch_specinv.comparing.signals import music_like, speech_like
from torch_specinv.constraints.bands import Bands
from torch_specinv.mel import PRESETS, MelSpec, preset
from torch_specinv.nn import MelToAudio

DOUBLE = torch.float64
QUIET = {"verbose": False}


def numpy_magnitude(wave, n_fft, hop, pad, mode="reflect"):
    """Frames of n_fft under a periodic Hann window, of a wave that is padded at both ends."""
    padded = np.pad(wave, (pad, pad), mode=mode)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    count = 1 + (len(padded) - n_fft) // hop
    frames = [padded[m * hop : m * hop + n_fft] * window for m in range(count)]
    return abs(np.fft.rfft(frames, axis=-1)).T


def bank(sr, n_fft, n_mels, **settings):
    return librosa.filters.mel(sr=sr, n_fft=n_fft, n_mels=n_mels, dtype=np.float64, **settings)


# -- conventions ---------------------------------------------------------------------------------

LOGS = {
    "linear": ({}, lambda y: y),
    "ln": ({"log": "ln", "clamp": 1e-5}, lambda y: np.log(np.maximum(y, 1e-5))),
    "log10": ({"log": "log10", "clamp": 1e-10}, lambda y: np.log10(np.maximum(y, 1e-10))),
    "log2": ({"log": "log2", "offset": 1e-3}, lambda y: np.log2(y + 1e-3)),
    "log1p": ({"log": "log1p"}, np.log1p),
    "dB": ({"log": "dB", "clamp": 1e-5}, lambda y: 20 * np.log10(np.maximum(y, 1e-5))),
    "dB of power": (
        {"log": "dB", "clamp": 1e-10, "power": 2.0},
        lambda y: librosa.power_to_db(y, top_db=None),
    ),
    "0 to 1": (
        {"log": "dB", "clamp": 1e-5, "shift": -80.0, "scale": 100.0},
        lambda y: (20 * np.log10(np.maximum(y, 1e-5)) + 80) / 100,
    ),
}


@pytest.mark.parametrize("name", LOGS)
def test_recording_and_restoring(name):
    settings, formula = LOGS[name]
    magnitude = np.random.default_rng(0).random((257, 9)) + 0.01
    mel = MelSpec(16000, fmin=50, fmax=7000, **settings)
    matrix = bank(16000, 512, 20, fmin=50, fmax=7000)
    linear = matrix @ magnitude ** settings.get("power", 1)
    recorded = mel.record(torch.from_numpy(magnitude), 20)
    assert np.allclose(recorded, formula(linear), atol=1e-5)
    assert np.allclose(mel.restore(recorded), linear, rtol=1e-5)


def test_what_was_clamped_is_not_more_than_the_clamp():
    for settings in ({"clamp": 1e-5}, {"offset": 1e-5}):
        mel = MelSpec(16000, log="ln", **settings)
        silence = mel.restore(mel.record(torch.zeros(257, 3), 20))
        assert (silence >= 0).all()
        assert silence.max() <= 1.001e-5


def recipe(name, wave):
    """The recipe of a preset as its source has it, in float64."""

    def ln(y, clamp):
        return np.log(np.maximum(y, clamp))

    if name in ("tacotron2", "waveglow", "fastspeech2"):
        mel = bank(22050, 1024, 80, fmin=0, fmax=8000)
        return ln(mel @ numpy_magnitude(wave, 1024, 256, 512), 1e-5)
    if name in ("hifigan", "bigvgan_22khz"):
        mel = bank(22050, 1024, 80, fmin=0, fmax=8000)
        return ln(mel @ numpy_magnitude(wave, 1024, 256, 384), 1e-5)
    if name == "bigvgan_24khz":
        mel = bank(24000, 1024, 100, fmin=0, fmax=12000)
        return ln(mel @ numpy_magnitude(wave, 1024, 256, 384), 1e-5)
    if name == "bigvgan_44khz":
        mel = bank(44100, 2048, 128, fmin=0)
        return ln(mel @ numpy_magnitude(wave, 2048, 512, 768), 1e-5)
    if name == "vocos":
        mel = bank(24000, 1024, 100, htk=True, norm=None)
        return ln(mel @ numpy_magnitude(wave, 1024, 256, 512), 1e-7)
    if name == "espnet":
        mel = bank(22050, 1024, 80, fmin=80, fmax=7600)
        return ln(mel @ numpy_magnitude(wave, 1024, 256, 512), 1e-10) / np.log(10)
    if name == "tortoise":
        mel = bank(24000, 1024, 100, fmin=0, fmax=12000)
        logs = ln(mel @ numpy_magnitude(wave, 1024, 256, 512), 1e-5)
        low, high = -11.512925148010254, 2.3143386840820312
        return 2 * (logs - low) / (high - low) - 1
    if name.startswith("whisper"):
        mel = bank(16000, 400, 128 if name.endswith("128") else 80)
        power = numpy_magnitude(wave, 400, 160, 200)[:, :-1] ** 2
        logs = np.log10(np.maximum(mel @ power, 1e-10))
        return (np.maximum(logs, logs.max() - 8) + 4) / 4
    if name == "torchaudio":
        mel = bank(16000, 400, 128, htk=True, norm=None)
        return mel @ numpy_magnitude(wave, 400, 200, 200) ** 2
    mel = bank(22050, 2048, 128)
    return mel @ numpy_magnitude(wave, 2048, 512, 1024, "constant") ** 2


@pytest.mark.filterwarnings("ignore:Empty filters:UserWarning")
@pytest.mark.filterwarnings("ignore:.*bands have no bin:UserWarning")
@pytest.mark.parametrize("name", PRESETS)
def test_presets_invert_their_recipes(name):
    """The recipe, written down once more, is what comes back from the wave."""
    p = preset(name)
    wave = speech_like(p.mel.sr, 1.0)[: p.mel.sr // p.hop_length * p.hop_length].double()
    recorded = recipe(name, wave.numpy())
    magnitude = torch.from_numpy(
        numpy_magnitude(wave.numpy(), p.n_fft, p.hop_length, p.padding or p.n_fft // 2, p.pad_mode)
    )
    frames = recorded.shape[-1]
    ours = p.mel.record(magnitude, p.n_mels)[:, :frames]
    assert np.allclose(ours, recorded, atol=1e-4 * abs(recorded).max())
    found = mel_to_audio(torch.from_numpy(recorded), preset=name, max_iter=32, init="pghi", **QUIET)
    again = recipe(name, found.numpy())[:, :frames]
    frames = again.shape[-1]
    true, got = (p.mel.restore(torch.from_numpy(m[:, 2 : frames - 2])) for m in (recorded, again))
    error = 10 * torch.log10((got - true).square().sum() / true.square().sum())
    assert error < -25
    assert abs(len(found) - len(wave)) <= p.hop_length


def test_every_preset_says_where_it_is_from():
    for name, p in PRESETS.items():
        assert len(p.source) > 20, name
        assert p.mel.record(torch.ones(p.n_fft // 2 + 1, 2), p.n_mels).shape == (p.n_mels, 2)


# -- the constraint ------------------------------------------------------------------------------


def bands_of(power, seed=0, n_mels=12):
    generator = torch.Generator().manual_seed(seed)
    spectrum = torch.randn(2, 65, 7, dtype=torch.complex128, generator=generator)
    matrix = torch.from_numpy(bank(8000, 128, n_mels))
    target = matrix @ spectrum.abs() ** power
    return Bands.of(target, matrix, power), spectrum, generator


@pytest.mark.parametrize("power", [1.0, 1.5, 2.0])
def test_what_has_the_bands_stays(power):
    constraint, spectrum, _ = bands_of(power)
    assert torch.allclose(constraint.project(spectrum), spectrum)
    assert torch.allclose(constraint.observe(spectrum), constraint.target)


def test_the_projection_is_the_nearest_point():
    """Against least squares with the bands as equations, where no magnitude becomes negative."""
    constraint, spectrum, generator = bands_of(1.0)
    near = spectrum * (1 + 0.01 * torch.rand(spectrum.shape, generator=generator))
    found = constraint.project(near)
    assert torch.allclose(found.angle(), near.angle())
    matrix = constraint.bank.numpy()
    for i, m in np.ndindex(2, 7):
        start = near[i, :, m].abs().numpy()
        gap = constraint.target[i, :, m].numpy() - matrix @ start
        nearest = start + np.linalg.lstsq(matrix, gap, rcond=None)[0]
        assert (nearest > 0).all()
        assert np.allclose(found[i, :, m].abs(), nearest)


def test_a_magnitude_that_would_be_negative_is_0():
    constraint, spectrum, _ = bands_of(1.0)
    spectrum = spectrum.clone()
    spectrum[:, 20] *= 50  # its neighbours would have to make up for it
    magnitude = spectrum.abs()
    gap = constraint.target - constraint.bank @ magnitude
    wanted = magnitude + torch.linalg.pinv(constraint.bank) @ gap
    assert (wanted < 0).any()
    found = constraint.project(spectrum)
    assert torch.allclose(found.abs(), wanted.clamp_min(0), atol=1e-9)


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_projections_come_nearer(power):
    constraint, spectrum, generator = bands_of(power)
    far = spectrum * 3 * torch.rand(spectrum.shape, generator=generator, dtype=DOUBLE)
    gaps = [(constraint.observe(far) - constraint.target).square().sum()]
    for _ in range(3):
        far = constraint.project(far)
        gaps.append((constraint.observe(far) - constraint.target).square().sum())
        assert gaps[-1] < gaps[-2]
    assert gaps[-1] < 1e-2 * gaps[0]


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_the_first_guess_has_the_bands_and_is_not_negative(power):
    constraint, _, _ = bands_of(power)
    guess = constraint.magnitude()
    assert (guess >= 0).all()
    gap = constraint.bank @ guess**power - constraint.target
    assert gap.norm() < 0.1 * constraint.target.norm()


# -- inversion -----------------------------------------------------------------------------------

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
    """Than librosa, whose magnitudes are guessed once and then held on to."""
    _, magnitude = clip()
    mel = MelSpec(SR, **settings)
    recorded = mel.record(magnitude, 40)
    found = invert(recorded, mel=mel, max_iter=32, length=6000, **KEYWORDS, **QUIET)
    theirs = librosa.feature.inverse.mel_to_audio(
        mel.restore(recorded).numpy(), sr=SR, n_fft=256, hop_length=64, pad_mode="reflect",
        power=mel.power, n_iter=32, length=6000,
    )  # fmt: skip
    ours = mel_error(found.wave, recorded, mel)
    assert ours < mel_error(torch.from_numpy(theirs).to(DOUBLE), recorded, mel) - 8
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
    mel = MelSpec(SR, power=power, log="log10", clamp=1e-8)
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


# -- bad input -----------------------------------------------------------------------------------

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
        (lambda: mel_to_audio(MEL / 0, SR, **QUIET), "spec holds"),
        (lambda: invert(MEL, mel=MelSpec(SR), **QUIET), "n_fft is needed"),
        (lambda: invert(MEL, "lbfgs", mel=MelSpec(SR), **KEYWORDS), "takes linear magnitudes"),
        (lambda: invert(MEL, "rtisi_la", mel=MelSpec(SR), **KEYWORDS), "takes linear magnitudes"),
        (lambda: invert(MEL, mel=torch.ones(41, 129), **KEYWORDS), "mel has 41 bands, spec 40"),
        (lambda: invert(MEL, mel=torch.ones(40, 128), **KEYWORDS), "has 128 bins, but n_fft=256"),
        (lambda: invert(MEL, mel=-torch.ones(40, 129), **KEYWORDS), "not negative"),
        (lambda: invert(MEL + 0j, mel=MelSpec(SR), **KEYWORDS), "with mel= it is real"),
    ],
)
def test_errors(call, message):
    with pytest.raises(SpecInvError, match=message):
        call()


def test_bands_without_bins_are_left_out():
    """torchaudio's own defaults, on which its inverse fails."""
    p = preset("torchaudio")
    recorded = p.mel.record(torch.rand(201, 30), 128)
    with pytest.warns(ConventionWarning, match="of 128 bands have no bin of n_fft=400"):
        wave = mel_to_audio(recorded, preset="torchaudio", max_iter=3, **QUIET)
    assert torch.isfinite(wave).all()


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
        mel_to_audio(mel, preset="hifigan", length="7680")
    for keyword in ("verbose", "generator", "resume"):
        with pytest.raises(SpecInvError, match=f"unknown keyword '{keyword}'"):
            MelToAudio(preset="hifigan", **{keyword: None})
