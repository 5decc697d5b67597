"""The documented function for mel spectrograms."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from torch import Tensor

from ..errors import SpecInvError, check_keywords, renamed
from ..inversion.invert import invert
from ..inversion.settings import DEFAULTS, method
from ..mel import MelSpec, Preset
from ..mel.matrix import Matrix
from ..solve.algorithm import Algorithm
from ..tensors import Numbers
from ..transform.named_windows import Window

#: Iterations that a mel spectrogram is given: more bring little.
MAX_ITER = 32

_OTHERS = tuple(
    name for name in DEFAULTS if name not in ("mel", "constraint", "resume", "transforms")
)


@method(_OTHERS, more="hyperparameters")
def mel_to_audio(
    mel: Numbers,
    sr: int | MelSpec | None = None,
    *,
    preset: str | Preset | None = None,
    n_fft: int | None = None,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Window | None = None,
    fmin: float = 0.0,
    fmax: float | None = None,
    htk: bool = False,
    norm: str | None = "slaney",
    filters: str | Tensor = "librosa",
    power: float = 1.0,
    log: str | None = None,
    clamp: float = 0.0,
    offset: float = 0.0,
    reach: float | None = None,
    shift: float | Sequence[float] | Tensor = 0.0,
    scale: float | Sequence[float] | Tensor = 1.0,
    limits: tuple[float, float] | None = None,
    preemphasis: float = 0.0,
    algorithm: str | Algorithm = "auto",
    max_iter: int = MAX_ITER,
    length: int | None = None,
    lengths: Numbers | None = None,
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
    sr : int or MelSpec
        Sample rate in Hz, or all conventions of the bank and the values. Not with a preset.
    preset : str or Preset, optional
        The conventions of a known model, such as "hifigan", "tacotron2", "bigvgan_24khz", "vocos",
        "espnet", "whisper", "kaldi", "riffusion", "torchaudio", "librosa"; see
        :data:`torch_specinv.mel.PRESETS`. Then none of them may be given;
        :func:`torch_specinv.mel.preset` changes what one says.
    n_fft, hop_length, win_length : int
        Of the STFT under the bands. Default: 1024, or what a bank that is a matrix has; n_fft // 4;
        n_fft.
    window : Tensor, str, float, or tuple of str and float, optional
        A tensor, or a name. Default: a Hann window of win_length samples.
    fmin, fmax, htk, norm
        Of the mel bank, see :class:`torch_specinv.mel.MelSpec`.
    filters : str or Tensor, default "librosa"
        Whose triangles: "librosa", "kaldi", "htk" or "python_speech_features". Or any bank as a
        matrix (bands, bins) that is not negative.
    power : float, default 1.0
        Of the magnitudes before they were added up: 1, or 2 for a power spectrogram.
    log : str, optional
        "ln", "log10", "log2", "dB" or "log1p", if a logarithm was taken. Default: none.
    clamp, offset, reach, limits
        Of the values, see :class:`torch_specinv.mel.Levels`.
    shift, scale : float, sequence or Tensor, default 0.0 and 1.0
        The mean and the standard deviation, or whatever was subtracted from the logarithm and what
        it was divided by: a number, or one for each band. For decibels between two levels, as in
        Tacotron, :func:`torch_specinv.mel.normalised_levels` gives these and the limits.
    preemphasis : float, default 0.0
        The coefficient c of :math:`x_n - c \, x_{n-1}`, such as 0.97, if the waveform was filtered
        so. It is undone.
    algorithm : str or Algorithm, default "auto"
        A registered name, or an algorithm with its hyperparameters.
    max_iter : int, default 32
        Iterations.
    {keywords}
    **hyperparameters
        Those of the algorithm, if it is given by name.

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
    foreign = {"constraint", "resume", "transforms"} & keywords.keys()
    check_keywords(foreign, [*CONVENTIONS, *_OTHERS])
    given = {
        "sr": sr, "n_fft": n_fft, "hop_length": hop_length, "win_length": win_length,
        "fmin": fmin, "fmax": fmax, "htk": htk, "norm": norm, "filters": filters,
        "power": power, "log": log, "clamp": clamp, "offset": offset, "reach": reach,
        "shift": shift, "scale": scale, "limits": limits, "preemphasis": preemphasis,
    }  # fmt: skip
    given = {name: value for name, value in given.items() if _differs(name, value)}
    if preset is None:
        stft = {name: keywords.pop(name) for name in _OF_STFT if name in keywords}
        preset = recipe_of(given, **stft)
    elif given:
        raise SpecInvError(
            f"{', '.join(given)} and preset={preset!r}: the preset already fixes them. Pass preset="
            f"torch_specinv.mel.preset({preset!r}, {next(iter(given))}=...) to change what it says."
        )
    stft = {} if window is None else {"window": window}
    with renamed("spec", "mel"):
        return invert(
            mel, algorithm, preset=preset, max_iter=max_iter, verbose=verbose, length=length,
            lengths=lengths, **stft, **keywords,
        ).wave  # fmt: skip


_OWN = inspect.signature(mel_to_audio).parameters

#: What :func:`mel_to_audio` takes instead of a preset, with the defaults.
CONVENTIONS: dict[str, Any] = {
    name: _OWN[name].default
    for name in (
        "sr", "n_fft", "hop_length", "win_length", "preemphasis",
        *(field.name for field in fields(MelSpec) if field.name != "sr"),
    )
}  # fmt: skip


# Keywords of the STFT that have no default here
_OF_STFT = ("center", "pad_mode", "normalized", "window_align")


def recipe_of(given: dict[str, Any], **stft: Any) -> Preset:
    """Return the recipe that those of the conventions describe which are not the usual ones."""
    own = {**CONVENTIONS, **given}
    n_fft, hop, win, preemphasis = (
        own.pop(name) for name in ("n_fft", "hop_length", "win_length", "preemphasis")
    )
    if own["sr"] is None:
        raise SpecInvError("sr is needed: the bands lie at frequencies. Or pass preset.")
    values = own["sr"]
    if not isinstance(values, MelSpec):
        values = MelSpec(**own)
    elif clash := sorted(given.keys() & own.keys() - {"sr"}):
        raise SpecInvError(f"{', '.join(clash)} and a MelSpec: the MelSpec already fixes them.")
    if n_fft is None:
        n_fft = values.filters.n_fft if isinstance(values.filters, Matrix) else 1024
    return Preset(
        values, None, n_fft, hop, "as told", win_length=win, preemphasis=preemphasis, **stft
    )


def _differs(name: str, value: Any) -> bool:
    """Whether a convention is another than the usual one; it may be an array."""
    usual = CONVENTIONS[name]
    alike = isinstance(value, bool) == isinstance(usual, bool)
    plain = isinstance(value, (int, float, str)) and alike
    return value is not usual and not (plain and value == usual)
