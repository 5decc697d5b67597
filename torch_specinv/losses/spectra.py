"""Spectra and their powers, with gradients of their own, which cost less than autograd's.

For a real transform autograd computes a complex one of twice the size, and for frames and for
squares of complex numbers as much again. But the gradients are known: for the spectra an inverse
real transform and an overlap-add, for the powers a product.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from ..derivatives import is_differentiated
from ..transform.frames import cut, overlap_add
from ..transform.padding import reflect


def transform(wave: Tensor, window: Tensor, hop_length: int, n_fft: int) -> Tensor:
    """Cut waves (batch, samples) into frames, weigh and transform them: (batch, frames, bins)."""
    frames = cut(wave, len(window), hop_length) * window
    return torch.fft.rfft(frames, n_fft)


class Spectra(torch.autograd.Function):
    """Spectra (batch, frames, bins) of windowed frames of waves (batch, samples).

    A window shorter than n_fft is put at the beginning of its frame, not in the middle: that
    turns the phases of all signals alike.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(wave: Tensor, window: Tensor, hop_length: int, n_fft: int) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Cut, weigh and transform."""
        return transform(wave, window, hop_length, n_fft)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Remember the numbers; the map is linear."""
        wave, window, ctx.hop_length, ctx.n_fft = inputs
        ctx.samples = wave.shape[-1]
        ctx.save_for_backward(window)
        ctx.save_for_forward(window)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Transform back without scaling, weigh, and add up where frames overlap."""
        (window,) = ctx.saved_tensors
        # the inverse transform counts inner bins twice, for their mirror images
        share = torch.full((gradient.shape[-1],), 0.5, dtype=window.dtype, device=window.device)
        share[0] = 1
        if ctx.n_fft % 2 == 0:
            share[-1] = 1
        frames = torch.fft.irfft(gradient * share, ctx.n_fft, norm="forward")
        wave = overlap_add(frames[..., : len(window)] * window, ctx.hop_length)
        return torch.nn.functional.pad(wave, (0, ctx.samples - wave.shape[-1])), None, None, None


class SpectraInBothModes(Spectra):
    """The same with a derivative in forward mode, which torch.compile refuses."""

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *_: Any) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Transform the tangent."""
        (window,) = ctx.saved_tensors
        return transform(tangent, window, ctx.hop_length, ctx.n_fft)


class Power(torch.autograd.Function):
    """The squared magnitude of complex numbers."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Add the squares of the parts."""
        parts = torch.view_as_real(x.resolve_conj())
        squares = parts * parts
        return squares[..., 0] + squares[..., 1]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        """Remember the numbers."""
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Multiply by 2 x."""
        (x,) = ctx.saved_tensors
        return x * (2 * gradient)


class PowerInBothModes(Power):
    """The same with a derivative in forward mode, which torch.compile refuses."""

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Take twice the real part of the product with the conjugate."""
        (x,) = ctx.saved_tensors
        return 2 * (x.real * tangent.real + x.imag * tangent.imag)


def safe_power(x: Tensor, exponent: float) -> Tensor:
    """Return a power of what is not negative; its gradient at 0 is 0."""
    silent = x <= 0
    return torch.where(silent, 0, torch.where(silent, 1, x) ** exponent)


def power(x: Tensor) -> Tensor:
    """Return the squared magnitude of complex numbers."""
    function = Power if torch.compiler.is_compiling() else PowerInBothModes
    return cast("Tensor", function.apply(x))


def spectra(wave: Tensor, window: Tensor, hop_length: int, n_fft: int) -> Tensor:
    """Return spectra (..., bins, frames) of waves (..., samples), padded by reflection.

    The frames are those of :func:`torch.stft`, but for a phase that is linear along the bins where
    the window is shorter than n_fft.
    """
    flat = wave.reshape(-1, wave.shape[-1])
    padded = reflect(flat, n_fft // 2)
    frames = 1 + (padded.shape[-1] - n_fft) // hop_length
    # the window lies in the middle of its frame
    begin = (n_fft - len(window)) // 2
    padded = padded[:, begin : begin + (frames - 1) * hop_length + len(window)]
    # autograd's own gradient where the window has one
    if is_differentiated(window):
        found = transform(padded, window, hop_length, n_fft)
    else:
        function = Spectra if torch.compiler.is_compiling() else SpectraInBothModes
        found = cast("Tensor", function.apply(padded, window, hop_length, n_fft))
    return found.reshape(*wave.shape[:-1], frames, -1).mT
