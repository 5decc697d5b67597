"""Measure methods on clips, once each, and keep every measurement."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import SpecInvError, check_choice, near_miss
from ..inversion.invert import invert
from ..metrics import METRICS, Metric, lsd, sc
from ..phase import PHASES
from ..solve import ALGORITHMS
from ..solve.algorithm import make_algorithm
from ..transform.sizes import ceil_div
from ..transform.stft import STFT
from .degrade import Degradation, Recording
from .listening import HEARD, Clip, heard
from .peers import Peer, check_geometry, installed_peers
from .setting import describe_setting
from .store import FIELDS, Measurement, append, read_store

#: Metrics to the true magnitude, where another one was given.
TO_TRUTH: dict[str, Metric] = {"sc_truth": sc, "lsd_truth": lsd}
#: SC without the frames that reach beyond the ends.
SC_INNER = "sc_inner"
# Every other registered metric is measured. This one is the negative of sc.
_LEFT_OUT = ("ser",)


def check_methods(methods: Iterable[str]) -> None:
    """Raise for a method that is neither ours nor that of a peer that is installed.

    One of ours may name its start, such as "griffin_lim:spsi".
    """
    peers = installed_peers()
    names = [*ALGORITHMS, *peers]
    for method in methods:
        name, colon, start = method.partition(":")
        if name not in names:
            raise SpecInvError(
                f"method {name!r} is unknown or not installed.{near_miss(name, names)} "
                f"Known: {', '.join(names)}."
            )
        if not colon:
            continue
        check_choice("start", start, PHASES)
        if name in peers or not make_algorithm(name, {}).takes_start:
            raise SpecInvError(f"method={method!r}: {name} takes no start.")


def compare(
    clips: Iterable[Clip],
    methods: Sequence[str],
    budgets: Sequence[int] | Mapping[str, Sequence[int]],
    store: Path,
    *,
    disturb: Callable[[Tensor], Tensor] | None = None,
    degrade: Degradation | None = None,
    **stft_kwargs: Any,
) -> Iterator[Measurement]:
    """Measure methods on clips; what `store` holds already is not measured again.

    Every metric is measured that is registered, also by :func:`register_metric`.

    Parameters
    ----------
    clips : iterable of Clip
        Waveforms (samples,) and their names.
    methods : sequence of str
        Names of algorithms and of peers. Each starts from what suits it, or from what is named
        behind a colon, such as "griffin_lim:spsi"; peers from random phases with seed 0.
    budgets : sequence of int, or mapping of str to sequence of int
        Numbers of iterations, or those of each method; one with costlier iterations makes as many
        as cost the same.
    store : Path
        A file of JSON lines, to which every measurement is appended as soon as it is made.
    disturb : callable, optional
        Makes the magnitude that is given out of the true one, for magnitudes that no waveform
        has.
    degrade : Degradation, optional
        The same, by a kind of degradation. Then the given magnitude with the true phase, "true
        phase", is measured as well, and where a phase is known the one with that, "given phase";
        of clips that are not speech ViSQOL, where visqol-python is installed.
    **stft_kwargs
        The keywords of :func:`torch.stft`; n_fft is needed.

    Yields
    ------
    Measurement
        One for each clip, method and budget, old or new.
    """
    check_methods(methods)
    metrics = measured_metrics()
    known = {measured.key: measured for measured in read_store(store)}
    for clip in clips:
        stft = STFT.of_wave(clip.wave, **stft_kwargs)
        for method in installed_peers().keys() & set(methods):
            check_geometry(method, stft)
        task = _task(clip, stft, disturb, degrade)
        kind = None if degrade is None else degrade.name  # more is measured, also of an exact one
        about = {"degrade": kind, **clip._asdict()}
        setting = describe_setting(stft, task.target, metrics=metrics, **about)
        runs = [(name, _known_phase(phase), (0,)) for name, phase in task.phases.items()]
        runs += [
            (name, _solver(name), budgets[name] if isinstance(budgets, Mapping) else budgets)
            for name in methods
        ]
        for method, solver, counts in runs:
            solve = _Timed(solver)
            for budget in counts:
                key = (clip.name, method, budget, setting)
                if key not in known:
                    wave, seconds = solve(task.target, stft, budget)
                    known[key] = Measurement(
                        clip=clip.name,
                        method=method,
                        iterations=budget,
                        values=_values(wave, task, metrics),
                        seconds=round(seconds, 4),
                        setting=setting,
                        kind=task.kind,
                    )
                    append(store, known[key])
                yield known[key]


def measured_metrics() -> dict[str, Metric]:
    """Return the registered metrics by name; raises where a name is that of something else."""
    taken = {*FIELDS, *HEARD, *TO_TRUTH, SC_INNER} & METRICS.keys()
    if taken:
        raise SpecInvError(
            f"metric {min(taken)!r} has the name of another column of results: register it "
            "under another name."
        )
    return {name: metric for name, metric in METRICS.items() if name not in _LEFT_OUT}


@dataclass(frozen=True)
class _Task:
    """A clip, and what is given of it."""

    clip: Clip
    stft: STFT
    kind: str
    target: Tensor
    truth: Tensor | None
    """The true magnitude where it is not the target."""
    phases: Mapping[str, Tensor]
    """Phases to measure without any iteration, by name."""


def _task(
    clip: Clip,
    stft: STFT,
    disturb: Callable[[Tensor], Tensor] | None,
    degrade: Degradation | None,
) -> _Task:
    if degrade is None:
        truth = stft(clip.wave)
        if disturb is None:
            return _Task(clip, stft, "exact", truth, None, {})
        return _Task(clip, stft, "disturbed", disturb(truth), truth, {})
    recording = Recording(clip.wave, clip.sr, stft)
    given = degrade(recording)
    phases = {"true phase": recording.spectrum.angle()}
    if given.phase is not None:
        phases["given phase"] = given.phase
    return _Task(clip, stft, degrade.name, given.magnitude, recording.magnitude, phases)


class _Timed:
    """Runs a method and takes the time, after a first run that is for imports and compilers."""

    def __init__(self, solve: Peer) -> None:
        self._solve = solve
        self._warm = False

    def __call__(self, target: Tensor, stft: STFT, budget: int) -> tuple[Tensor, float]:
        """Return the waveform and the seconds it took."""
        if not self._warm:
            self._solve(target, stft, 1)
            self._warm = True
        began = time.perf_counter()
        wave = self._solve(target, stft, budget)
        return wave, time.perf_counter() - began


def _solver(method: str) -> Peer:
    """Return the function of (magnitude, transform, iterations) that runs a method."""
    return installed_peers().get(method) or partial(_ours, method)


def _known_phase(phase: Tensor) -> Peer:
    """Return a method that has a phase and makes no iterations."""
    return lambda target, stft, _budget: stft.synthesise(torch.polar(target, phase))


def _ours(method: str, target: Tensor, stft: STFT, budget: int) -> Tensor:
    name, _, start = method.partition(":")
    # 0 stands for those that have no iterations
    algorithm = make_algorithm(name, {})
    return invert(
        target,
        algorithm,
        init=start or None,
        max_iter=algorithm.iterations_of_equal_cost(max(budget, 1), stft.geometry),
        tol=0,
        eva_iter=max(budget, 1),
        length=stft.geometry.length,
        verbose=False,
        **stft.geometry.keywords(),
    ).wave


def _values(wave: Tensor, task: _Task, metrics: Mapping[str, Metric]) -> dict[str, float | None]:
    """Return the values that a :class:`Measurement` holds."""
    found = task.stft(wave)
    inner = _inner_frames(task.stft)
    values: dict[str, float | None] = {}
    for name, metric in metrics.items():
        values[name] = round(float(metric(found, task.target)), 3)
        if name == "sc":
            values[SC_INNER] = round(float(sc(found[..., inner], task.target[..., inner])), 3)
    if task.truth is not None:
        for name, metric in TO_TRUTH.items():
            values[name] = round(float(metric(found, task.truth)), 3)
    return values | heard(wave, task.clip, music=bool(task.phases))


def _inner_frames(stft: STFT) -> slice:
    """Return the frames that do not reach beyond the ends, or all where there are none."""
    g = stft.geometry
    edge = ceil_div(g.n_fft, g.hop_length)
    return slice(edge, g.frames - edge) if g.frames > 2 * edge else slice(None)
