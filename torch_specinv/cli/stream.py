"""Invert while the input comes: a microphone, a file, or raw frames from standard input.

INPUT is "mic", an audio file, an array, or "-": raw float32 frames, one after the other, from
standard input. OUTPUT is "speaker", a .wav file, or "-": raw samples to standard output. Sound goes
through an STFT and, with --function, through a function of yours. Ctrl-C ends the input; what has
come by then is finished. What happened is told on standard error.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import SpecInvError, check_choice, check_count
from ..io import check_output, holds_audio, read_spectrogram_file, write_blocks
from ..io.audio import AudioReader
from ..mel import Preset
from ..online import GUESSES, Streaming
from ..transform.read_geometry import read_geometry
from ..transform.sizes import bin_count
from .flags import add, switch
from .recipe import add_recipe, add_stft, read_recipe, read_stft

HELP = "frames or sound in, sound out, while it comes"
OPERANDS = ("INPUT", "-o", "OUTPUT")
_RULES = ("griffin_lim", "agla", "admm", "raar", "difference_map")
_FORMATS = ("s16", "f32")
_MIC, _SPEAKER, _PIPE = "mic", "speaker", "-"
_USUAL_RATE = 48000


def add_arguments(parser: Any) -> None:
    """Add the flags of this command."""
    parser.add_argument("input", type=str, help="mic, an audio file, an array, or - for frames")
    parser.add_argument(
        "-o", "--output", type=str, required=True, help="speaker, a .wav file, or - for samples"
    )
    parser.add_config()
    switch(parser, "force", "overwrite the output")
    add(parser, "sr", int, "sample rate in Hz; audio and presets bring their own", metavar="HZ")
    add(parser, "rows", int, "numbers in a frame; default: what the preset or n_fft says")
    add(parser, "key", str, "which array of a file that holds several")
    how = parser.add_argument_group("inversion")
    add(how, "algorithm", str, ", ".join(_RULES), "griffin_lim")
    add(
        how, "look_ahead", int, "frames to wait for; default: as many as overlap; 0 is the quickest"
    )
    add(how, "max_iter", int, "iterations for each frame", 8)
    add(how, "init", str, f"first phase of a frame: {', '.join(GUESSES)}", "least_squares")
    add(how, "function", str, "module:function, called with frames (rows, n), magnitudes of sound; "
        "returns as many", metavar="NAME")  # fmt: skip
    live = parser.add_argument_group("time")
    switch(live, "realtime", "take files at their own pace, and put silence where samples are late")
    add(live, "ahead", int, "blocks that are waited for before the clock of --realtime starts", 2)
    add(live, "seconds", float, "end after so much input")
    add(live, "format", str, f"of samples on standard output: {', '.join(_FORMATS)}", "s16")
    add(live, "input_device", str, "name or number of the microphone")
    add(live, "output_device", str, "name or number of the loudspeaker")
    add_recipe(parser)
    add_stft(parser)


@dataclass
class _Input:
    """Where blocks come from, and what is done with them."""

    blocks: Iterable[Tensor]
    chain: Any
    sr: int
    microphone: Any = None
    paced: bool = False


def run(settings: Any) -> None:
    """Stream until the input ends, or Ctrl-C."""
    check_choice("--format", settings.format, _FORMATS)
    check_count("--ahead", settings.ahead, least=0)
    if settings.output not in (_SPEAKER, _PIPE):
        path = check_output(settings.output, force=settings.force, sr=settings.sr)
        if path.suffix.lower() != ".wav":
            raise SpecInvError(f"-o {settings.output}: expected speaker, - or a .wav file.")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # on frames as small as these, threads only wait for each other
    try:
        with torch.no_grad():
            _run(settings)
    finally:
        torch.set_num_threads(threads)


def _run(settings: Any) -> None:
    from ..live import LiveReport, Stop, live
    from ..live.devices import Loudspeaker

    source = _read_audio(settings) if _is_sound(settings) else _read_frames(settings)
    stream, report = source.chain.stream, LiveReport()
    period = stream.hop_length / source.sr
    to_device = settings.output == _SPEAKER
    speaker = (
        Loudspeaker(source.sr, stream.hop_length, settings.output_device) if to_device else None
    )
    pace = period if settings.realtime and speaker is None else None
    with Stop() as stop:
        samples = live(source.blocks, source.chain, report, stop, pace=pace, ahead=settings.ahead)
        if speaker is not None:
            with speaker:  # what has been made is heard, also before an error
                for block in samples:
                    speaker.write(block)
            report.underruns += speaker.underruns
        elif settings.output == _PIPE:
            for block in samples:
                sys.stdout.buffer.write(_encode(block, settings.format))
                sys.stdout.buffer.flush()
        else:
            blocks = (block[:, None].numpy() for block in samples)
            write_blocks(Path(settings.output), blocks, source.sr, 1, force=settings.force)
    _tell(source, report, speaker)


def _encode(samples: Tensor, format_: str) -> bytes:
    """Return raw samples in the byte order of this machine."""
    if format_ == "f32":
        return samples.contiguous().numpy().tobytes()
    return (samples.clamp(-1, 1) * 32767).round().to(torch.int16).numpy().tobytes()


def _is_sound(settings: Any) -> bool:
    return settings.input == _MIC or (settings.input != _PIPE and holds_audio(Path(settings.input)))


def _read_audio(settings: Any) -> _Input:
    """Read a microphone or an audio file, and lay out the STFT."""
    from ..live import AudioChain, audio_blocks, load_function

    if read_recipe(settings) != Preset.plain(settings.sr, **read_stft(settings)):
        raise SpecInvError(f"{settings.input} is sound, but a recipe is for frames.")
    given = {"n_fft": 1024, "window": "hann", **read_stft(settings)}
    if given.pop("center", False):
        raise SpecInvError("--center true: sound that comes block by block has no centred frames.")
    stft: Any = {**given, "center": False}
    bins = bin_count(stft["n_fft"])
    g = read_geometry(bins, 1, torch.float32, torch.device("cpu"), None, stft, check_pad=False)
    function = None if settings.function is None else load_function(settings.function)
    chain = AudioChain(_stream(settings, **stft), g, function)
    if settings.input == _MIC:
        from ..live.devices import Microphone

        sr = settings.sr or _USUAL_RATE
        microphone = Microphone(sr, g.hop_length, settings.input_device)
        blocks = _limited(microphone.blocks(), settings.seconds, g.hop_length / sr)
        return _Input(blocks, chain, sr, microphone)
    reader = AudioReader(settings.input)
    if settings.sr not in (None, reader.sr):
        raise SpecInvError(
            f"--sr {settings.sr}, but {settings.input} is sampled at {reader.sr} Hz."
        )
    blocks = audio_blocks(reader, g.hop_length)
    return _Input(
        _timed(blocks, settings, g.hop_length / reader.sr),
        chain,
        reader.sr,
        paced=settings.realtime,
    )


def _read_frames(settings: Any) -> _Input:
    """Read an array, or lay out what raw frames mean."""
    from ..live import FrameChain, array_blocks, load_function, pipe_frames

    recipe, spec, found = read_recipe(settings), None, None
    if settings.input != _PIPE:
        file = read_spectrogram_file(Path(settings.input), settings.key)
        spec, found = file.array, file.sr
        spec = spec.mT if settings.transpose and spec.ndim > 1 else spec
        if spec.ndim != 2:
            raise SpecInvError(
                f"{settings.input} has shape {tuple(spec.shape)}: expected one spectrogram (rows, "
                "frames)."
            )
    rows = settings.rows or (None if spec is None else len(spec))
    if recipe.is_mel and recipe.n_mels is None and rows:
        recipe = replace(recipe, n_mels=rows)
    elif not recipe.is_mel and recipe.n_fft is None and rows:
        recipe = replace(recipe, n_fft=2 * (rows - recipe.nyquist))
    if recipe.rows is None:
        raise SpecInvError(
            "how many numbers a frame has is not known: pass --preset, --n-fft, or --rows."
        )
    if rows not in (None, recipe.rows):
        raise SpecInvError(f"a frame has {rows} rows, but the preset or n_fft says {recipe.rows}.")
    sr = recipe.sr or settings.sr or found
    if sr is None:
        raise SpecInvError("frames have no sample rate: pass --sr.")
    if settings.sr not in (None, sr):
        raise SpecInvError(f"--sr {settings.sr}, but --preset {settings.preset} has {sr} Hz.")
    function = None if settings.function is None else load_function(settings.function)
    chain = FrameChain(_stream(settings, preset=recipe), function)
    period = chain.stream.hop_length / sr
    if spec is None:
        frames = pipe_frames(sys.stdin.fileno(), recipe.rows)
        return _Input(_limited(frames, settings.seconds, period), chain, sr)
    blocks = _timed(array_blocks(spec.float()), settings, period)
    return _Input(blocks, chain, sr, paced=settings.realtime)


def _stream(settings: Any, **keywords: Any) -> Streaming:
    return Streaming(
        algorithm=settings.algorithm,
        look_ahead=-1 if settings.look_ahead is None else settings.look_ahead,
        max_iter=settings.max_iter,
        init=settings.init,
        on_nan="hold",
        **keywords,
    )


def _timed(blocks: Iterator[Tensor], settings: Any, period: float) -> Iterator[Tensor]:
    """Yield blocks of a file at their own pace, where that is wanted."""
    from ..live import paced

    blocks = _limited(blocks, settings.seconds, period)
    return paced(blocks, period) if settings.realtime else blocks


def _limited(blocks: Iterator[Tensor], seconds: float | None, period: float) -> Iterator[Tensor]:
    """Yield blocks until so many seconds have passed in them."""
    for number, block in enumerate(blocks, 1):
        yield block
        if seconds is not None and number * period >= seconds:
            return


def _tell(source: _Input, report: Any, speaker: Any) -> None:
    """Print latency, underruns and what was held, on standard error."""
    from ..live import quantile

    stream, sr = source.chain.stream, source.sr
    # the first sample of a block waits for the last one of it
    samples = stream.latency + stream.hop_length
    method = samples / sr
    # a block of a file that is read ahead only waits for those before it
    timed = source.microphone is not None or source.paced
    wait = quantile(report.waiting if timed else report.computing, 0.5)
    middle, late = (quantile(report.computing, share) for share in (0.5, 0.999))
    devices = [device for device in (source.microphone, speaker) if device is not None]
    outside = sum(device.seconds for device in devices)
    lines = [
        f"{report.blocks} blocks, {report.samples / sr:.2f} s of sound at {sr} Hz",
        f"latency {1000 * (method + wait + outside):.1f} ms: {samples} samples of the "
        f"method ({1000 * method:.1f} ms), {1000 * wait:.2f} ms of "
        + ("waiting and computing" if timed else "computing")
        + (f", {1000 * outside:.1f} ms of the devices" if devices else ""),
        f"computing a block ({1000 * stream.hop_length / sr:.1f} ms of sound): median "
        f"{1000 * middle:.2f} ms, 99.9 % within {1000 * late:.2f} ms",
        f"underruns: {report.underruns}",
    ]
    if source.microphone is not None:
        lines.append(f"blocks of the microphone that were lost: {source.microphone.overruns}")
    if stream.held:
        lines.append(f"frames of NaN or infinity, where the last good one was held: {stream.held}")
    for line in lines:
        print(f"specinv: {line}", file=sys.stderr)
