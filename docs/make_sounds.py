"""Make the example sounds of the package: python docs/make_sounds.py

Speech is spoken by espeak-ng, and a little piece of music, written down here, is played by
FluidSynth with the soundfont FluidR3_GM (MIT licence). Both programs and the soundfont are packages
of Debian: espeak-ng, fluidsynth, fluid-soundfont-gm. The files go into torch_specinv/io/sounds.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import soundfile
import soxr

SR = 22050
SOUNDS = Path(__file__).parents[1] / "torch_specinv" / "io" / "sounds"
SOUNDFONT = "/usr/share/sounds/sf2/FluidR3_GM.sf2"
TEXT = "Half of the sound was lost on the way. Listen, how the other half brings it back."
TICKS = 480
# Chords of a guitar, and a flute above them: (beat, beats, channel, notes)
PIECE = [
    (0.0, 0.5, 0, (45, 57)), (0.5, 0.5, 0, (64,)), (1.0, 0.5, 0, (60,)), (1.5, 0.5, 0, (64,)),
    (2.0, 0.5, 0, (41, 57)), (2.5, 0.5, 0, (65,)), (3.0, 0.5, 0, (60,)), (3.5, 0.5, 0, (65,)),
    (4.0, 0.5, 0, (48, 55)), (4.5, 0.5, 0, (64,)), (5.0, 0.5, 0, (60,)), (5.5, 0.5, 0, (64,)),
    (6.0, 0.5, 0, (43, 55)), (6.5, 0.5, 0, (62,)), (7.0, 0.5, 0, (59,)), (7.5, 0.5, 0, (62,)),
    (8.0, 2.0, 0, (45, 57, 60, 64)),
    (0.0, 1.5, 1, (76,)), (1.5, 0.5, 1, (74,)), (2.0, 1.0, 1, (72,)), (3.0, 1.0, 1, (69,)),
    (4.0, 1.5, 1, (72,)), (5.5, 0.5, 1, (74,)), (6.0, 1.5, 1, (71,)), (7.5, 0.5, 1, (67,)),
    (8.0, 2.0, 1, (69,)),
]  # fmt: skip


def variable_length(number: int) -> bytes:
    """Return a number as a MIDI file writes times: seven bits a byte."""
    parts = [number & 127]
    while number := number >> 7:
        parts.append(number & 127 | 128)
    return bytes(reversed(parts))


def midi() -> bytes:
    """Return the piece as a MIDI file of one track."""
    events = [(0, bytes([0xC0, 24])), (0, bytes([0xC1, 73])), (0, b"\xff\x51\x03\x07\x53\x00")]
    for begin, beats, channel, notes in PIECE:
        for note in notes:
            events.append((round(begin * TICKS), bytes([0x90 | channel, note, 88 - 16 * channel])))
            events.append((round((begin + beats) * TICKS), bytes([0x80 | channel, note, 0])))
    track, now = b"", 0
    for time, event in sorted(events, key=lambda each: each[0]):
        track += variable_length(time - now) + event
        now = time
    track += variable_length(TICKS) + b"\xff\x2f\x00"
    head = b"MThd" + (6).to_bytes(4, "big") + b"\0\0\0\1" + TICKS.to_bytes(2, "big")
    return head + b"MTrk" + len(track).to_bytes(4, "big") + track


def main() -> None:
    """Make both files."""
    SOUNDS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        speech = folder / "speech.wav"
        voice = ["-v", "en-gb", "-s", "155", "-w", str(speech), TEXT]
        subprocess.run(["espeak-ng", *voice], check=True)
        (folder / "piece.mid").write_bytes(midi())
        music = folder / "music.wav"
        settings = ["-ni", "-q", "-g", "0.7", "-r", "44100", "-F", str(music), SOUNDFONT]
        subprocess.run(["fluidsynth", *settings, str(folder / "piece.mid")], check=True)
        for path, seconds in ((speech, 6.0), (music, 5.0)):
            wave, sr = soundfile.read(path, always_2d=True)
            wave = soxr.resample(wave.mean(1), sr, SR)[: round(seconds * SR)]
            fade = min(len(wave), SR // 10)
            wave[-fade:] *= 1 - (1 + 0 * wave[-fade:]).cumsum() / fade
            wave *= 0.5 / abs(wave).max()
            target = SOUNDS / f"{path.stem}.flac"
            soundfile.write(target, wave, SR, "PCM_16")
            print(target.name, f"{len(wave) / SR:.2f} s, {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
