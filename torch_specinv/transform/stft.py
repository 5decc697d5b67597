r"""The short-time Fourier transform and its exact least-squares inverse.

With :math:`R` the padding, :math:`W_m` the windowed frame :math:`m` and :math:`F` the DFT,
analysis is :math:`(Ax)_m = F W_m R x`. Each frame is a selection of samples, so
:math:`A^H A = D` is diagonal: :math:`D` is the folded envelope of the squared window. Hence

.. math:: A^+ = D^{-1} A^H

is the exact least-squares inverse for every padding mode, and :math:`A A^+` is an orthogonal
projection (one-sided: in the inner product that counts every inner bin twice).
"""

from __future__ import annotations

from typing import Unpack

import torch
from torch import Tensor

from ..checks import check_spectrogram, lift
from ..errors import SpecInvError
from ..tensors import Numbers, as_tensor
from .edges import (
    Coverage,
    bounds_of,
    calm,
    lost_inside,
    middle_between,
    refuse_lost,
    with_ends,
    without,
)
from .frames import cut, overlap_add, resize, restore_frames, transform_frames
from .geometry import Geometry, STFTKeywords
from .padding import fill_ends, fold, fold_ends, pad
from .periodic import Periodic
from .read_geometry import read_geometry, spectrogram_size
from .windows import POORLY_COVERED, lost_share, periodic_envelope

#: Every frame of a spectrogram.
ALL_FRAMES = slice(None)


class STFT:
    """A short-time Fourier transform that fits a spectrogram: analysis and exact synthesis.

    Parameters
    ----------
    geometry : Geometry
        Numbers and window, as :meth:`of` reads them from a spectrogram and keywords.

    Raises
    ------
    SpecInvError
        If window and hop lose samples in the interior of the waveform.

    References
    ----------
    - Griffin, Lim: "Signal estimation from modified short-time Fourier transform", 1984.

    Attributes
    ----------
    geometry : Geometry
        The numbers of the transform and its window.
    frame_mask : Tensor or None
        Which frames each item has, bool, shape (batch, frames). None where all have all frames.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv import STFT
    >>> wave = torch.randn(2, 4000, dtype=torch.float64, generator=torch.manual_seed(0))
    >>> window = torch.hann_window(256, dtype=torch.float64)
    >>> spec = torch.stft(wave, 256, window=window, return_complex=True)
    >>> stft = STFT.of(spec, length=4000, window=window)
    >>> torch.allclose(stft.analyse(wave), spec)
    True
    >>> torch.allclose(stft.synthesise(spec), wave)
    True
    """

    frame_mask: Tensor | None = None
    single: bool = True
    """Whether this is one STFT, rather than several of the same waves."""

    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry
        power = geometry.window.abs().square().expand(1, geometry.frames, geometry.n_fft)
        self._see(self._gather(power)[0])
        self._shorten(geometry)

    def _see(self, envelope: Tensor, longest: Tensor | None = None) -> None:
        """Find out from the envelope (..., length) which samples can be restored, and how.

        No sample in between may be lost, of the item whose number is `longest`, (1,), or of all.
        """
        # the envelope far from both ends; at folded ends it may be far larger
        g = self.geometry
        usual = periodic_envelope(g.window, g.hop_length).max()
        seen = envelope > lost_share(envelope.dtype) * usual
        self._envelope: Tensor | Periodic = torch.where(seen, envelope, 0)
        self.gain = torch.where(seen, 1 / torch.where(seen, envelope, 1), 0)
        """1 / envelope, of the same shape; 0 where no frame covers the sample."""
        poorly_covered = seen & (envelope < POORLY_COVERED * usual)
        lost = lost_inside(seen if longest is None else seen.index_select(0, longest)[0])
        # one look, as a device has to be waited for
        count, head, tail = torch.stack([lost, *bounds_of(poorly_covered)]).tolist()
        refuse_lost(count, g)
        some = head > 0 or tail < g.length
        self.poorly_covered = poorly_covered if some else None
        """Which samples have hardly any envelope, of its shape; None where there are none."""
        self.middle = middle_between(head, tail, g) if some else None
        """The hops of a wave that these samples have nothing to do with, if there are such."""
        self._ends = None if self.middle is None else self._without(self.middle)
        whole = some and self._ends is None
        self._coverage = Coverage.of(poorly_covered, self.envelope, g) if whole else None

    @property
    def ends(self) -> STFT:
        """The transform of waves without their middle."""
        return self._ends or self

    def _without(self, middle: slice) -> STFT:
        return STFT(self.geometry.without(middle))

    @property
    def envelope(self) -> Tensor:
        """Sum of the squared windows at each sample; 0 where no frame covers it.

        Shape (length,), or (batch, length) where items have different lengths.
        """
        kept = self._envelope
        return kept.whole() if isinstance(kept, Periodic) else kept

    def _shorten(self, geometry: Geometry) -> None:
        """Keep of an envelope that few ask for both ends and a period."""
        end = 2 * (geometry.n_fft + geometry.padding)
        self._envelope = Periodic.of(self.envelope, geometry.hop_length, end) or self._envelope

    @classmethod
    def of(
        cls, spec: Numbers, *, length: int | None = None, **stft_kwargs: Unpack[STFTKeywords]
    ) -> STFT:
        """Build the transform that belongs to a spectrogram.

        Parameters
        ----------
        spec : Tensor
            Shape (..., bins, frames), real and not negative, or complex. Only its shape, dtype
            and device are used.
        length : int, optional
            Samples of the waveform. Default: the fewest that have this many frames.
        **stft_kwargs
            The keywords of :func:`torch.stft`, with its defaults; n_fft is needed only when odd.

        Returns
        -------
        STFT
            The transform.

        Raises
        ------
        SpecInvError
            If the keywords do not fit each other or the spectrogram.
        """
        spec = check_spectrogram(spec)
        bins, frames = spec.shape[-2:]
        return cls(read_geometry(bins, frames, spec.dtype, spec.device, length, stft_kwargs))

    @classmethod
    def of_wave(cls, wave: Numbers, **stft_kwargs: Unpack[STFTKeywords]) -> STFT:
        """Build the transform of a waveform, the counterpart of :meth:`of`.

        Parameters
        ----------
        wave : Tensor
            Shape (..., samples). Only its shape, dtype and device are used.
        **stft_kwargs
            The keywords of :func:`torch.stft`, with its defaults; n_fft is needed.

        Returns
        -------
        STFT
            The transform.

        Raises
        ------
        SpecInvError
            If the keywords do not fit each other, or the waveform is shorter than a frame.
        """
        wave = as_tensor(wave, "wave")
        if wave.is_complex() or wave.ndim == 0:
            raise SpecInvError(
                f"wave has shape {tuple(wave.shape)} and dtype {wave.dtype}: expected real "
                "(..., samples)."
            )
        length = wave.shape[-1]
        bins, frames = spectrogram_size(length, wave.device, stft_kwargs)
        return cls(read_geometry(bins, frames, wave.dtype, wave.device, length, stft_kwargs))

    def analyse(self, wave: Numbers, frames: slice = ALL_FRAMES) -> Tensor:
        """Transform waves (..., length) to complex spectrograms (..., bins, frames).

        The result is what torch.stft gives; in memory the bins of a frame lie side by side. Of
        the frames only those that are asked for are transformed and returned.
        """
        wave = self._check(wave, "wave", (self.geometry.length,))
        if wave.is_complex():
            raise SpecInvError(f"wave has dtype {wave.dtype}: expected real numbers.")
        spectrum = self.analyse_padded(self.pad(wave.reshape(-1, wave.shape[-1])), frames)
        return spectrum.reshape(*wave.shape[:-1], *spectrum.shape[1:])

    def synthesise(
        self, spectrum: Numbers, frames: slice = ALL_FRAMES, *, suppress_edge_noise: bool = False
    ) -> Tensor:
        """Return the waves (..., length) whose transform is nearest to (..., bins, frames).

        With ``center=False`` and a window that fades to zero, the ends of a spectrum that is no
        waveform's become clicks. :func:`torch_specinv.invert` and all other methods remove them;
        here that is left to `suppress_edge_noise`, as the nearest wave has them.

        Parameters
        ----------
        spectrum : Tensor
            Shape (..., bins, frames), complex.
        frames : slice, optional
            Which of the frames these are. Of some of the frames their part of the wave is
            returned: the parts of all groups of frames add up to the wave. Default: all.
        suppress_edge_noise : bool, default False
            Whether to scale samples that are hardly seen as :meth:`suppress_edge_noise` does, by
            what of the spectrum is missing in that of the wave. All frames are needed for that.
        """
        if suppress_edge_noise:
            if len(range(self.geometry.frames)[frames]) < self.geometry.frames:
                raise SpecInvError("suppress_edge_noise=True needs all frames, and frames= cuts.")
            given = as_tensor(spectrum, "spectrum", self.geometry.window.device)
            return self._without_clicks(given, self.synthesise(given, frames))
        g = self.geometry
        places = range(g.frames)[frames]
        spectrum = self._check(spectrum, "spectrum", (g.bins, len(places)))
        restored = restore_frames(spectrum.mT, g).reshape(-1, len(places), g.n_fft)
        begin = g.hop_length * places.start
        added = overlap_add(restored, g.hop_length * places.step)
        wave = self.merge(torch.nn.functional.pad(added, (begin, 0)) if begin else added)
        return wave.reshape(*spectrum.shape[:-2], g.length)

    def select(self, items: Tensor) -> STFT:
        """Return the transform for some items of a batch: all items have the same geometry."""
        return self

    def __call__(self, wave: Numbers) -> Tensor:
        """Return the magnitude (..., bins, frames) of waves (..., length)."""
        return self.analyse(wave).abs()

    def cut(self, padded: Tensor, silent: int = 0) -> Tensor:
        """Cut overlap-added frames (batch, samples) to the waveform, without folding.

        As many samples before the first one that is given are `silent`.
        """
        g = self.geometry
        if silent > g.padding:
            padded, silent = torch.nn.functional.pad(padded, (silent, 0)), 0
        return resize(padded[:, g.padding - silent :], g.length)

    def lengths_and_last_frames(self, batch: int) -> tuple[Tensor, Tensor]:
        """Return the length and the number of the last frame of each of `batch` items."""
        g = self.geometry
        lengths = torch.full((batch,), g.length, device=g.window.device)
        return lengths, torch.full_like(lengths, g.frames - 1)

    def bin_weights(self) -> Tensor:
        """Return weights (bins, 1) of squared bins whose sum is the energy of the windowed frame.

        A bin of a one-sided spectrum stands for its mirror image as well, except 0 and n_fft / 2.
        """
        return self.geometry.bin_weights

    def suppress_edge_noise(self, wave: Tensor, noise: Tensor) -> Tensor:
        r"""Remove clicks from samples of (batch, length) that have hardly any envelope.

        They are scaled by what the noise lets be known of them, see ``edges.py``.

        Parameters
        ----------
        wave : Tensor
            Shape (batch, length).
        noise : Tensor
            :math:`\sigma_m^2`, shape (batch, frames).
        """
        if self.poorly_covered is None:
            return wave
        if self.middle is not None:
            noise = without(noise, self.middle)
            ends = self.ends.suppress_edge_noise(self.cut_ends(wave), noise)
            return self.with_ends(wave, ends)
        assert self._coverage is not None
        g = self.geometry
        variance = self._gather(g.window.abs().square() * noise.unsqueeze(-1)) * self.gain.square()
        return calm(wave, variance, self.poorly_covered, self._coverage, g)

    def cut_ends(self, wave: Tensor) -> Tensor:
        """Return what `ends` transforms of waves (..., length)."""
        return wave if self.middle is None else without(wave, self.middle, self.geometry.hop_length)

    def with_ends(self, wave: Tensor, ends: Tensor) -> Tensor:
        """Return waves (..., length) that have other ends, as :meth:`cut_ends` cuts them."""
        if self.middle is None:
            return ends
        return with_ends(wave, ends, self.middle, self.geometry.hop_length)

    def _without_clicks(self, spectrum: Tensor, wave: Tensor) -> Tensor:
        """Suppress the noise that what the wave lacks of the spectrum tells of."""
        g = self.geometry
        if self.poorly_covered is None:
            return wave
        lacking = torch.view_as_real(spectrum - self.analyse(wave)).square().sum(-1)
        energy = (lacking * self.bin_weights()).sum(-2).reshape(-1, g.frames)
        flat = self.suppress_edge_noise(wave.reshape(-1, g.length), energy / g.n_fft)
        return flat.reshape(wave.shape)

    def pad(self, wave: Tensor) -> Tensor:
        """Continue waves (batch, length) beyond their ends, as the frames see them."""
        g = self.geometry
        padded = pad(wave, g.padding, g.pad_mode)
        if g.span < g.n_fft:  # where the window is 0 the last frames may reach beyond the padding
            padded = resize(padded, (g.frames - 1) * g.hop_length + g.n_fft)
        return padded

    def analyse_padded(self, padded: Tensor, frames: slice) -> Tensor:
        """Transform frames of waves as :meth:`pad` returns them to (batch, bins, frames)."""
        g = self.geometry
        return transform_frames(cut(padded, g.n_fft, g.hop_length)[:, frames], g).mT

    def merge(self, added: Tensor) -> Tensor:
        """Make waves (batch, length) of overlap-added frames: fold the padding back and divide."""
        return self._fold(added) * self.gain

    def fill_ends_(self, padded: Tensor) -> None:
        """Do what :meth:`pad` does, in place, where padded waves lack their ends."""
        g = self.geometry
        fill_ends(padded[:, : g.padded_length], g.padding, g.pad_mode)

    def fold_ends_(self, added: Tensor) -> None:
        """Do the folding of :meth:`merge` in place, so that only the gain is missing."""
        g = self.geometry
        fold_ends(added[:, : g.padded_length], g.padding, g.pad_mode)

    def _gather(self, frames: Tensor) -> Tensor:
        """Add frames (batch, frames, n_fft) where they overlap, and fold the padding back."""
        return self._fold(overlap_add(frames, self.geometry.hop_length))

    def _fold(self, added: Tensor) -> Tensor:
        g = self.geometry
        return fold(resize(added, g.padded_length), g.padding, g.pad_mode)

    def _check(self, value: Numbers, name: str, shape: tuple[int, ...]) -> Tensor:
        device = self.geometry.window.device
        tensor = lift(as_tensor(value, name, device))
        if tensor.device != device:
            raise SpecInvError(f"{name} is on {tensor.device}, the window of {self!r} on {device}.")
        if tensor.shape[-len(shape) :] != shape or tensor.numel() == 0:
            raise SpecInvError(
                f"{name} has shape {tuple(tensor.shape)}, but {self!r} takes (..., "
                f"{', '.join(map(str, shape))})."
            )
        return tensor

    def __repr__(self) -> str:
        g = self.geometry
        return (
            f"STFT(n_fft={g.n_fft}, hop_length={g.hop_length}, bins={g.bins}, "
            f"frames={g.frames}, length={g.length})"
        )
