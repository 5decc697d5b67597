"""specinv stream: the microphone and the loudspeaker, by a sound card of arrays."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest
import torch

from tests.test_cli_stream import FLAGS, SR, STFT_KEYWORDS
from torch_specinv import STFT, metrics
from torch_specinv.cli import main
from torch_specinv.comparing.signals import speech_like
from torch_specinv.io import write_audio


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_audio("speech.wav", speech_like(SR, 0.5), SR)
    return tmp_path


class Card(types.ModuleType):
    """What the package sounddevice does, with a sound card of arrays."""

    class PortAudioError(Exception):
        """As in the package."""

    def __init__(self, wave, blocks):
        super().__init__("sounddevice")
        self.wave, self.left, self.played, self.opened = wave.numpy(), blocks, [], []
        self.closed = 0
        card = self

        class Stream:
            latency = 0.01

            def __init__(self, **settings):
                card.opened.append(settings)
                self.place, self.running = 0, False

            def __enter__(self):
                self.running = True

            def __exit__(self, *_):
                self.running = False

            start = __enter__

            def stop(self):
                self.running = False

            def close(self):
                assert not self.running
                card.closed += 1

            def read(self, size):
                assert self.running
                if card.left == 0:
                    raise card.PortAudioError("Device unavailable")
                card.left -= 1
                block = card.wave[self.place : self.place + size, None]
                self.place += size
                return block, card.left == 3

            def write(self, samples):
                assert self.running and samples.dtype == np.float32 and samples.shape[1] == 1
                card.played.append(samples[:, 0].copy())
                return len(card.played) in (1, 5)

        self.InputStream = self.OutputStream = Stream

    def check_input_settings(self, samplerate, device, **_):
        if device == "nothing":
            raise ValueError("No input device matching 'nothing'")
        if samplerate > 96000:
            raise self.PortAudioError("Invalid sample rate")

    check_output_settings = check_input_settings


def card(monkeypatch, blocks=40):
    made = Card(speech_like(SR, 0.5), blocks)
    monkeypatch.setitem(sys.modules, "sounddevice", made)
    return made


def test_from_the_microphone_to_the_loudspeaker(monkeypatch, capsys):
    made = card(monkeypatch)
    command = ["stream", "mic", "-o", "speaker", "--sr", str(SR), *FLAGS]
    assert main([*command, "--seconds", "0.2", "--input-device", "2"]) == 0
    told = capsys.readouterr().err
    assert "25 blocks, 0.20 s" in told
    assert "20.0 ms of the devices" in told
    assert "underruns: 1" in told  # that before the first samples is none
    assert [opened["device"] for opened in made.opened] == [2, None]
    assert {opened["samplerate"] for opened in made.opened} == {SR}
    played = torch.from_numpy(np.concatenate(made.played))
    wave = torch.from_numpy(made.wave)[:1600]
    assert played.shape == wave.shape
    stft = STFT.of_wave(wave, **STFT_KEYWORDS)
    assert metrics.sc(stft(played), stft(wave)) < -12


def test_what_was_made_before_an_error_is_heard(monkeypatch, capsys):
    made = card(monkeypatch, blocks=10)
    assert main(["stream", "mic", "-o", "speaker", "--sr", str(SR), *FLAGS]) == 1
    assert "The microphone stopped" in capsys.readouterr().err
    assert made.played and made.closed


def test_devices_that_are_unplugged_or_lack_the_rate(monkeypatch, folder, capsys):
    card(monkeypatch, blocks=10)
    assert main(["stream", "mic", "-o", "out.wav", "--sr", str(SR), *FLAGS]) == 1
    assert "The microphone stopped: unplugged? (Device unavailable)" in capsys.readouterr().err
    made = card(monkeypatch)
    assert main(["stream", "mic", "-o", "out.wav", "--sr", "192000", *FLAGS]) == 2
    assert "can't be used at sr=192000: Invalid sample rate" in capsys.readouterr().err
    missing = ["--sr", str(SR), "--input-device", "nothing"]
    assert main(["stream", "mic", "-o", "out.wav", *missing, *FLAGS]) == 2
    assert "The input device ('nothing') can't be used" in capsys.readouterr().err

    def gone(_self, _samples):
        raise made.PortAudioError("Device unavailable")

    made.OutputStream.write = gone
    assert main(["stream", "speech.wav", "-o", "speaker", *FLAGS]) == 1
    assert "The loudspeaker stopped: unplugged?" in capsys.readouterr().err
