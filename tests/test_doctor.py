"""The doctor: right where the numbers tell, and not sure where they do not."""

from __future__ import annotations

import shlex
from collections import Counter
from itertools import product

import numpy as np
import pytest
import torch

import torch_specinv
from benchmarks.doctor import NAMES, cases
from benchmarks.doctor import magnitude as magnitude_of
from tests.conftest import hann, magnitude
from tests.mel_cases import recipe
from tests.recipe_cases import RECIPES
from torch_specinv import STFT, SpecInvError, diagnose, invert, metrics
from torch_specinv.cli import main
from torch_specinv.comparing.signals import CLIPS, music_like, speech_like
from torch_specinv.io import read_audio
from torch_specinv.mel import PRESETS, preset


def recorded(name, sr, seconds=3.0):
    """A made-up clip as in a room, through a microphone: what is too clean is not like sound."""
    generator = torch.Generator().manual_seed(1)
    wave = CLIPS[name](sr, seconds, seed=1)
    time = torch.arange(sr // 2) / sr
    echo = torch.randn(sr // 2, generator=generator) * torch.exp(-time / 0.05)
    length = len(wave) + len(echo)
    room = torch.fft.irfft(torch.fft.rfft(wave, length) * torch.fft.rfft(echo, length), length)
    room = room[: len(wave)] * (0.2 * wave.std() / room.std())
    return wave + room + 1e-3 * torch.randn(len(wave), generator=generator)


# -- the confusion matrix ------------------------------------------------------------------------


@pytest.mark.parametrize("names", [NAMES[:1], pytest.param(NAMES[1:], marks=pytest.mark.slow)])
def test_it_is_right(names):
    """Every preset x clip x mistake, transposed every other time."""
    verdicts, hard = [], []
    for name, clip in product(names, CLIPS):
        wave = recorded(clip, preset(name).mel.sr)
        for number, case in enumerate(cases(name, wave)):
            transposed = number % 2 == 1
            diagnosis = diagnose(case.array.mT if transposed else case.array)
            verdict = case.verdict(diagnosis, transposed=transposed)
            # a linear spectrogram under a window padded with zeros has broader peaks than others
            padded = case.kind == "linear" and preset(name).win_length is not None
            (hard if padded else verdicts).append((name, case.mistake, verdict))
    assert len(verdicts) + len(hard) == 2 * 16 * len(names)
    counts = Counter(verdict for *_, verdict in verdicts)
    # a few are not sure: [-4, 4] of loud music lies where standardised values do
    assert counts["right"] >= 0.9 * len(verdicts), counts
    guessed = counts["right"] + counts["not sure, first guess right"]
    assert guessed >= 0.95 * len(verdicts), counts
    assert counts["wrong"] <= 0.01 * len(verdicts), [v for v in verdicts if v[2] == "wrong"]
    none = [v for v in verdicts if v[1] in ("none", "no mel")]
    assert {verdict for *_, verdict in none} == {"right"}, none
    misread = [v for v in hard if v[2] == "wrong"]
    assert len(misread) <= 0.3 * len(hard), misread


@pytest.mark.filterwarnings("ignore:Empty filters:UserWarning")
@pytest.mark.parametrize("name", [name for name in PRESETS if preset(name).is_mel])
def test_presets_written_down_in_numpy(name):
    """The recipes of the sources, which do not share code with ours."""
    wave = recorded("speech", preset(name).mel.sr).double().numpy()
    found = diagnose(RECIPES[name](wave) if name in RECIPES else recipe(name, wave))
    assert found.sure
    assert name in found.presets
    assert found.call == f'mel_to_audio(spec, preset="{found.presets[0]}")'


# -- its calls -----------------------------------------------------------------------------------

CALLS = {
    "magnitude": lambda m: m,
    "power, transposed": lambda m: (m**2).mT,
    "dB": lambda m: 20 * m.clamp_min(1e-5).log10(),
    "natural logarithm, transposed": lambda m: m.clamp_min(1e-5).log().mT,
    "[-4, 4]": lambda m: ((20 * m.clamp_min(1e-5).log10() + 80) / 100).clamp(0, 1) * 8 - 4,
    "[0, 1]": lambda m: ((20 * m.clamp_min(1e-5).log10() + 80) / 100).clamp(0, 1),
    "log1p": lambda m: torch.log1p(m),
    "log10 of a power": lambda m: (m**2).clamp_min(1e-10).log10(),
}


def run(call, spec):
    """Run the call as a researcher would, quietly."""
    names = {
        "spec": spec,
        "torch": torch,
        "invert": lambda *a, **k: invert(*a, **k, max_iter=30, verbose=False).wave,
        "mel_to_audio": lambda *a, **k: torch_specinv.mel_to_audio(*a, **k, verbose=False),
    }
    return eval(call, names)


@pytest.mark.parametrize("name", CALLS)
def test_the_call_inverts_a_linear_spectrogram(name):
    wave = 0.3 * music_like(16000, 2.0)  # the normalised ones clip at 20 dB
    truth = magnitude(wave, 512)
    found = diagnose(CALLS[name](truth))
    assert found.kind == "linear"
    assert found.n_fft == 512
    again = magnitude(run(found.call, CALLS[name](truth)), 512)
    assert metrics.sc(again, truth) < -15


@pytest.mark.parametrize(
    ("name", "mistake"),
    [
        ("tacotron2", "none"), ("tacotron2", "dB"), ("tacotron2", "the other power"),
        ("librosa", "none"), ("librosa", "dB"), ("librosa", "natural logarithm"),
    ],
)  # fmt: skip
def test_the_call_inverts_a_mel_spectrogram(name, mistake):
    p = preset(name)
    original = recorded("speech", p.mel.sr)
    case = next(case for case in cases(name, original) if case.mistake == mistake)
    found = diagnose(case.array.float().mT, sr=p.mel.sr)
    call = found.call
    for name_, value in (("n_fft", p.n_fft), ("hop_length", p.hop_length), ("fmax", p.mel.fmax)):
        call = call.replace(f"{name_}=...", f"{name_}={value}")  # what a researcher knows
    wave = run(call, case.array.float().mT)
    stft = {"n_fft": p.n_fft, "hop_length": p.hop_length, "window": hann(p.n_fft, torch.float32)}
    truth = next(cases(name, original)).array.float()
    again = p.mel.record(STFT.of_wave(wave, **stft)(wave), p.n_mels)
    frames = slice(4, truth.shape[-1] - 4)
    sc = metrics.sc(p.mel.restore(again[:, frames]), p.mel.restore(truth[:, frames]))
    assert sc < -15


# -- what else there is --------------------------------------------------------------------------


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


def test_whispers_items_are_normalised_one_by_one():
    mel = preset("whisper").mel
    items = [
        mel.record(magnitude(level * recorded(name, 16000), 400, hop_length=160), 80)
        for name, level in (("speech", 1.0), ("music", 0.003))
    ]
    for array in (torch.stack(items), *items):
        assert diagnose(array).presets == ("whisper",)


def test_noise_of_no_kind_is_not_sure():
    """Numbers that no spectrogram looks like: whatever it says, not with confidence."""
    generator = torch.Generator().manual_seed(0)
    for rows, frames in ((80, 300), (97, 301), (300, 300), (513, 200), (128, 500)):
        for draw in (torch.rand, torch.randn):
            assert not diagnose(draw(rows, frames, generator=generator)).sure


def test_sample_rate_decides_between_presets():
    wave = recorded("music", 22050)
    power = next(cases("librosa", wave)).array
    assert diagnose(power, sr=22050).presets == ("librosa",)
    assert "librosa" not in diagnose(power, sr=16000).presets


# -- the command line ----------------------------------------------------------------------------


def test_command(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("mel.npy", recipe("hifigan", speech_like(22050, 2.0).double().numpy()).T)
    assert main(["doctor", "mel.npy"]) == 0
    out = capsys.readouterr().out
    assert 'mel_to_audio(spec.mT, preset="tacotron2")' in out
    assert "hifigan" in out
    assert "(frames, bands)" in out
    (tmp_path / "bad.npy").write_bytes(b"nonsense")
    assert main(["doctor", "bad.npy"]) == 2
    assert "bad.npy cannot be read as an array" in capsys.readouterr().err
    assert main(["doctor", "none.npy"]) == 2
    assert main(["doctor", "speech.wav"]) == 2
    assert "the doctor looks at arrays" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a b.npz", "-a.npz"])
def test_the_command_reads_the_same_array(tmp_path, monkeypatch, capsys, name):
    """With its key, and a name that the shell would take apart."""
    monkeypatch.chdir(tmp_path)
    mel = recipe("hifigan", speech_like(22050, 2.0).double().numpy())
    np.savez(name, mel=mel, other=mel[:5])
    assert main(["doctor", f"./{name}", "--key", "mel"]) == 0
    line = next(x for x in capsys.readouterr().out.splitlines() if "specinv invert" in x)
    command = shlex.split(line)[1:]
    assert command[command.index("--key") + 1] == "mel"
    assert main([*command, "--dry-run"]) == 0


# -- networks' own: standardised values, dropped bins, phases ------------------------------------


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


def test_a_window_of_half_the_fft():
    """Its peaks are broader, which need not be other axes or units."""
    wave = recorded("music", preset("tacotron_mel").mel.sr)
    case = next(c for c in cases("tacotron_mel", wave) if c.mistake == "no mel, dB")
    for transposed in (False, True):
        found = diagnose(case.array.mT if transposed else case.array)
        assert "right" in case.verdict(found, transposed=transposed)


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


@pytest.mark.parametrize("name", CALLS)
def test_the_command_says_what_the_call_says(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    truth = magnitude(0.3 * music_like(16000, 2.0), 512)
    np.save("array.npy", CALLS[name](truth).mT.numpy())
    found = diagnose(CALLS[name](truth).mT)
    command = found.command.replace("FILE", "array.npy").replace("HZ", "16000").split()[1:]
    assert main([*command, "--quiet", "--max-iter", "30"]) == 0
    again = magnitude(read_audio("out.wav")[0][0], 512)
    assert metrics.sc(again, truth) < -15
