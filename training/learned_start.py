"""Train the weights of ``init="learned"``, from nothing but sound that this script makes.

    python training/learned_start.py --minutes 33

Speech comes from espeak-ng, which must be installed, music and noises from the formulas in
sounds.py. No recording is used, so the weights are free of anybody's rights but the package's own
licence. The seed is fixed, but the clock decides how many steps are made: those in the package come
from the command above, which made 32926 on one core. With ``--steps`` the same machine gives the
same again. Needs scipy. Writes torch_specinv/phase/learned_weights.npz.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sounds import SR, make_pool
from torch.nn import functional

from torch_specinv import STFT
from torch_specinv.phase import step_network
from torch_specinv.transform.windows import gaussian_width

OUT = Path(__file__).parents[1] / "torch_specinv" / "phase" / "learned_weights.npz"


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
