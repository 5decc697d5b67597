"""What people hold instead of magnitudes: mel spectrograms, with their conventions."""

from .mel import MelSpec
from .presets import PRESETS, Preset, preset

__all__ = ["PRESETS", "MelSpec", "Preset", "preset"]
