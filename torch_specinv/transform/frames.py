"""Frames of a waveform: windowed and transformed, transformed back, and added up."""

from __future__ import annotations

import torch
from torch import Tensor

from ..derivatives import is_transformed
from .geometry import Geometry
from .sizes import ceil_div


def cut(wave: Tensor, size: int, hop_length: int) -> Tensor:
    """Return frames (..., frames, size) of waves (..., samples), as a view where that can be."""
    if not is_transformed():
        return wave.unfold(-1, size, hop_length)
    # torch.vmap takes the gradient of unfold item by item
    count = 1 + (wave.shape[-1] - size) // hop_length
    starts = hop_length * torch.arange(count, device=wave.device)
    return wave[..., starts[:, None] + torch.arange(size, device=wave.device)]


def transform_frames(frames: Tensor, geometry: Geometry) -> Tensor:
    """Window and transform frames (..., n_fft) to spectra (..., bins)."""
    return transform_windowed(frames * geometry.window, geometry)


def transform_windowed(frames: Tensor, geometry: Geometry) -> Tensor:
    """Transform frames (..., n_fft) that are windowed already to spectra (..., bins)."""
    return (torch.fft.rfft if geometry.onesided else torch.fft.fft)(frames, norm=geometry.norm)


def restore_frames(spectra: Tensor, geometry: Geometry) -> Tensor:
    """Transform spectra (..., bins) back to real frames (..., n_fft), windowed once more."""
    g = geometry
    if g.onesided:
        # scaled by the window, as a device would do it in another pass over all frames
        scale = g.n_fft ** (-0.5 if g.normalized else -1.0)
        return torch.fft.irfft(spectra, n=g.n_fft, norm="forward") * (g.window * scale)
    return (torch.fft.ifft(spectra, norm=g.norm) * g.window.conj()).real


def resize(wave: Tensor, length: int) -> Tensor:
    """Cut (..., samples) to `length` samples or fill it up with zeros."""
    if length <= wave.shape[-1]:
        return wave[..., :length]
    return torch.nn.functional.pad(wave, (0, length - wave.shape[-1]))


def overlap_add(frames: Tensor, hop_length: int) -> Tensor:
    """Add up frames (batch, frames, size) that start `hop_length` samples apart.

    A frame is cut into blocks of one hop, so that the sum is a few additions of whole blocks.
    """
    batch, count, size = frames.shape
    blocks = ceil_div(size, hop_length)
    wave = frames.new_zeros(batch, count + blocks - 1, hop_length)
    for k in range(blocks):
        block = frames[..., k * hop_length : (k + 1) * hop_length]
        # not +=, which would copy the sum onto itself
        wave[:, k : k + count, : block.shape[-1]].add_(block)
    return wave.flatten(1)[:, : (count - 1) * hop_length + size]
