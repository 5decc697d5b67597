"""Faults of the machine: items are tried again, and a broken device ends a run."""

from __future__ import annotations

import json

import pyarrow
import pytest
import torch

from tests.corpus_cases import RUN, manifest, save_arrays, waves
from torch_specinv import SpecInvError
from torch_specinv.cli import main
from torch_specinv.corpus import invert_corpus, ray_data, solving, verify_corpus
from torch_specinv.corpus.machine import is_broken, is_of_machine
from torch_specinv.errors import DeviceError

ILLEGAL = RuntimeError("CUDA error: an illegal memory access was encountered\nmore")
ACCELERATOR = getattr(torch, "AcceleratorError", RuntimeError)


@pytest.mark.parametrize("error, of_machine, broken", [
    (OSError(5, "Input/output error"), True, False), (MemoryError(), True, False),
    (torch.OutOfMemoryError("CUDA out of memory. Tried"), True, False),
    (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True, False),
    (RuntimeError("CUDA error: out of memory"), True, False), (ILLEGAL, True, True),
    (ACCELERATOR("CUDA error: unspecified launch failure"), True, True),
    (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), True, False),
    (RuntimeError("cuFFT error: CUFFT_EXEC_FAILED"), True, False),
    (RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling"), True, False),
    (SpecInvError("a single item does not fit in the memory of cuda:0 (full)"), True, False),
    (SpecInvError("spec holds NaN."), False, False),
    (RuntimeError("stack expects each tensor to be equal size"), False, False),
    (ValueError("CUDA error"), False, False),
])  # fmt: skip
def test_whose_fault_an_error_is(error, of_machine, broken):
    assert (is_of_machine(error), is_broken(error)) == (of_machine, broken)


@pytest.fixture
def corpus(tmp_path):
    save_arrays(tmp_path / "in", 6, lengths=6)
    return tmp_path / "in", tmp_path / "out"


def failing(monkeypatch, error, first):
    """Let all calls from one on raise."""
    function, calls = solving.invert, []

    def inverting(*args, **keywords):
        calls.append(args)
        if len(calls) >= first:
            raise error
        return function(*args, **keywords)

    monkeypatch.setattr(solving, "invert", inverting)


def test_full_memory_is_tried_again(corpus, monkeypatch):
    folder, output = corpus
    with monkeypatch.context() as patch:
        failing(patch, torch.OutOfMemoryError("CUDA out of memory."), 3)
        result = invert_corpus(folder, output, **RUN)
    assert (result.done, result.failed) == (2, 4)
    faults = {row["fault"] for row in manifest(output).values() if row["status"] == "failed"}
    assert faults == {"machine"}
    result = invert_corpus(folder, output, **RUN)
    assert (result.done, result.failed, result.finished_before) == (4, 0, 2)


def test_a_broken_device_ends_the_run(corpus, monkeypatch, capsys):
    folder, output = corpus
    with monkeypatch.context() as patch:
        failing(patch, ILLEGAL, 3)
        with pytest.raises(DeviceError, match=r"cpu is of no use.* illegal memory access") as found:
            invert_corpus(folder, output, batch=1, **RUN)
        flags = ["--sr", "8000", "--max-iter", "2", "--quiet", "--engine", "loop", "--batch", "1"]
        assert main(["corpus", str(folder), "-o", str(output), *flags]) == 1
        assert "illegal memory access" in capsys.readouterr().err
    assert "2 items are finished: run the same again" in found.value.__notes__[0]
    assert {row["status"] for row in manifest(output).values()} == {"done"}
    result = invert_corpus(folder, output, batch=1, **RUN)
    assert (result.done, result.failed, result.finished_before) == (4, 0, 2)
    assert len(waves(output)) == 6
    assert verify_corpus(output, closely=True).count == 0


def test_an_item_that_breaks_the_device_fails_in_the_end(corpus, monkeypatch):
    folder, output = corpus
    invert = solving.invert

    def breaking(spec, *args, **keywords):
        if spec.shape[-1] == 14:
            raise ILLEGAL
        return invert(spec, *args, **keywords)

    monkeypatch.setattr(solving, "invert", breaking)
    for _ in range(3):
        with pytest.raises(DeviceError):
            invert_corpus(folder, output, batch=1, **RUN)
    result = invert_corpus(folder, output, batch=1, **RUN)
    assert len(waves(output)) == 5
    assert result.failed == 1
    assert not list((output / "_corpus" / "attempts").iterdir())


def test_a_device_that_breaks_in_a_worker_of_ray(monkeypatch):
    def broken(items):
        raise DeviceError("the device is gone")

    worker = object.__new__(ray_data.RayWorker)
    worker._worker = broken
    monkeypatch.setattr(ray_data, "read_items", list)
    (found,) = worker(pyarrow.table({"items": ["a"]})).column("finished").to_pylist()
    assert json.loads(found) == {"broken": "the device is gone"}
    with pytest.raises(DeviceError, match="the device is gone"):
        ray_data.finished(found)
