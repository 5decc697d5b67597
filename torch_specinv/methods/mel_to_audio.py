"""The documented function for mel spectrograms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..errors import SpecInvError
from ..inversion.invert import invert
from ..mel import MelSpec
from ..mel import preset as find_preset
from ..solve.algorithm import Algorithm


def mel_to_audio(
    mel: Tensor,
    sr: int | None = None,
    *,
    preset: str | None = None,
    n_fft: int | None = None,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    fmin: float = 0.0,
    fmax: float | None = None,
    htk: bool = False,
    norm: str | None = "slaney",
    power: float = 1.0,
    log: str | None = None,
    clamp: float = 0.0,
    algorithm: str | Algorithm = "auto",
    max_iter: int = 32,
    length: int | None = None,
    lengths: Tensor | Sequence[int] | None = None,
    verbose: bool = True,
    **keywords: Any,
) -> Tensor:
    r"""Find waveforms for mel spectrograms, without a trained vocoder.

    Magnitudes are refitted to the mel bands in every iteration, instead of guessed once; so they
    become those of a waveform that has these bands.

    Parameters
    ----------
    mel : Tensor
        Shape (..., bands, frames), real. The number of bands is taken from it.
    sr : int
        Sample rate in Hz; not with a preset.
    preset : str, optional
        The conventions of a known model, such as "hifigan", "tacotron2", "bigvgan_24khz", "vocos",
        "espnet", "tortoise", "whisper", "torchaudio", "librosa"; see
        :data:`torch_specinv.mel.PRESETS`. Then none of them may be given.
    n_fft, hop_length, win_length : int
        Of the STFT under the bands. Default: 1024, n_fft // 4, n_fft.
    window : Tensor, optional
        Default: a Hann window of win_length samples.
    fmin, fmax, htk, norm
        Of the mel bank, see :class:`torch_specinv.mel.MelSpec`.
    power : float, default 1.0
        Of the magnitudes before they were added up: 1, or 2 for a power spectrogram.
    log : str, optional
        "ln", "log10", "log2", "dB" or "log1p", if a logarithm was taken. Default: none.
    clamp : float, default 0.0
        The least value before the logarithm.
    algorithm : str or Algorithm, default "auto"
        A registered name, or an algorithm with its hyperparameters.
    max_iter : int, default 32
        Iterations.
    length : int, optional
        Samples of the waveform. Default: the fewest that have as many frames.
    lengths : Tensor or sequence of int, optional
        For a padded batch of different lengths: samples of each item's waveform.
    verbose : bool, default True
        Show a progress bar.
    **keywords
        Others of :func:`torch_specinv.invert`, such as generator, center, pad_mode.

    Returns
    -------
    Tensor
        Waveforms (..., samples), in the dtype and on the device of `mel`.

    Raises
    ------
    SpecInvError
        If an argument is not what it should be; before any work is done.

    References
    ----------
    The KL start is that of non-negative matrix factorisation: Lee, Seung: "Algorithms for
    non-negative matrix factorization", 2001.

    Examples
    --------
    >>> import torch
    >>> from torch_specinv import STFT, mel_to_audio
    >>> from torch_specinv.mel import preset
    >>> wave = torch.randn(8000, generator=torch.manual_seed(0))
    >>> magnitude = STFT.of_wave(wave, n_fft=1024, window=torch.hann_window(1024))(wave)
    >>> mel = preset("tacotron2").mel.record(magnitude, 80)
    >>> mel_to_audio(mel, preset="tacotron2", max_iter=10, length=8000, verbose=False).shape
    torch.Size([8000])
    """
    padding = 0
    if preset is None:
        if sr is None:
            raise SpecInvError("sr is needed: the bands lie at frequencies. Or pass preset.")
        conventions = MelSpec(
            sr, fmin=fmin, fmax=fmax, htk=htk, norm=norm, power=power, log=log, clamp=clamp
        )
        n_fft = 1024 if n_fft is None else n_fft
    else:
        chosen = find_preset(preset)
        given = {
            "sr": sr, "n_fft": n_fft, "hop_length": hop_length, "win_length": win_length,
            "fmax": fmax, "log": log, "fmin": fmin or None, "htk": htk or None,
            "norm": None if norm == "slaney" else str(norm), "clamp": clamp or None,
            "power": None if power == 1 else power,
        }  # fmt: skip
        clash = [name for name, value in given.items() if value is not None]
        if clash:
            raise SpecInvError(f"{', '.join(clash)} and preset={preset!r}: a preset says it all.")
        conventions, padding = chosen.mel, chosen.padding
        n_fft, hop_length, win_length = chosen.n_fft, chosen.hop_length, chosen.win_length
        keywords = {"center": chosen.center, "pad_mode": chosen.pad_mode, **keywords}
    if window is None:
        window = torch.hann_window(win_length or n_fft, device=mel.device)
    if lengths is not None and padding:
        lengths = torch.as_tensor(lengths) + 2 * padding
    wave = invert(
        mel,
        algorithm,
        mel=conventions,
        max_iter=max_iter,
        verbose=verbose,
        length=None if length is None else length + 2 * padding,
        lengths=lengths,
        n_fft=n_fft,
        hop_length=hop_length,
        win_length=win_length,
        window=window,
        **keywords,
    ).wave
    # some recipes pad the waveform themselves
    wave = wave[..., padding : wave.shape[-1] - padding]
    if isinstance(lengths, Tensor) and padding:
        place = torch.arange(wave.shape[-1], device=wave.device)
        ends = (lengths.to(wave.device) - 2 * padding).reshape(*wave.shape[:-1], 1)
        wave = torch.where(place < ends, wave, 0)
    return wave
