"""A subset of the trial of faults: kills, full disks, interrupts, loaders, threads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TRIAL = Path(__file__).parent.parent / "benchmarks" / "faults.py"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="it mounts, and reads /proc")
def test_nothing_is_lost_and_nothing_is_left():
    """It returns how many trials were not survived, and says which."""
    run = subprocess.run(
        [sys.executable, TRIAL, "--quick"], capture_output=True, text=True, check=False, timeout=600
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "killed before each file operation: invert-long" in run.stdout
