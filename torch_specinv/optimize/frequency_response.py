r"""The frequency response of a transform, measured with narrow bands of noise.

One band of noise after another goes through the transform. The output tells how much of the power
at each frequency arrives in each band of the transform, :math:`|T|^2 \approx B |S|^2`.
"""

from __future__ import annotations

import contextlib
import math

import torch
from torch import Tensor

from ..errors import SpecInvError
from ..transform.callables import Transform
from ..transform.sizes import bin_count, ceil_div
from ..transform.stft import STFT

# The longest band of noise, in n_fft; how many, and how many samples, are transformed at a time
_LONGEST = 32
_AT_ONCE = 32
_SAMPLES = 2**22


def measure_bank(
    transform_fn: Transform,
    like: Tensor,
    bands: int,
    n_fft: int,
    generator: torch.Generator | None,
) -> tuple[Tensor, int]:
    """Return the share of each bin's power that arrives in each band.

    Parameters
    ----------
    transform_fn : callable
        From waveforms shaped as `like` to (..., bands, frames).
    like : Tensor
        A waveform (..., samples), for its shape, dtype and device.
    bands : int
        How many bands the transform has.
    n_fft : int
        Of the STFT whose bins are meant; at most as long as a waveform.
    generator : torch.Generator, optional
        For the noise.

    Returns
    -------
    bank : Tensor
        Shape (bands, n_fft // 2 + 1), float64, on the CPU, not negative.
    degree : int
        1 if the transform gives magnitudes, 2 for powers.

    Raises
    ------
    SpecInvError
        If it gives neither magnitudes nor powers.
    """
    lines = min(_LONGEST, like.shape[-1] // n_fft)
    ask, length = _choose_way(transform_fn, like, bands, lines * n_fft)
    degree = _degree(ask, _white(like, length, generator))
    window = torch.hann_window(n_fft, dtype=like.dtype, device=like.device)
    columns: list[Tensor] = []
    for bins in torch.arange(bin_count(n_fft), device="cpu").split(
        max(1, min(_AT_ONCE, _SAMPLES // length))
    ):
        probes = _noise(bins, n_fft, lines, like, generator)
        # repeated up to the length that the transform takes
        probes = probes.repeat(1, ceil_div(length, probes.shape[1]))[:, :length]
        stft = STFT.of_wave(probes, n_fft=n_fft, window=window)
        given = _steady(stft(probes).square()).sum(1)
        columns.append(_steady(ask(probes) ** (2 / degree)) / given[:, None])
    return torch.cat(columns).mT.cpu().double(), degree


def _white(like: Tensor, length: int, generator: torch.Generator | None) -> Tensor:
    """Return two waves of white noise (2, length), which has power in every band."""
    device = "cpu" if generator is None else generator.device
    return torch.randn(2, length, generator=generator, device=device).to(like)


def _noise(
    bins: Tensor, n_fft: int, lines: int, like: Tensor, generator: torch.Generator | None
) -> Tensor:
    """Return noise (bins, lines * n_fft) of power 1, for each bin within half a bin of it.

    It is the sum of as many sinusoids as `lines` says, with random phases.
    """
    length = lines * n_fft
    place = (bins[:, None] * lines + torch.arange(lines, device="cpu") - lines // 2).clamp(
        0, length // 2
    )
    device = "cpu" if generator is None else generator.device
    turn = 2 * math.pi * torch.rand(place.shape, generator=generator, device=device).cpu()
    spectrum = torch.zeros(len(bins), bin_count(length), dtype=torch.complex64, device="cpu")
    spectrum.scatter_(1, place, torch.polar(torch.ones_like(turn), turn))
    noise = torch.fft.irfft(spectrum, length).to(like)
    return noise / noise.square().mean(1, keepdim=True).sqrt()


def _choose_way(
    transform_fn: Transform, like: Tensor, bands: int, short: int
) -> tuple[Transform, int]:
    """Return a function from (waves, length) to magnitudes (waves, bands, frames), and the length.

    If the transform takes many waves at once, short ones, without mixing them, so does the
    function. Otherwise it transforms one wave after the other, in the shape of `like`.
    """
    samples = like.shape[-1]
    middle = [1] * (like.ndim - 2)

    def together(waves: Tensor) -> Tensor:
        out = transform_fn(waves.reshape(len(waves), *middle, waves.shape[1]))
        return out.abs().reshape(len(waves), bands, -1)

    for length in (short, 4 * short, samples):
        if length > samples:
            continue
        with contextlib.suppress(RuntimeError, ValueError, IndexError, AssertionError, TypeError):
            pair = torch.sin(
                torch.arange(2 * length, device=like.device).to(like) ** 1.5 / 1e3
            ).reshape(2, length)
            both, alone = together(pair), together(pair[1:])
            # waves of one call must not influence each other
            if torch.allclose(both[1:], alone, atol=1e-4 * float(both.max())):
                return together, length

    def one_by_one(waves: Tensor) -> Tensor:
        out = [transform_fn(wave.expand(like.shape)) for wave in waves]
        return torch.stack([x.reshape(-1, bands, x.shape[-1])[0] for x in out]).abs()

    return one_by_one, samples


def _degree(ask: Transform, noise: Tensor) -> int:
    """Return 1 for magnitudes, 2 for powers."""
    once, twice = (float(ask(level * noise).cpu().double().norm()) for level in (1, 2))
    degree = math.log2(twice / once) if once > 0 and twice > 0 else 0.0
    if not any(abs(degree - whole) < 1e-2 for whole in (1, 2)):
        raise SpecInvError(
            "wave_init needs a transform of magnitudes or powers, but noise twice as loud comes "
            f"out {2**degree:.3g} times as large: a logarithm? Undo it in spec, and leave it out "
            "of transform_fn; L_BFGS may have it again."
        )
    return round(degree)


def _steady(power: Tensor) -> Tensor:
    """Return the mean over the frames, but for an eighth of them at each end."""
    frames = power.shape[-1]
    return power[..., frames // 8 : frames - frames // 8].mean(-1)
