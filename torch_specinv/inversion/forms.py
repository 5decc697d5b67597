"""The settings that may be arrays or lists, as tensors."""

from __future__ import annotations

from dataclasses import replace

import torch

from ..constraints.mel_bands import read_bank
from ..mel import MelSpec
from ..tensors import any_tensor, as_tensor
from .settings import Settings


def with_tensors(s: Settings, device: torch.device) -> Settings:
    """Return the settings with tensors instead of arrays and lists, which come to `device`."""
    init, mel, lengths = s.init, s.mel, s.lengths
    if init is not None and not isinstance(init, str):
        init = as_tensor(init, "init", device)
    if mel is not None and not isinstance(mel, MelSpec):
        mel = read_bank(mel)
    if lengths is not None:
        lengths = any_tensor(lengths, "lengths")
    return replace(s, init=init, mel=mel, lengths=lengths)
