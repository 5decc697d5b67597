"""What is recorded on the pretended device, beside what the same solver does without it."""

from __future__ import annotations

from typing import Any

import torch

import torch_specinv as ts
from torch_specinv.algorithms import AMDR, GriffinLim
from torch_specinv.engines import GraphEngine, TorchEngine, choose_engine
from torch_specinv.online import RTISI
from torch_specinv.solve import ALGORITHMS
from torch_specinv.solve.recorded import KEPT
from torch_specinv.solve.solver import copy_state, select_items

from .graphs import pretended_graphs
from .measurements import HOP, MAGNITUDE, WINDOW, posed
from .pretended import values

STEPS = 40


def equal_to_plain(kind: str) -> dict[str, Any]:
    """Return, for each algorithm and device, how far off the recorded steps are, and the waits."""
    found: dict[str, Any] = {}
    for index in (0, 1):
        for name in (*ALGORITHMS, "difference_map, beta"):
            if name in ("pghi", "rtisi_la"):
                continue
            found[f"{name} on {index}"] = _compare(name, index)
    return found


def _compare(name: str, index: int) -> list[Any]:
    KEPT.clear()
    name, _, beta = name.partition(", ")
    algorithm = ALGORITHMS[name](**({"beta": -0.8} if beta else {}))
    with pretended_graphs() as device, torch.no_grad():
        problem, start = posed(device, index, torch.float64)
        plain = algorithm.solver(problem, STEPS, TorchEngine)
        graph = algorithm.solver(problem, STEPS, choose_engine("graph", gradient=False))
        a, b = plain.start(start), graph.start(start)
        device.clear()
        worst = 0.0
        for until in (10, 20, 25, 40):
            a, b = plain.advance(a, until), graph.advance(b, until)
            difference = values(plain.wave(a)) - values(graph.wave(b))
            worst = max(worst, float(difference.abs().max()))
        return [worst, device.captured, device.missed, device.replays]


def parts_and_kept(kind: str) -> dict[str, Any]:
    """Return whether parts of a batch go on, and whether recordings are used again."""
    KEPT.clear()
    with pretended_graphs() as device, torch.no_grad():
        problem, start = posed(device, 0, torch.float64)
        plain, graph = (kind(problem, AMDR(), STEPS) for kind in (TorchEngine, GraphEngine))
        expected = plain.wave(plain.advance(plain.start(start), STEPS))
        state = graph.advance(graph.start(start), 15)
        before = copy_state(state)
        whole = graph.wave(graph.advance(state, STEPS))
        items = device.put(torch.tensor([1]))
        fewer = graph.select(items)
        part = fewer.wave(fewer.advance(select_items(before, items), STEPS))
        captured = device.captured
        # the same shapes, another problem
        other = problem.select(device.put(torch.tensor([1, 0])))
        again = GraphEngine(other, AMDR(), STEPS)
        turned = again.wave(again.advance(again.start(start.flip(0)), STEPS))
        back = graph.wave(graph.advance(before, STEPS))
        return {
            "whole": _off(whole, expected),
            "a part": _off(part, expected[1:]),
            "another problem": _off(turned, expected.flip(0)),
            "the first again": _off(back, expected),
            "recorded again": device.captured - captured,
        }


def _off(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((values(a) - values(b)).abs().max())


def distrusted(kind: str) -> dict[str, Any]:
    """Return what becomes of recordings that fail: said once, and the steps are right."""
    found: dict[str, Any] = {}

    def empty(step: Any, device: torch.device) -> Any:
        step()
        return lambda: None

    def broken(step: Any, device: torch.device) -> Any:
        step()
        raise RuntimeError("operation not permitted when stream is capturing")

    class Waiting(GriffinLim):
        def rule(self, spectrum, memory, constraint, step):
            assert bool(torch.isfinite(spectrum.real).all())
            return super().rule(spectrum, memory, constraint, step)

    for name, algorithm, recorder in (
        ("empty", GriffinLim(), empty),
        ("broken", GriffinLim(), broken),
        ("waiting", Waiting(), None),
    ):
        KEPT.clear()
        with pretended_graphs() as device, torch.no_grad():
            problem, start = posed(device, 0, torch.float64)
            plain = TorchEngine(problem, algorithm, STEPS)
            more = {} if recorder is None else {"recorder": recorder}
            graph = GraphEngine(problem, algorithm, STEPS, **more)
            expected = plain.wave(plain.advance(plain.start(start), STEPS))
            with _warnings() as said:
                state = graph.advance(graph.start(start), 20)
                wave = graph.wave(graph.advance(state, STEPS))
            found[name] = [_off(wave, expected), said]
    return found


def whole_runs(kind: str) -> dict[str, Any]:
    """Return whether inversions with backend="graph" are those without, and what they capture."""
    found: dict[str, Any] = {}
    for name in ("griffin_lim", "auto", "lbfgs", "rtisi_la"):
        with pretended_graphs() as device:
            more = {"max_iter": 3} if name == "rtisi_la" else {"max_iter": 70, "tol": 1e-4}
            spec, window = device.put(MAGNITUDE[..., :40].double()), device.put(WINDOW.double())
            plain, graph = (
                ts.invert(spec, name, backend=backend, window=window, hop_length=HOP,
                          verbose=False, **more)
                for backend in ("torch", "graph")
            )  # fmt: skip
            found[name] = [_off(plain.wave, graph.wave), plain.status == graph.status,
                           device.captured]  # fmt: skip
    return found


def online(kind: str) -> list[Any]:
    """Return how far off recorded frames are, what was captured, and the waits of a frame."""

    def run(spec: torch.Tensor, window: torch.Tensor) -> torch.Tensor:
        pushed = RTISI(n_fft=256, hop_length=HOP, max_iter=3, window=window)
        return torch.cat([*map(pushed.push, spec.mT), pushed.flush()])

    spec, window = MAGNITUDE[0, :, :30].double(), WINDOW.double()
    with pretended_graphs() as device:
        wave = run(device.put(spec), device.put(window))
        return [_off(wave, run(spec, window)), device.captured > 0, device.waits.total() / 30]


def _warnings() -> Any:
    import contextlib
    import warnings

    @contextlib.contextmanager
    def listen():
        said: list[str] = []
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            yield said
        said.extend(str(w.message) for w in heard)

    return listen()


RECORDED = {f.__name__: f for f in (equal_to_plain, parts_and_kept, distrusted, whole_runs, online)}
