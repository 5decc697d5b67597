"""The documented function for mel spectrograms."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from torch import Tensor

from ..errors import SpecInvError, check_keywords
from ..inversion.invert import invert
from ..inversion.settings import DEFAULTS, method
from ..mel import MelSpec, Preset
from ..mel import preset as find_preset
from ..solve.algorithm import Algorithm
from ..solve.loop import Report
from ..solve.result import Inversion
from ..tensors import Numbers, any_tensor, as_tensor
from ..transform.named_windows import Window

#: Iterations that a mel spectrogram is given: more bring little.
MAX_ITER = 32

_OTHERS = tuple(name for name in DEFAULTS if name not in ("mel", "constraint", "resume"))


@method(_OTHERS, more="hyperparameters")
def mel_to_audio(
    mel: Numbers,
    sr: int | None = None,
    *,
    preset: str | None = None,
    n_fft: int | None = None,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Window | None = None,
    fmin: float = 0.0,
    fmax: float | None = None,
    htk: bool = False,
    norm: str | None = "slaney",
    power: float = 1.0,
    log: str | None = None,
    clamp: float = 0.0,
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
    sr : int
        Sample rate in Hz; not with a preset.
    preset : str, optional
        The conventions of a known model, such as "hifigan", "tacotron2", "bigvgan_24khz", "vocos",
        "espnet", "tortoise", "whisper", "torchaudio", "librosa"; see
        :data:`torch_specinv.mel.PRESETS`. Then none of them may be given.
    n_fft, hop_length, win_length : int
        Of the STFT under the bands. Default: 1024, n_fft // 4, n_fft.
    window : Tensor, str, float, or tuple of str and float, optional
        A tensor, or a name. Default: a Hann window of win_length samples.
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
    # of these, a mel spectrogram has the first itself
    foreign = {"constraint", "resume"} & keywords.keys()
    check_keywords(foreign, [*CONVENTIONS, *_OTHERS])
    conventions = {
        "sr": sr, "n_fft": n_fft, "hop_length": hop_length, "win_length": win_length,
        "fmin": fmin, "fmax": fmax, "htk": htk, "norm": norm, "power": power, "log": log,
        "clamp": clamp,
    }  # fmt: skip
    return invert_mel(
        mel, preset, conventions, algorithm=algorithm, max_iter=max_iter, verbose=verbose,
        window=window, length=length, lengths=lengths, **keywords,
    ).wave  # fmt: skip


#: What :func:`mel_to_audio` takes beside a preset, with the defaults.
CONVENTIONS: dict[str, Any] = {
    "sr": None, "n_fft": None, "hop_length": None, "win_length": None, "fmin": 0.0, "fmax": None,
    "htk": False, "norm": "slaney", "power": 1.0, "log": None, "clamp": 0.0,
}  # fmt: skip


def invert_mel(
    mel: Numbers,
    preset: str | None,
    conventions: dict[str, Any],
    *,
    algorithm: str | Algorithm = "auto",
    max_iter: int = MAX_ITER,
    length: int | None = None,
    lengths: Numbers | None = None,
    window: Window | None = None,
    **keywords: Any,
) -> Inversion:
    """Do what :func:`mel_to_audio` does, given its conventions, and tell how it went."""
    mel = as_tensor(mel, "mel")
    if lengths is not None:
        lengths = any_tensor(lengths, "lengths")
    chosen = _read_conventions(preset, conventions)
    stft = chosen.stft_keywords(mel.device)
    if window is not None:
        stft["window"] = window
    counts = lengths
    if chosen.padding and mel.ndim > 1:
        *batch, _, frames = mel.shape
        if length is not None:
            length = chosen.padded_length(length, frames)
        if lengths is not None and batch:
            lengths = chosen.padded_lengths(lengths, math.prod(batch), frames)
    callback: Any = keywords.get("callback")

    def tell_trimmed(report: Report) -> Any:
        return callback(replace(report, wave=chosen.trim(report.wave, counts)))

    if chosen.padding and callable(callback):
        keywords["callback"] = tell_trimmed
    result = invert(
        mel,
        algorithm,
        mel=chosen.mel,
        max_iter=max_iter,
        length=length,
        lengths=lengths,
        **{**stft, **keywords},
    )
    # some recipes pad the waveform themselves
    return replace(result, wave=chosen.trim(result.wave, counts))


def _read_conventions(preset: str | None, conventions: dict[str, Any]) -> Preset:
    """Return a preset, or what was said instead of one."""
    if preset is not None:
        clash = [name for name, value in conventions.items() if value != CONVENTIONS[name]]
        if clash:
            raise SpecInvError(f"{', '.join(clash)} and preset={preset!r}: a preset says it all.")
        return find_preset(preset)
    own = {**CONVENTIONS, **conventions}
    if own["sr"] is None:
        raise SpecInvError("sr is needed: the bands lie at frequencies. Or pass preset.")
    n_fft, hop, win = (own.pop(name) for name in ("n_fft", "hop_length", "win_length"))
    n_fft = 1024 if n_fft is None else n_fft
    return Preset(MelSpec(**own), 0, n_fft, hop, "as told", win_length=win)
