"""What a recipe can't have written: other numbers of rows, overflows, peaks that no sound has."""

from __future__ import annotations

import torch
from torch import Tensor

from ..derivatives import holds, is_hidden
from ..errors import SpecInvError
from ..negative import negative_cause
from .levels import Levels
from .recipe import Preset

# A waveform of 16 bit integers reaches 32768; a peak so far beyond that is that of no sound
_MOST = 1e7
# What :func:`sinusoid` returned last, and for what: a call asks for a window in two precisions
_LAST: list[tuple[tuple[int, float], tuple[Tensor, Tensor], Tensor]] = []
_ASK = "print(torch_specinv.diagnose(spec)) tells what it looks like."


def check_rows(preset: Preset, name: str | None, rows: int, frames: int) -> None:
    """Raise if an array has another number of rows than its recipe, if it has a name, makes."""
    expected = preset.rows
    # of linear ones with all bins, torch.stft's own keywords tell more
    if expected is None or rows == expected or (preset.nyquist and not preset.is_mel):
        return
    label = f"preset={name!r}" if name else "the preset"
    things = "bands" if preset.is_mel else "bins"
    if frames == expected:
        cure = "The array is transposed: pass spec.mT (--transpose on the command line)."
    elif preset.is_mel and rows > 256:
        cure = "A linear spectrogram? This preset is one of mel spectrograms."
    elif rows == expected + 1 and not preset.is_mel:
        cure = "It has the Nyquist bin, which this preset says was dropped."
    else:
        field = "n_mels" if preset.is_mel else "n_fft"
        cure = (
            f"Another preset, or a model of yours with other {things}? Then pass preset="
            f"torch_specinv.mel.preset({name or '...'!r}, {field}=...)."
        )
    raise SpecInvError(f"spec has {rows} {things}, {label} has {expected}. {cure}")


def check_restored(written: Tensor, values: Tensor, levels: Levels, peak: float = 0.0) -> None:
    """Raise if restoring what was written gave values that are no spectrogram's.

    `peak` is that of the waveform that would have these values, see :func:`implied_peak`; 0 where
    that is not known.
    """
    if holds(~torch.isfinite(values)):
        raise SpecInvError(
            f"spec reaches {float(written.max()):.4g}, and {levels} takes that for a logarithm, "
            f"whose value overflows. Decibels, an image, or linear values? Say which; {_ASK}"
        )
    if levels.log is None and holds(values < 0):
        raise SpecInvError(
            f"spec holds negative values (smallest: {float(values.min()):.4g}), but its "
            "recipe has no logarithm. "
            + negative_cause(values.detach(), "spec", "Say which: log='ln', or --log ln.")
        )
    if levels.log is not None and peak > _MOST:
        raise SpecInvError(
            f"spec reaches {float(written.max()):.4g}, which {levels} makes a waveform with a "
            f"peak of {peak:.2g}: no sound has that. Decibels, or another logarithm? {_ASK}"
        )


def implied_peak(values: Tensor, window: Tensor, n_fft: int, bank: Tensor, power: float) -> float:
    """Return about the peak of a waveform with these sums over bands.

    It is the greatest share of what a sinusoid of amplitude 1 in the middle of each band gives; 0
    where the values are hidden.

    Parameters
    ----------
    values : Tensor
        Shape (..., bands, frames), not negative.
    window : Tensor
        Shape (win_length,), real.
    n_fft : int
        Samples of a frame.
    bank : Tensor
        Shape (bands, bins).
    power : float
        Of the magnitudes before they were added up.
    """
    if is_hidden(values):
        return 0.0
    most = sinusoid(window, n_fft, bank, power)
    peaks = values.detach().amax(-1).reshape(-1, len(most)).amax(0).cpu().double() / most
    return float(peaks.max().clamp_min(0)) ** (1 / power)


def least_peak(
    values: Tensor, window: Tensor, bank: Tensor | None = None, power: float = 1.0
) -> float:
    r"""Return a peak that every waveform with these magnitudes, or sums over bands, reaches.

    .. math:: |S_k| \le \max_n |x_n| \sum_n |w_n|

    and a sum over a band is at most that of its weights times the greatest :math:`|S_k|^p`. The
    peak of a sinusoid is about twice as large.

    Parameters
    ----------
    values : Tensor
        Shape (..., rows, frames), not negative.
    window : Tensor
        Shape (n_fft,).
    bank : Tensor, optional
        Shape (rows, bins). Default: the rows are bins.
    power : float, default 1.0
        Of the magnitudes before they were added up.
    """
    rows = values.detach().double().amax(-1).reshape(-1, values.shape[-2]).amax(0).cpu()
    if bank is not None:
        weights = bank.detach().cpu().double().sum(1)
        rows = rows[weights > 0] / weights[weights > 0]
    return float(rows.max()) ** (1 / power) / float(window.detach().abs().double().sum())


def sinusoid(window: Tensor, n_fft: int, bank: Tensor, power: float) -> Tensor:
    """Return what a sinusoid of amplitude 1 gives in each band, shape (bands,), float64.

    Bands that have no bin give infinity.
    """
    window, bank = (tensor.detach().cpu().double() for tensor in (window, bank))
    for numbers, known, found in _LAST:
        if numbers == (n_fft, power) and all(map(torch.equal, known, (window, bank))):
            return found
    lobe = torch.fft.rfft(window.abs(), n_fft).abs()[:4] / 2
    kernel = torch.cat([lobe[1:].flip(0), lobe]) ** power
    padded, bins = torch.nn.functional.pad(bank, (3, 3)), bank.shape[1]
    sums = torch.zeros_like(padded[:, :bins])
    for i, share in enumerate(kernel.tolist()):
        sums.add_(padded[:, i : i + bins], alpha=share)
    given = sums.amax(1)
    found = torch.where(given > 1e-6 * given.max(), given, torch.inf)
    _LAST[:] = [((n_fft, power), (window.clone(), bank.clone()), found), *_LAST[:1]]
    return found
