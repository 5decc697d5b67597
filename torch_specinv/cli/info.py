"""Show versions, the processor's instructions and engines."""

from __future__ import annotations

from typing import Any

from ..config import show_config

HELP = "what is installed and which engines there are"
OPERANDS: tuple[str, ...] = ()


def add_arguments(_parser: Any) -> None:
    """Add the flags of this command: none."""


def run(_settings: Any) -> None:
    """Print it."""
    show_config()
