"""What notebooks show of a result: players, a spectrogram, the convergence and a table."""

from __future__ import annotations

import base64
from html import escape
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..errors import SpecInvError
from ..metrics import metric_info
from ..players import audio_element
from ..plots import new_figure, plot_convergence, png, specshow

if TYPE_CHECKING:
    from .result import Inversion

# Players hold their sound: so many, and so many samples of each
_PLAYERS, _SAMPLES = 8, 3_000_000
# What is assumed where no sample rate is known
_SR = 22050
# Of spectrograms of results that have no STFT
_N_FFT = 1024


def figure(result: Inversion, item: int, sr: int | None) -> Any:
    """Draw the spectrogram of an item, and the metrics of all items."""
    drawn = new_figure(10, 3.2)
    left, right = drawn.subplots(1, 2, width_ratios=(2, 1))
    magnitude, hop_length = _magnitude(result, result.item(item).cpu())
    specshow(magnitude, sr=sr, hop_length=hop_length, ax=left)
    plot_convergence(result.history, result.evaluated, ax=right)
    return drawn


def html(result: Inversion) -> str:
    """Return what a notebook shows."""
    waves = result.wave.detach().reshape(-1, result.wave.shape[-1])
    sr = result.sr or _SR
    columns = ["item", "sound", "seconds", "iterations", "status", *result.history]
    last = {name: rows[-1] for name, rows in result.history.items()} | result.per_source
    last = {name: values.detach().reshape(-1) for name, values in last.items()}
    iterations = result.iterations.reshape(-1)
    # the sources of a mixture are one item, with a wave each
    each = len(waves) // len(iterations)
    rows: list[str] = []
    for i, wave in enumerate(waves[:_PLAYERS]):
        seconds = f"{wave.numel() / sr:.2f}"
        cells = [
            str(i), _player(wave[:_SAMPLES], sr), seconds, str(int(iterations[i // each])),
            escape(str(result.status[i // each])),
            *(
                escape(metric_info(name).with_unit(float(values[i * len(values) // len(waves)])))
                for name, values in last.items()
            ),
        ]  # fmt: skip
        rows.append("".join(f"<td>{cell}</td>" for cell in cells))
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    notes = [f"<code>{escape(repr(result))}</code>"]
    if len(waves) > _PLAYERS:
        notes.append(f"The first {_PLAYERS} of {len(waves)} waves.")
    if waves.shape[-1] > _SAMPLES:
        notes.append(f"Players hold the first {_SAMPLES / sr:.0f} s.")
    if result.sr is None:
        notes.append(f"The sample rate is not known: {sr} Hz is assumed. play(sr=...) says it.")
    return (
        f"<div>{'<br>'.join(notes)}{_picture(result)}"
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _player(wave: Tensor, sr: int) -> str:
    try:
        return audio_element(wave, sr)
    except SpecInvError as error:  # a complex wave
        return escape(str(error))


def _picture(result: Inversion) -> str:
    try:
        data = base64.b64encode(png(figure(result, 0, result.sr))).decode()
    except SpecInvError as error:  # no matplotlib
        return f"<p>{escape(str(error))}</p>"
    alt = "Spectrogram of item 0, and the metrics of all items against iterations"
    return f'<p><img alt="{alt}" src="data:image/png;base64,{data}"></p>'


def _magnitude(result: Inversion, wave: Tensor) -> tuple[Tensor, int]:
    """Return a magnitude (bins, frames) and its hop length; what is not finite is silent."""
    wave = torch.nan_to_num(wave.float(), 0, 0, 0)
    g = result.geometry
    n_fft, hop = (_N_FFT, _N_FFT // 4) if g is None else (g.n_fft, g.hop_length)
    window = torch.hann_window(n_fft) if g is None else g.window.detach().cpu().float()
    wave = torch.nn.functional.pad(wave, (0, max(0, n_fft - wave.numel())))
    spectrum = torch.stft(
        wave, n_fft, hop, window=window, center=True, pad_mode="constant", return_complex=True
    )
    return spectrum.abs(), hop
