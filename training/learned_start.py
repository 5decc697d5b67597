"""Train the weights of ``init="learned"``, from nothing but sound that this script makes.

    python training/learned_start.py --minutes 33

Speech comes from espeak-ng, which must be installed, music and noises from the formulas below. No
recording is used, so the weights are free of anybody's rights but the package's own licence. The
seed is fixed, but the clock decides how many steps are made: those in the package come from the
command above, which made 32926 on one core. With ``--steps`` the same machine gives the same again.
Needs scipy. Writes torch_specinv/phase/learned_weights.npz.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.signal import fftconvolve, lfilter, resample_poly
from torch.nn import functional

from torch_specinv import STFT
from torch_specinv.phase import step_network
from torch_specinv.transform.windows import gaussian_width

SR = 16000
OUT = Path(__file__).parents[1] / "torch_specinv" / "phase" / "learned_weights.npz"
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


@dataclass
class Setting:
    """A transform, and how many frames and items make up one step."""

    n_fft: int
    hop_length: int
    window: torch.Tensor
    frames: int
    items: int


def draw_setting(rng: np.random.Generator, bins: int, *, early: bool = False) -> Setting:
    """Return a random transform of about `bins` bins in all; one of 75 % overlap if `early`."""
    n_fft = int(rng.choice([512, 1024, 2048, 400, 768, 1200], p=[0.2, 0.4, 0.2, 0.08, 0.06, 0.06]))
    length = n_fft if rng.random() < 0.85 else int(n_fft * rng.uniform(0.5, 1))
    kind = rng.random()
    if kind < 0.45:
        window = torch.hann_window(length)
    elif kind < 0.6:
        window = torch.hamming_window(length)
    elif kind < 0.8:
        window = torch.blackman_window(length)
    else:  # in between
        share = torch.from_numpy(rng.dirichlet([1, 1, 1])).float()
        made = (torch.hann_window, torch.hamming_window, torch.blackman_window)
        window = sum(s * f(length) for s, f in zip(share, made, strict=True))
    overlap = 0.0 if early else rng.random()
    ratio = 4 if overlap < 0.5 else 2 if overlap < 0.7 else 8 if overlap < 0.9 else 0
    hop_length = int(length / (ratio or 2 ** rng.uniform(1, 3)))
    frames = {4: 64, 2: 40, 8: 96}.get(ratio, 64)
    items = max(1, round(bins / (frames * (n_fft // 2 + 1))))
    left = (n_fft - length) // 2
    window = functional.pad(window, (left, n_fft - length - left))
    return Setting(n_fft, hop_length, window, frames, items)


def crop(pool: list[np.ndarray], samples: int, rng: np.random.Generator) -> np.ndarray:
    """Cut a piece out of a sound, or of the sum of two, at another pace."""
    out = np.zeros(samples, dtype=np.float32)
    for _ in range(2 if rng.random() < 0.2 else 1):
        for _ in range(5):
            wave = pool[rng.integers(len(pool))]
            pace = rng.uniform(0.55, 1.3) if rng.random() < 0.5 else 1.0
            need = int(samples * pace) + 2
            start = int(rng.integers(-samples // 8, max(1, len(wave) - need * 3 // 4)))
            piece = wave[max(0, start) : max(0, start) + need]
            if np.abs(piece).max() > 0.02:
                break
        if pace != 1:
            piece = np.interp(np.arange(0, len(piece) - 1, pace), np.arange(len(piece)), piece)
        piece = piece[:samples].astype(np.float32)
        out[: len(piece)] += piece * np.float32(rng.uniform(0.1, 1))
    return out


def degrade(s: torch.Tensor, setting: Setting, rng: np.random.Generator) -> torch.Tensor:
    """Make one item's magnitude (frames, bins) inexact, in four cases of ten."""
    u = rng.random()
    if u < 0.6:
        return s
    log = s.clamp_min(1e-5 * float(s.max())).log()
    if u < 0.82:
        pace = max(1.0, len(setting.window) / 4 / setting.hop_length)
        return blur(log, rng.uniform(0.1, 1.1) * pace, rng.uniform(0.2, 1.4)).exp()
    if u < 0.9:
        noise = torch.from_numpy(rng.standard_normal(s.shape).astype(np.float32))
        return s * (rng.uniform(0.05, 0.45) * noise).exp()
    if u < 0.95:
        mean = log.mean(0, keepdim=True)
        left, value, right = torch.linalg.svd(log - mean, full_matrices=False)
        rank = int(rng.integers(8, 28))
        return ((left[:, :rank] * value[:rank]) @ right[:rank] + mean).exp()
    # spread from bands that widen with the frequency, as those of mel spectrograms
    bins = s.shape[1]
    grid = (torch.arange(bins) / bins + 0.08).log()
    bank = 1 - (grid - torch.linspace(float(grid[0]), float(grid[-1]), 70)[:, None]).abs() * 25
    bank = bank.clamp_min(0) + 1e-6
    bands = (s @ bank.T) / bank.sum(1)
    return bands @ (bank / bank.sum(0))


def blur(log: torch.Tensor, along_time: float, along_frequency: float) -> torch.Tensor:
    """Convolve with a Gaussian of these standard deviations."""
    x = log[None, None]
    for sigma, flat in ((along_time, False), (along_frequency, True)):
        reach = int(3 * sigma) + 1
        kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
        kernel = (kernel / kernel.sum()).view((1, 1, 1, -1) if flat else (1, 1, -1, 1))
        pad = (reach, reach, 0, 0) if flat else (0, 0, reach, reach)
        x = functional.conv2d(functional.pad(x, pad, mode="replicate"), kernel)
    return x[0, 0]


def new_weights() -> dict[str, torch.Tensor]:
    """Return weights that correct nothing yet."""
    weights = {}
    for i, (inputs, outputs, kernel, _) in enumerate(step_network.LAYERS):
        weight = torch.zeros(step_network.terms(i), outputs, inputs, *kernel)
        bias = torch.zeros(step_network.terms(i), outputs)
        if i < len(step_network.LAYERS) - 1:
            weight[0].normal_(0, (inputs * kernel[0] * kernel[1]) ** -0.5)
        else:
            bias[0, ::2] = 1
        weights[f"weight{i}"], weights[f"bias{i}"] = weight, bias
    return {name: value.requires_grad_() for name, value in weights.items()}


def geometry_of(setting: Setting):
    """Return the geometry of the frames of one step."""
    spec = torch.ones(setting.n_fft // 2 + 1, setting.frames)
    keywords = {"hop_length": setting.hop_length, "window": setting.window, "center": False}
    return STFT.of(spec, **keywords).geometry


def loss_of(
    weights: dict[str, torch.Tensor],
    setting: Setting,
    pool: list[np.ndarray],
    rng: np.random.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return how wrong the steps are, corrected and as they were, for one batch of crops."""
    n, a, k = setting.n_fft, setting.hop_length, setting.n_fft // 2 + 1
    samples = (setting.frames - 1) * a + n
    wave = torch.from_numpy(np.stack([crop(pool, samples, rng) for _ in range(setting.items)]))
    truth = torch.stft(wave, n, a, window=setting.window, center=False, return_complex=True).mT
    amplitude = truth.abs()
    given = torch.stack([degrade(s, setting, rng) for s in amplitude])
    strength = given / given.amax((-2, -1), keepdim=True).clamp_min(1e-9)
    if rng.random() < 0.3:  # a louder sound elsewhere
        strength = strength * 10 ** -rng.uniform(0, 2)
    geometry = geometry_of(setting)
    width = gaussian_width(setting.window)
    powers = step_network.basis(*step_network.conditions(geometry, width))
    seen = step_network.features(strength, geometry, width)
    by_time, by_frequency = step_network.run(seen, step_network.kernels(weights, powers))

    phase = truth.angle()
    steps = step_network.slopes(strength.clamp_min(1e-7).log(), geometry, width)
    carrier = 2 * math.pi * (torch.arange(k) * a % n) / n
    centre = step_network.centroid(setting.window)
    time_error = phase[:, 1:] - phase[:, :-1] - carrier - steps[0][:, :-1]
    frequency_error = (
        phase[..., 1:] - phase[..., :-1] + 2 * math.pi * centre / n - steps[1][..., :-1]
    )
    loud = amplitude / amplitude.amax((-2, -1), keepdim=True).clamp_min(1e-9)
    before = path_loss(time_error, 1, loud) + path_loss(frequency_error, 2, loud)
    after = path_loss(time_error - by_time[:, :-1, :k], 1, loud) + path_loss(
        frequency_error - by_frequency[..., : k - 1], 2, loud
    )
    return after, before.detach()


def path_loss(error: torch.Tensor, dim: int, loud: torch.Tensor) -> torch.Tensor:
    """Return 1 - cos of the errors of one, two and four steps in a row, weighted by loudness.

    The steps will be summed: an error that repeats is worse than one that does not.
    """
    total = torch.zeros(())
    weight = torch.minimum(*_neighbours(loud, dim))
    for share in (1.0, 0.5, 0.2):
        if error.shape[dim] < 1:
            break
        total = total + share * (weight * (1 - error.cos())).sum() / weight.sum().clamp_min(1e-9)
        size = error.shape[dim]
        stride = loud.shape[dim] - size  # steps that are summed already
        if size <= stride:
            break
        error = error.narrow(dim, 0, size - stride) + error.narrow(dim, stride, size - stride)
        weight = torch.minimum(
            weight.narrow(dim, 0, size - stride), weight.narrow(dim, stride, size - stride)
        )
    return total


def _neighbours(x: torch.Tensor, dim: int) -> tuple[torch.Tensor, torch.Tensor]:
    return x.narrow(dim, 0, x.shape[dim] - 1), x.narrow(dim, 1, x.shape[dim] - 1)


def save(weights: dict[str, torch.Tensor], path: Path) -> None:
    """Write the weights, in half precision."""
    arrays = {name: value.detach().numpy().astype(np.float16) for name, value in weights.items()}
    np.savez_compressed(path, **arrays)


def main() -> None:
    """Train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=33)
    parser.add_argument("--steps", type=int, help="instead of minutes, to get the same again")
    parser.add_argument("--sounds", type=int, default=700)
    parser.add_argument("--bins", type=int, default=60_000, help="of one step")
    parser.add_argument("--rate", type=float, default=4e-3)
    parser.add_argument("--out", type=Path, default=OUT)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    began = time.monotonic()
    pool = make_pool(chosen.sounds, seed=1)
    print(f"{len(pool)} sounds, {sum(map(len, pool)) / SR / 60:.1f} minutes,", end=" ")
    print(f"made in {time.monotonic() - began:.0f} s", flush=True)
    rng = np.random.default_rng(2)
    weights = new_weights()
    mean = {name: value.detach().clone() for name, value in weights.items()}
    optimiser = torch.optim.Adam(weights.values(), betas=(0.9, 0.98))
    began = time.monotonic()
    step, seen = 0, []
    while True:
        passed = (
            step / chosen.steps
            if chosen.steps
            else (time.monotonic() - began) / (60 * chosen.minutes)
        )
        if passed >= 1:
            break
        rate = (
            chosen.rate * min(1, step / 100) * (0.01 + 0.99 * math.cos(math.pi / 2 * passed) ** 2)
        )
        for group in optimiser.param_groups:
            group["lr"] = rate
        setting = draw_setting(rng, chosen.bins, early=passed < 0.07)
        after, before = loss_of(weights, setting, pool, rng)
        optimiser.zero_grad()
        (after / before.clamp_min(0.01)).backward()  # each overlap counts alike
        torch.nn.utils.clip_grad_norm_(weights.values(), 0.5)
        optimiser.step()
        step += 1
        keep = min(0.998, step / (step + 20))
        for name, value in mean.items():
            value.lerp_(weights[name].detach(), 1 - keep)
        seen.append((float(after.detach()), float(before)))
        if step % 200 == 0:
            got, had = np.mean(seen, 0)
            print(f"{step} {got:.4f} of {had:.4f} {time.monotonic() - began:.0f} s", flush=True)
            seen = []
            save(mean, chosen.out)
    save(mean, chosen.out)
    print(f"{step} steps")


if __name__ == "__main__":
    main()
