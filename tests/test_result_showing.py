"""Results that are saved, drawn and heard."""

from __future__ import annotations

import base64
import io
import pickle
import re
import sys
import types
import wave as wave_files

import numpy as np
import pytest
import torch

from tests.conftest import hann, magnitude
from torch_specinv import SpecInvError, example, griffin_lim, invert, players, plots, separate
from torch_specinv.comparing.signals import speech_like
from torch_specinv.io import read_audio
from torch_specinv.mel import preset

SR = 16000


@pytest.fixture(scope="module")
def spec():
    wave = speech_like(SR, 0.5)
    return magnitude(torch.stack([wave, 0.5 * wave.flip(0), 0.1 * wave]), 256)


@pytest.fixture(scope="module")
def result(spec):
    window = hann(256, spec.dtype)
    return invert(spec, "griffin_lim", max_iter=10, window=window, verbose=False)


def samples(html):
    """The sounds of the players of a page."""
    for found in re.findall(r"data:audio/wav;base64,([^\"]*)", html):
        with wave_files.open(io.BytesIO(base64.b64decode(found))) as file:
            data = np.frombuffer(file.readframes(file.getnframes()), "<i2")
            yield file.getframerate(), data.reshape(-1, file.getnchannels()).T / 32767


# -- files -----------------------------------------------------------------------------------------


def test_save_writes_a_file_for_each_item(result, tmp_path):
    paths = result.save(tmp_path / "out.wav", sr=SR)
    assert [path.name for path in paths] == ["out_0.wav", "out_1.wav", "out_2.wav"]
    for path, wave in zip(paths, result.wave, strict=True):
        again, sr = read_audio(path)
        assert sr == SR
        assert torch.equal(again[0], wave.float())
    with pytest.raises(SpecInvError, match="exists"):
        result.save(tmp_path / "out.wav", sr=SR)
    result.save(tmp_path / "out.wav", sr=SR, force=True)


def test_save_one_item_and_channels(result, spec, tmp_path):
    window = hann(256, spec.dtype)
    single = invert(spec[0], "griffin_lim", max_iter=2, window=window, verbose=False)
    assert single.save(tmp_path / "one.flac", sr=SR) == [tmp_path / "one.flac"]
    assert result.save(tmp_path / "three.wav", sr=SR, channels=True) == [tmp_path / "three.wav"]
    assert torch.equal(read_audio(tmp_path / "three.wav")[0], result.wave.float())


def test_save_beyond_1(spec, tmp_path):
    loud = invert(40 * spec[0], "pghi", window=hann(256, spec.dtype), verbose=False)
    assert loud.wave.abs().max() > 1
    loud.save(tmp_path / "kept.wav", sr=SR)
    assert torch.equal(read_audio(tmp_path / "kept.wav")[0][0], loud.wave.float())
    loud.save(tmp_path / "scaled.wav", sr=SR, peak="normalise")
    assert float(read_audio(tmp_path / "scaled.wav")[0].abs().max()) == pytest.approx(1)
    with pytest.raises(SpecInvError, match="reaches"):
        loud.save(tmp_path / "out.wav", sr=SR, peak="error")
    assert not (tmp_path / "out.wav").exists()


def test_a_preset_says_the_sample_rate(tmp_path):
    mel = preset("hifigan").record(speech_like(22050, 0.4))
    found = invert(mel, "griffin_lim", preset="hifigan", max_iter=2, verbose=False)
    assert found.sr == 22050
    found.save(tmp_path / "out.wav")
    assert read_audio(tmp_path / "out.wav")[1] == 22050
    assert next(samples(found._repr_html_()))[0] == 22050


def test_without_a_sample_rate(result, tmp_path):
    for bad in (lambda: result.save(tmp_path / "out.wav"), result.play):
        with pytest.raises(SpecInvError, match="sr is not known"):
            bad()
    for sr in (0, -1, "x", 22050.5):
        with pytest.raises(SpecInvError, match="sr="):
            result.save(tmp_path / "out.wav", sr=sr)
    assert list(tmp_path.iterdir()) == []


# -- notebooks -------------------------------------------------------------------------------------


def test_a_notebook_shows_a_player_for_each_item(result):
    html = result._repr_html_()
    sounds = list(samples(html))
    assert len(sounds) == 3
    for (sr, heard), wave in zip(sounds, result.wave.numpy(), strict=True):
        assert sr == 22050
        assert np.abs(heard[0] - wave).max() < 1 / 32767
    assert "22050 Hz is assumed" in html
    assert "griffin" not in html
    assert html.count("max_iter") >= 3
    assert base64.b64decode(re.search(r"image/png;base64,([^\"]*)", html)[1])[:4] == b"\x89PNG"


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_every_dtype_is_shown(spec, dtype, tmp_path):
    window = hann(256, torch.float32)
    found = invert(spec[0].to(dtype), "griffin_lim", max_iter=2, window=window, verbose=False)
    assert found.wave.dtype == dtype
    ((_, heard),) = samples(found._repr_html_())
    assert np.abs(heard[0] - found.wave.double().numpy()).max() < 1 / 32767
    found.save(tmp_path / "out.wav", sr=SR)


def test_a_result_with_a_gradient_is_shown(spec):
    leaf = spec[0].clone().requires_grad_()
    found = invert(leaf, "griffin_lim", max_iter=2, window=hann(256, spec.dtype), verbose=False)
    assert found.wave.requires_grad
    assert "audio" in found._repr_html_()
    found.plot()


def test_many_items_and_what_is_not_finite(spec):
    window = hann(256, spec.dtype)
    many = spec[:1].expand(12, -1, -1)
    html = invert(many, "griffin_lim", max_iter=1, window=window, verbose=False)._repr_html_()
    assert len(list(samples(html))) == 8
    assert "The first 8 of 12 waves" in html
    html = players.audio_element(torch.tensor([np.nan, np.inf, 0.5]), SR)
    ((_, heard),) = samples(html)
    assert heard[0] == pytest.approx([0, 0, 0.5], abs=1e-4)


def test_play_in_a_notebook(result, monkeypatch):
    class ZMQInteractiveShell:
        pass

    display = types.ModuleType("IPython.display")
    display.HTML = lambda data: ("HTML", data)
    ipython = types.ModuleType("IPython")
    ipython.get_ipython = ZMQInteractiveShell
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    kind, html = result.play(SR, item=1)
    assert kind == "HTML"
    ((sr, heard),) = samples(html)
    assert sr == SR
    assert np.abs(heard[0] - result.wave[1].numpy()).max() < 1 / 32767


def test_play_through_the_loudspeaker(result, monkeypatch):
    heard = []
    device = types.ModuleType("sounddevice")
    device.PortAudioError = OSError
    device.play = lambda samples, sr, blocking: heard.append((samples, sr, blocking))
    monkeypatch.setitem(sys.modules, "sounddevice", device)
    assert result.play(SR) is None
    ((played, sr, blocking),) = heard
    assert (sr, blocking, played.dtype) == (SR, True, np.int16)
    assert np.abs(played[:, 0] / 32767 - result.wave[0].numpy()).max() < 1 / 32767

    def broken(samples, sr, blocking):
        raise OSError("Invalid sample rate")

    device.play = broken
    with pytest.raises(SpecInvError, match="sr=16000: Invalid sample rate"):
        result.play(SR)
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(SpecInvError, match="sounddevice"):
        result.play(SR)
    with pytest.raises(SpecInvError, match="item=3"):
        result.play(SR, item=3)


@pytest.mark.parametrize(
    "wave", [torch.zeros(2, 3, 4), torch.zeros(4, dtype=torch.complex64), torch.tensor(0.0)]
)
def test_what_no_player_plays(wave):
    with pytest.raises(SpecInvError, match="wave has shape"):
        players.wav_bytes(wave, SR)


def test_each_source_of_a_mixture_is_shown(tmp_path):
    waves = torch.stack([example("speech")[0][:6000], example("music")[0][:6000]])
    spec = torch.stack([magnitude(waves, 256), magnitude(2 * waves, 256)])
    mixture = torch.stack([waves.sum(0), 2 * waves.sum(0)])
    found = separate(spec, mixture, max_iter=3, window=hann(256, spec.dtype), verbose=False)
    html = found._repr_html_()
    heard = [sound[0] for _, sound in samples(html)]
    assert len(heard) == 4
    for sound, wave in zip(heard, found.wave.reshape(4, -1).numpy(), strict=True):
        shown = wave / max(np.abs(wave).max(), 1)
        assert np.abs(sound - shown).max() < 1 / 32767
    for value in found.per_source["sc"].flatten().tolist():
        assert f"<td>{value:.2f} dB</td>" in html
    assert len(found.save(tmp_path / "out.wav", sr=SR)) == 4
    assert len(found.plot(SR).axes) == 2


# -- pictures --------------------------------------------------------------------------------------


def test_plot_shows_the_spectrogram_of_the_wave(result):
    left, right = result.plot(SR, item=1).axes
    drawn = left.images[0].get_array()
    again = magnitude(result.wave[1], 256)
    decibels = 20 * torch.log10(again.clamp_min(1e-30))
    inner = slice(2, -2)  # without the padding of the edges
    assert np.abs(drawn[:, inner] - decibels[:, inner].numpy()).max() < 0.01
    assert left.get_xlabel() == "time in s"
    assert left.get_xlim()[1] == pytest.approx(drawn.shape[1] * 64 / SR)
    assert len(right.lines) == 3
    sc = result.history["sc"][:, 2]
    assert right.lines[2].get_ydata() == pytest.approx(sc.tolist())
    assert right.lines[2].get_xdata().tolist() == list(result.evaluated)


@pytest.mark.parametrize("y_axis", ["linear", "log", "mel", "cqt"])
def test_a_tone_is_drawn_at_its_tick(y_axis):
    """The brightest row of a tone of 1 kHz is where the axis says 1k."""
    librosa = pytest.importorskip("librosa")
    tone = np.sin(2 * np.pi * 1000 * np.arange(SR) / SR).astype(np.float32)
    spec = np.abs(librosa.stft(tone, n_fft=1024))
    keywords = {}
    if y_axis == "mel":
        spec = librosa.feature.melspectrogram(S=spec, sr=SR, n_mels=80)
    if y_axis == "cqt":
        bins = 32.70319566 * 2 ** (np.arange(84) / 12)
        spec = np.exp(-((12 * np.log2(bins / 1000)) ** 2))[:, None] * np.ones((1, 20))
    ax = plots.new_figure(4, 3).subplots()
    same = plots.specshow(spec, sr=SR, hop_length=256, y_axis=y_axis, ax=ax, **keywords)
    assert same is ax
    tick = dict(zip([t.get_text() for t in ax.get_yticklabels()], ax.get_yticks(), strict=True))
    loudest = int(spec.mean(1).argmax())
    if y_axis == "log":
        assert tick["1k"] == pytest.approx(loudest * SR / 1024, abs=SR / 1024)
    else:
        assert tick["1k"] == pytest.approx(loudest, abs=0.6)


def test_specshow_reads_every_kind_of_values():
    generator = torch.Generator().manual_seed(0)
    spec = torch.rand(20, 30, generator=generator) + 0.1
    expected = 20 * torch.log10(spec).numpy()
    for given, values in ((spec, "magnitude"), (spec**2, "power"), (20 * spec.log10(), "db")):
        ax = plots.specshow(given, values=values, ax=plots.new_figure(3, 3).subplots())
        assert np.abs(ax.images[0].get_array() - expected).max() < 1e-4
        assert ax.images[0].get_clim() == pytest.approx((expected.max() - 80, expected.max()))
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("frames", "row")
    ax = plots.specshow(spec, reference=10.0, ax=plots.new_figure(3, 3).subplots())
    assert ax.images[0].get_clim() == pytest.approx((-60, 20))
    for bad in (torch.zeros(2, 3, 4), torch.zeros(0, 3), "x"):
        with pytest.raises(SpecInvError, match="spec"):
            plots.specshow(bad)
    for keywords in ({"y_axis": "mels"}, {"values": "dB"}):
        with pytest.raises(SpecInvError, match=next(iter(keywords))):
            plots.specshow(spec, **keywords)
    plots.specshow(torch.full((3, 4), torch.nan), ax=plots.new_figure(3, 3).subplots())


def test_without_matplotlib(result, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(SpecInvError, match=r"torch_specinv\[cli\]"):
        result.plot()
    assert "matplotlib" in result._repr_html_()
    assert len(list(samples(result._repr_html_()))) == 3


def test_griffin_lim_still_returns_a_wave(spec):
    assert isinstance(griffin_lim(spec[0], 1, window="hann", verbose=False), torch.Tensor)


@pytest.mark.parametrize("name", ["speech", "music"])
def test_examples(name):
    wave, sr = example(name)
    assert sr == 22050
    assert wave.dtype == torch.float32
    assert 4.9 < len(wave) / sr < 5.5
    assert 0.49 < float(wave.abs().max()) <= 0.5
    with pytest.raises(SpecInvError, match=r"name='speach' .*Did you mean 'speech'"):
        example("speach")


def test_notebooks_show_a_figure_without_pyplot(result):
    figure = result.plot(SR)
    for shown in (figure, pickle.loads(pickle.dumps(figure))):
        assert shown._repr_png_()[:4] == b"\x89PNG"
