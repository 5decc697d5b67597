"""Sound for training, made from nothing: sentences spoken by espeak-ng, notes, drums and noises."""

from __future__ import annotations

import math
import subprocess

import numpy as np
from scipy.signal import fftconvolve, lfilter, resample_poly

SR = 16000
VOICES = (
    "en-gb", "en-us", "en-gb-scotland", "en-gb-x-rp", "de", "fr", "es", "it", "pl", "pt", "sv",
    "nl", "fi", "tr", "ru", "hu", "cs", "da", "el", "hi", "sw", "vi", "cmn", "ro",
)  # fmt: skip
VARIANTS = (
    "", "+m1", "+m2", "+m3", "+m4", "+m5", "+m6", "+m7", "+f1", "+f2", "+f3", "+f4", "+f5",
    "+croak", "+whisper", "+klatt", "+klatt2", "+klatt3", "+klatt4", "+Andy", "+Annie", "+Linda",
)  # fmt: skip
TEXTS = (
    "The boat was late, and nobody on the quay had thought of bringing a lamp.",
    "Seven grey geese flew over the mill while the children were counting them.",
    "If you shake the jar, the sugar goes to the bottom and the paper stays on top.",
    "She asked which of the three roads leads to the village behind the forest.",
    "Please measure it twice; a short board can't be made longer afterwards!",
    "Whoever wrote this letter used a very old pen and hardly any ink.",
    "Fish, chips and vinegar: that was all the shop sold, year after year.",
    "He judged the edge of the bridge to be just about strong enough.",
    "Above the clouds the light was thin, cold, and of a curious blue.",
    "Do they usually ring the bell at noon, or only when somebody is leaving?",
    "Morning rain makes the moss on our northern wall glow like velvet.",
    "Thirty six and forty eight are eighty four; half of that is forty two.",
)


def speech(rng: np.random.Generator) -> np.ndarray:
    """Say a sentence in a random voice."""
    voice = str(rng.choice(VOICES)) + str(rng.choice(VARIANTS))
    command = [
        "espeak-ng", "--stdout", "-v", voice, "-p", str(rng.integers(10, 95)),
        "-s", str(rng.integers(110, 230)), str(rng.choice(TEXTS)),
    ]  # fmt: skip
    sound = subprocess.run(command, check=True, capture_output=True).stdout
    sr = int.from_bytes(sound[24:28], "little")
    common = math.gcd(sr, SR)
    wave = np.frombuffer(sound[44:], dtype="<i2") / 32768  # its header says a wrong length
    wave = resample_poly(wave, SR // common, sr // common)
    if (
        rng.random() < 0.5
    ):  # natural voices are less even: a wandering pace moves pitch and formants
        wave = warp(wave, rng, 0.06)
    return wave


def warp(wave: np.ndarray, rng: np.random.Generator, depth: float) -> np.ndarray:
    """Play at a pace that wanders."""
    n = np.arange(len(wave))
    place = n.astype(float)
    for rate in rng.uniform(1, 12, 4):
        swing = depth / 4 * SR / (2 * math.pi * rate)
        place += swing * np.sin(2 * math.pi * rate * n / SR + rng.uniform(0, 6.3))
    return np.interp(place, n, wave)


def note(rng: np.random.Generator, samples: int, pitch: float) -> np.ndarray:
    """Play a note: harmonics with an envelope, vibrato, glide and a little inharmonicity."""
    t = np.arange(samples) / SR
    bend = rng.choice([0, 0, 1]) * rng.uniform(-0.3, 0.3) * t
    vibrato = (
        rng.choice([0, 1]) * rng.uniform(0.002, 0.02) * np.sin(2 * math.pi * rng.uniform(3, 8) * t)
    )
    turns = np.cumsum(pitch * np.exp2(bend + vibrato)) / SR
    harmonics = int(min(rng.integers(1, 40), 7500 / (pitch * 1.3)))
    stretch = rng.choice([0, 0, 1]) * rng.uniform(0, 5e-4)
    fall, decay = rng.uniform(0.3, 2), rng.choice([0, 1]) * rng.uniform(0.3, 3)
    wave = np.zeros(samples)
    odd = rng.random() < 0.2
    for h in range(1, max(2, harmonics + 1), 2 if odd else 1):
        loud = h**-fall * rng.uniform(0.3, 1) * np.exp(-decay * t * math.sqrt(h))
        wave += loud * np.sin(
            2 * math.pi * (turns * h * math.sqrt(1 + stretch * h * h) + rng.random())
        )
    attack = rng.uniform(0.002, 0.1)
    return wave * np.minimum(1, t / attack) * np.minimum(1, (t[-1] - t) / 0.03)


def drum(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Strike something: a falling tone, noise or both."""
    t = np.arange(samples) / SR
    tone = np.sin(2 * math.pi * np.cumsum(rng.uniform(40, 400) * (1 + 2 * np.exp(-40 * t))) / SR)
    skin, noise = np.exp(-rng.uniform(5, 40) * t), np.exp(-rng.uniform(8, 80) * t)
    return rng.random() * tone * skin + rng.random() * noise * rng.standard_normal(samples)


def filtered(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Return noise through one to four random resonances, with a wandering level."""
    wave = rng.standard_normal(samples)
    for _ in range(rng.integers(1, 5)):
        r, w = rng.uniform(0.5, 0.995), rng.uniform(0, math.pi)
        wave = lfilter([1], [1, -2 * r * math.cos(w), r * r], wave)
    knots = np.arange(0, samples + SR, SR // int(rng.integers(2, 16)))
    level = np.interp(
        np.arange(samples), knots, np.exp(rng.uniform(0, 2) * rng.standard_normal(len(knots)))
    )
    return wave / wave.std() * level


def music(rng: np.random.Generator) -> np.ndarray:
    """Return four seconds of notes, chords, drums or noises."""
    samples = 4 * SR
    wave = np.zeros(samples + 2 * SR)
    kind = rng.random()
    if kind < 0.15:
        return filtered(rng, samples)
    beat = rng.uniform(0.12, 0.6)
    place = 0.0
    root = rng.uniform(50, 500)
    while place < 4:
        long = int(SR * rng.uniform(0.5, 3) * beat) + 800
        for _ in range(rng.choice([1, 1, 2, 3, 4]) if kind < 0.8 else 0):
            pitch = root * 2 ** (rng.choice([0, 2, 3, 4, 5, 7, 9, 10, 12, 15, 19, 24]) / 12)
            n = min(long, 2 * SR - 1)
            at = int(place * SR)
            wave[at : at + n] += rng.uniform(0.2, 1) * note(rng, n, pitch)[: len(wave) - at]
        if kind > 0.6 and rng.random() < 0.7:
            at = int(place * SR)
            hit = rng.uniform(0.3, 2) * drum(rng, SR // 2)
            wave[at : at + SR // 2] += hit[: len(wave) - at]
        place += beat * rng.choice([0.5, 1, 1, 2])
    return wave[:samples]


def colour(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Add a room, a tilt and a floor of noise, each to some sounds only."""
    if rng.random() < 0.3:
        t = np.arange(int(SR * rng.uniform(0.05, 0.5))) / SR
        room = (
            rng.standard_normal(len(t)) * np.exp(-t * rng.uniform(8, 40)) * rng.uniform(0.02, 0.2)
        )
        room[0] = 1
        wave = fftconvolve(wave, room)[: len(wave)]
    if rng.random() < 0.5:
        wave = lfilter([1, rng.uniform(-0.9, 0.6)], [1], wave)
    wave = wave / max(1e-9, np.abs(wave).max())
    if rng.random() < 0.6:
        wave = wave + 10 ** rng.uniform(-5, -1.7) * rng.standard_normal(len(wave))
    return wave.astype(np.float32)


def make_pool(count: int, seed: int) -> list[np.ndarray]:
    """Return the sounds that crops are taken from: half of them speech."""
    rng = np.random.default_rng(seed)
    return [colour(speech(rng) if i % 2 else music(rng), rng) for i in range(count)]
