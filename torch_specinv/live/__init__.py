"""Sound while it is made: frame by frame, from and to devices, files and pipes."""

from .chains import AudioChain, Chain, FrameChain, load_function
from .loop import LiveReport, Stop, live, quantile
from .sources import array_blocks, audio_blocks, paced, pipe_frames

__all__ = [
    "AudioChain",
    "Chain",
    "FrameChain",
    "LiveReport",
    "Stop",
    "array_blocks",
    "audio_blocks",
    "live",
    "load_function",
    "paced",
    "pipe_frames",
    "quantile",
]
