"""What people hold instead of magnitudes: mel spectrograms, with their conventions, and MFCC."""

from .conventions import MelSpec
from .mfcc import mfcc_to_mel
from .presets import PRESETS, Preset, preset

__all__ = ["PRESETS", "MelSpec", "Preset", "mfcc_to_mel", "preset"]
