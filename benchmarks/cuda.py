"""Iterations on a CUDA device: every engine, torchaudio and librosa, times, memory and waits.

Run ``python -m benchmarks.cuda`` on a machine with a device. It prints a line for each measurement
as it goes, and writes the section of docs/cuda.md, with the name of the device. Without librosa or
torchaudio their columns say so.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.cuda_page import HOP, ITERATIONS, METHODS, N_FFT, SIZES, SR, Measured, page
from torch_specinv import invert
from torch_specinv.engines import GraphEngine, TorchEngine, TritonEngine, choose_engine
from torch_specinv.solve import ALGORITHMS
from torch_specinv.solve.problem import SpectrogramProblem
from torch_specinv.solve.recorded import KEPT
from torch_specinv.transform.stft import STFT

PAGE = Path(__file__).parents[1] / "docs" / "_measured_cuda.md"
ENGINES = {"launched": TorchEngine, "recorded": GraphEngine, "triton": TritonEngine}


class Spent:
    """How many seconds are spent on one measurement."""

    most = 1.5


def seconds_of(function: Callable[[], Any]) -> float:
    """Return the median time of a call, to the end of what it launches."""
    function()
    torch.cuda.synchronize()
    times: list[float] = []
    begun = time.perf_counter()
    while len(times) < 3 or (len(times) < 15 and time.perf_counter() - begun < Spent.most):
        start = time.perf_counter()
        function()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]


def peak_of(function: Callable[[], Any]) -> float:
    """Return how many MB a call needs at most, beyond what there was."""
    KEPT.clear()
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    function()
    torch.cuda.synchronize()
    return (torch.cuda.max_memory_allocated() - before) / 1e6


def waits_of(function: Callable[[], Any]) -> Counter[str]:
    """Return where the host waits for the device in a call."""
    function()
    torch.cuda.synchronize()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            function()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    places = (f"{Path(w.filename).name}:{w.lineno}" for w in said if "synchroniz" in str(w.message))
    return Counter(places)


def magnitude(items: int, seconds: float, window: Tensor) -> Tensor:
    """Return the magnitude of noise."""
    wave = torch.randn(items, int(seconds * SR), device="cuda")
    return torch.stft(wave, N_FFT, HOP, window=window, return_complex=True).abs()


def iterations(found: Measured, spec: Tensor, window: Tensor, **size: Any) -> None:
    """Measure an iteration of every method with every engine."""
    problem = SpectrogramProblem.from_magnitude(spec, STFT.of(spec, hop_length=HOP, window=window))
    start = torch.polar(problem.target, 6 * torch.rand_like(problem.target))
    many = 10 if spec.numel() > 2**23 else 50
    for method in METHODS:
        rule = ALGORITHMS[method]()
        for name, engine in ENGINES.items():
            lbfgs = method == "lbfgs"
            if (lbfgs and engine is TritonEngine) or (
                not lbfgs and engine.obstacle(problem, rule, 200) is not None
            ):
                continue
            make = choose_engine(engine.name, gradient=False) if lbfgs else engine
            try:
                solver = rule.solver(problem, 200, make)
                state = solver.advance(solver.start(start), 20)
                made = 20 + many
                us = 1e6 * seconds_of(lambda s=solver, x=state, n=made: s.advance(x, n)) / many
                failed = bool(getattr(solver, "failed", False)) and engine is GraphEngine
                found.add(
                    what="iteration", method=method, engine=name, us=us, failed=failed, **size
                )
            except Exception as error:
                found.add(what="iteration", method=method, engine=name, error=repr(error), **size)


def inversions(found: Measured, spec: Tensor, window: Tensor, **size: Any) -> None:
    """Measure whole inversions as they are called, and those of other packages."""
    settings: dict[str, Any] = {
        "hop_length": HOP, "window": window, "tol": 0, "verbose": False, "max_iter": ITERATIONS,
    }  # fmt: skip
    audio = size["items"] * size["seconds"]
    for method in ("griffin_lim", "amdr", "auto"):

        def run(method: str = method, more: Any = settings) -> Any:
            return invert(spec, method, **more)

        found.add(what="inversion", method=method, ms=1e3 * seconds_of(run),
                  mb_per_second=peak_of(run) / audio, **size)  # fmt: skip
        if method == "griffin_lim":  # as torchaudio: from noise, and measured at the end only
            bare = {**settings, "init": "random", "eva_iter": ITERATIONS}
            found.add(what="bare", method=method, **size,
                      ms=1e3 * seconds_of(lambda b=bare: run(more=b)))  # fmt: skip
    try:
        from torchaudio.functional import griffinlim

        def theirs() -> Any:
            return griffinlim(spec, window, N_FFT, HOP, N_FFT, 1.0, ITERATIONS, 0.99, None, True)

        found.add(what="torchaudio", ms=1e3 * seconds_of(theirs),
                  mb_per_second=peak_of(theirs) / audio, **size)  # fmt: skip
    except Exception as error:
        found.add(what="torchaudio", error=repr(error), **size)
    if audio <= 10:
        try:
            import librosa

            host = spec.cpu().numpy()
            librosa.griffinlim(host, n_iter=1, hop_length=HOP, n_fft=N_FFT)
            begun = time.perf_counter()
            librosa.griffinlim(host, n_iter=10, hop_length=HOP, n_fft=N_FFT)
            found.add(what="librosa", ms=1e3 * (time.perf_counter() - begun) * ITERATIONS / 10,
                      **size)  # fmt: skip
        except Exception as error:
            found.add(what="librosa", error=repr(error), **size)


def waits(found: Measured, window: Tensor) -> None:
    """Count the waits of ten more iterations, of an evaluation, and of the rest."""
    spec = magnitude(3, 2, window)
    settings: dict[str, Any] = {"hop_length": HOP, "window": window, "tol": 0, "verbose": False}

    def count(method: str, **more: Any) -> int:
        return waits_of(lambda: invert(spec, method, **settings, **more)).total()

    for method in ("griffin_lim", "amdr", "lbfgs"):
        first = count(method, max_iter=20, eva_iter=20)
        found.add(
            what="waits", method=method, whole=first,
            iterations=count(method, max_iter=40, eva_iter=40) - first,
            evaluation=(count(method, max_iter=20, eva_iter=4) - first) / 4,
            from_noise=count(method, max_iter=20, eva_iter=20, init="random"),
        )  # fmt: skip


def main() -> None:
    """Measure everything, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=Path, default=PAGE, help="what to write")
    parser.add_argument("--json", type=Path, help="where to write the measurements as they are")
    parser.add_argument("--sizes", type=int, default=len(SIZES), help="of the sizes, the first few")
    parser.add_argument("--seconds", type=float, default=1.5, help="spent on a measurement")
    given = parser.parse_args()
    Spent.most = given.seconds
    if not torch.cuda.is_available():
        raise SystemExit("no CUDA device: nothing is measured, and nothing is written.")
    warnings.simplefilter("ignore")
    try:
        import triton

        version = triton.__version__
    except ImportError:
        version = "not there"
    found = Measured()
    found.add(what="device", name=torch.cuda.get_device_name(), torch=torch.__version__,
              triton=version, system=platform.platform())  # fmt: skip
    torch.manual_seed(0)
    window = torch.hann_window(N_FFT, device="cuda")
    waits(found, window)
    for items, seconds in SIZES[: given.sizes]:
        spec = magnitude(items, seconds, window)
        iterations(found, spec, window, items=items, seconds=seconds)
        inversions(found, spec, window, items=items, seconds=seconds)
        KEPT.clear()
        given.page.write_text(page(found))
        if given.json:
            given.json.write_text(json.dumps(found.rows, indent=1))


if __name__ == "__main__":
    main()
