"""What people hold instead of magnitudes, with its conventions: mel spectrograms, MFCC, presets."""

from .conventions import MelSpec
from .levels import Levels, normalised_levels
from .mfcc import mfcc_to_mel
from .presets import PRESETS, name_of, named_preset, preset
from .recipe import Preset

__all__ = [
    "PRESETS",
    "Levels",
    "MelSpec",
    "Preset",
    "mfcc_to_mel",
    "name_of",
    "named_preset",
    "normalised_levels",
    "preset",
]
