"""Everything public on a pretended device: its rules hold, and the numbers are the CPU's."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

import torch_specinv
from tests.device.cases import CASES
from torch_specinv import losses, nn, phase
from torch_specinv.solve import ALGORITHMS


class Child:
    """A process in which there is a device of some kind."""

    def __init__(self, kind):
        self.kind, self.process = kind, None

    def ask(self, what):
        if self.process is None or self.process.poll() is not None:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.device.child", self.kind],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                cwd=Path(__file__).parents[1],
            )  # fmt: skip
        self.process.stdin.write(f"{what}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the process of {self.kind} ended at {what!r}: {self.process.wait()}"
        return json.loads(line)

    def close(self):
        if self.process is not None:
            self.process.stdin.close()
            self.process.stdout.close()
            self.process.wait()


@pytest.fixture(scope="module")
def cuda():
    child = Child("cuda")
    yield child
    child.close()


@pytest.fixture(scope="module")
def mps():
    child = Child("mps")
    yield child
    child.close()


def asked(child, what):
    found = child.ask(what)
    assert "error" not in found, found["error"]
    return found


# What comes back as text
ELSEWHERE = {"diagnose"}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_cuda_refuses_nothing_and_gives_the_same(cuda, name):
    """Tensors of host and device are not mixed, and the numbers are those of the CPU, bit by bit.

    (Kernels of a real device round a logarithm or a transform otherwise; these are the CPU's.)
    """
    found = asked(cuda, name)
    assert found["same"]
    assert found["there"] or name in ELSEWHERE


#: What is computed in single precision where there is no double one, and integrated over frames
ROUNDED = ("phase_init, spsi", "phase.spsi")


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_mps_refuses_nothing(mps, name):
    """No float64, and no operation that torch lacks there."""
    found = asked(mps, name)
    assert found["near"] or name in ROUNDED


def test_everything_that_takes_tensors_is_tried():
    tried = {part for name in CASES for part in name.partition(",")[0].split(".")}
    no_tensor = {
        "PARALLEL_WAVEGAN", "chroma_scale", "mel_scale",  # of numbers
        "example", "invert_long", "register", "register_phase", "show_config",  # of names, files
    }  # fmt: skip
    functions = [
        name for name in torch_specinv.__all__ if inspect.isfunction(getattr(torch_specinv, name))
    ]
    for name in (*functions, *losses.__all__, *nn.__all__, *phase.PHASES, *ALGORITHMS):
        assert name in tried | no_tensor or f"invert, {name}" in CASES, name


def test_the_device_refuses_what_it_should(cuda, mps):
    assert asked(cuda, "refusals") == {
        "a tensor of the host": True,
        "another device": True,
        "a number of the host": False,
        "written to the host": True,
        "float64": False,
        "not deterministic": True,
    }
    assert mps.ask("refusals")["float64"]


#: Kernels, and bytes a bin and iteration, that there may be at most: what ATen's own operations
#: come to. A change that needs more has to say why.
MOST = {
    "griffin_lim": (25, 205),
    "admm": (29, 320),
    "agla": (32, 240),
    "raar": (28, 290),
    "amdr": (60, 355),
    "difference_map": (27, 270),
    "lbfgs": (112, 450),
}


def test_kernels_and_bytes_of_an_iteration(cuda):
    found = asked(cuda, "iterations")
    assert found.keys() == MOST.keys()
    for name, (kernels, moved, waits) in found.items():
        assert waits == {}, name
        assert kernels <= MOST[name][0], (name, kernels)
        assert moved <= MOST[name][1], (name, moved)


def test_kernels_of_starting_phases(cuda):
    """The argument is checked too: seven kernels, and a wait."""
    found = asked(cuda, "starts")
    most = {"pghi": (212, 4), "spsi": (154, 4)}
    assert found.keys() == most.keys()
    for name, (kernels, waits) in found.items():
        assert kernels <= most[name][0], (name, kernels)
        assert waits <= most[name][1], (name, waits)


def test_waits(cuda):
    found = asked(cuda, "waits")
    for start in ("pghi", "spsi"):
        assert found.pop(f"start {start}") <= 4
    for name, (more_iterations, evaluation, whole) in found.items():
        assert more_iterations == 0, name
        assert evaluation <= 2, name
        # checks of spectrogram and window, the transform, and the result
        assert whole <= 10, (name, whole)


def test_recorded_steps_are_the_plain_ones(cuda):
    """On both devices, the first being the current one; what waits could not be recorded."""
    for name, (off, captured, missed, replays) in asked(cuda, "equal_to_plain").items():
        # a number on the device is added and rounded once more than one of the host
        assert off < (1e-8 if name.startswith(("amdr", "auto")) else 1e-300), name
        assert missed == 0, name
        # a map of two halves differs in more than numbers
        assert (captured > 0 and replays > 10) == ("beta" not in name), name


def test_recordings_serve_parts_and_other_problems(cuda):
    found = asked(cuda, "parts_and_kept")
    assert found.pop("recorded again") == 0
    assert max(found.values()) < 1e-8


def test_recordings_are_not_trusted(cuda):
    found = asked(cuda, "distrusted")
    for name, (off, said) in found.items():
        assert off == 0, name
        assert len(said) == 1, name
        assert "can't be recorded" in said[0], name
    assert "they are others" in found["empty"][1][0]
    assert "capturing: item" in found["waiting"][1][0]


@pytest.mark.slow
def test_inversions_with_recordings(cuda):
    for name, (off, same, captured) in asked(cuda, "whole_runs").items():
        assert off < (1e-2 if name == "auto" else 1e-8), name
        assert same, name
        assert captured > 0, name


def test_frames_are_pushed_by_a_recording(cuda):
    off, captured, waits = asked(cuda, "online")
    assert off < 1e-10
    assert captured
    assert waits < 2.5


def test_losses_are_deterministic(cuda):
    assert max(asked(cuda, "losses_deterministic").values()) < 1e-5


def test_autocast_changes_nothing(cuda):
    assert all(asked(cuda, "autocast").values())


def test_devices_that_disagree_are_named(cuda):
    found = asked(cuda, "disagreeing")
    # numbers that are read once may lie anywhere
    assert [name for name, said in found.items() if said == "taken"] == ["bank", "lengths"]
    for name, said in found.items():
        assert said == "taken" or (name in said and "cpu" in said and ".to(" in said), said
