"""Measure methods on clips, once each, and keep every measurement."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
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
from .degrade import Degradation
from .foreign import load_method
from .listening import HEARD, Clip, heard, heard_alone
from .peers import Peer, check_geometry, installed_peers
from .prediction import Prediction
from .setting import describe_setting
from .store import FIELDS, Measurement, append, read_store
from .task import Task, task_of

#: Metrics to the true magnitude, where another one was given.
TO_TRUTH: dict[str, Metric] = {"sc_truth": sc, "lsd_truth": lsd}
#: SC without the frames that reach beyond the ends.
SC_INNER = "sc_inner"
#: Called with a clip, a measurement of it, and a function that returns the wave.
Keep = Callable[[Clip | Prediction, Measurement, Callable[[], Tensor]], None]
# Every other registered metric is measured. This one is the negative of sc.
_LEFT_OUT = ("ser",)


def check_methods(methods: Iterable[str]) -> None:
    """Raise for a method that is neither ours nor that of a peer that is installed.

    One of ours may name its start, such as "griffin_lim:spsi". Others are ``module:function``, see
    :func:`~.foreign.load_method`.
    """
    peers = installed_peers()
    names = [*ALGORITHMS, *peers]
    for method in methods:
        name, colon, start = method.partition(":")
        if name not in names:
            hint = f"{near_miss(name, names)} Known: {', '.join(names)}."
            if colon:
                load_method(method, hint)
                continue
            raise SpecInvError(f"method {name!r} is unknown or not installed.{hint}")
        if not colon:
            continue
        check_choice("start", start, PHASES)
        if name in peers or not make_algorithm(name, {}).takes_start:
            raise SpecInvError(f"method={method!r}: {name} takes no start.")


def compare(
    clips: Iterable[Clip | Prediction],
    methods: Sequence[str],
    budgets: Sequence[int] | Mapping[str, Sequence[int]],
    store: Path,
    *,
    disturb: Callable[[Tensor], Tensor] | None = None,
    degrade: Degradation | None = None,
    keep: Keep | None = None,
    **stft_kwargs: Any,
) -> Iterator[Measurement]:
    """Measure methods on clips; what `store` holds already is not measured again.

    Every metric is measured that is registered, also by
    :func:`torch_specinv.metrics.register_metric`.

    Parameters
    ----------
    clips : iterable of Clip or Prediction
        Waveforms (samples,) and their names; or arrays with their recipe, which bring their STFT
        and have no original: what counts is how near a wave comes to them.
    methods : sequence of str
        Names of algorithms and of peers. Each starts from what suits it, or from what is named
        behind a colon, such as "griffin_lim:spsi"; peers from random phases with seed 0. Others are
        ``module:function``, and are measured every time.
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
    keep : callable, optional
        Called with the clip, the measurement, and a function that returns the wave (samples,) as it
        is heard. The waves of what is in the store already are made again, when they are asked for.
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
        task = task_of(clip, disturb, degrade, stft_kwargs)
        for method in methods:
            check_suits(method, task)
        kind = None if degrade is None else degrade.name  # more is measured, also of an exact one
        about = {"degrade": kind, **task.about}
        setting = describe_setting(task.stft, task.target, metrics=metrics, **about)
        runs = [(name, _known_phase(phase), (0,)) for name, phase in task.phases.items()]
        runs += [
            (name, _solver(name, task), budgets[name] if isinstance(budgets, Mapping) else budgets)
            for name in methods
        ]
        for method, solver, counts in runs:
            solve = _Timed(solver, task.stft)
            for budget in counts:
                key = (clip.name, method, budget, setting)
                if key in known and not _is_foreign(method):
                    if keep is not None:
                        again = partial(solver, task.given, task.stft, budget)
                        keep(clip, known[key], cache(partial(_heard_as, task, again)))
                    yield known[key]
                    continue
                wave, seconds = solve(task.given, budget)
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
                if keep is not None:
                    keep(clip, known[key], partial(task.finish, wave))
                yield known[key]


def _heard_as(task: Task, solve: Callable[[], Tensor]) -> Tensor:
    return task.finish(solve())


def check_suits(method: str, task: Task) -> None:
    """Raise if a method cannot invert what is given."""
    if method in installed_peers():
        check_geometry(method, task.stft)
    if isinstance(task.clip, Prediction):
        task.clip.check_method(method.partition(":")[0])


def measured_metrics() -> dict[str, Metric]:
    """Return the registered metrics by name; raises where a name is that of something else."""
    taken = {*FIELDS, *HEARD, *TO_TRUTH, SC_INNER} & METRICS.keys()
    if taken:
        raise SpecInvError(
            f"metric {min(taken)!r} has the name of another column of results: register it "
            "under another name."
        )
    return {name: metric for name, metric in METRICS.items() if name not in _LEFT_OUT}


class _Timed:
    """Runs a method and takes the time, after a first run that is for imports and compilers."""

    def __init__(self, solve: Peer, stft: STFT) -> None:
        self._solve, self._stft = solve, stft
        self._warm = False

    def __call__(self, given: Tensor, budget: int) -> tuple[Tensor, float]:
        """Return the waveform and the seconds it took."""
        if not self._warm:
            self._solve(given, self._stft, 1)
            self._warm = True
        began = time.perf_counter()
        wave = self._solve(given, self._stft, budget)
        return wave, time.perf_counter() - began


def _is_foreign(method: str) -> bool:
    """Whether a method is ``module:function``: nobody knows when it changes."""
    name, colon, _ = method.partition(":")
    return bool(colon) and name not in ALGORITHMS


def other_method(method: str) -> Peer | None:
    """Return the function of a method that is not ours: a peer's, or ``module:function``."""
    return load_method(method) if _is_foreign(method) else installed_peers().get(method)


def _solver(method: str, task: Task) -> Peer:
    """Return the function of (what is given, transform, iterations) that runs a method."""
    other = other_method(method)
    if other is None:
        return partial(_ours, method, task.how)
    return lambda _given, stft, budget: other(task.magnitude, stft, budget)


def _known_phase(phase: Tensor) -> Peer:
    """Return a method that has a phase and makes no iterations."""
    return lambda given, stft, _budget: stft.synthesise(torch.polar(given, phase))


def _ours(method: str, how: Mapping[str, Any], given: Tensor, stft: STFT, budget: int) -> Tensor:
    name, _, start = method.partition(":")
    # 0 stands for those that have no iterations
    algorithm = make_algorithm(name, {})
    return invert(
        given,
        algorithm,
        init=start or None,
        max_iter=algorithm.iterations_of_equal_cost(max(budget, 1), stft.geometry),
        tol=0,
        eva_iter=max(budget, 1),
        length=stft.geometry.length,
        verbose=False,
        **how,
        **stft.geometry.keywords(),
    ).wave


def _values(wave: Tensor, task: Task, metrics: Mapping[str, Metric]) -> dict[str, float | None]:
    """Return the values that a :class:`Measurement` holds."""
    found = task.observe(wave)
    inner = _inner_frames(task.stft)
    values: dict[str, float | None] = {}
    for name, metric in metrics.items():
        values[name] = round(float(metric(found, task.target)), 3)
        if name == "sc":
            values[SC_INNER] = round(float(sc(found[..., inner], task.target[..., inner])), 3)
    if task.truth is not None:
        for name, metric in TO_TRUTH.items():
            values[name] = round(float(metric(found, task.truth)), 3)
    if isinstance(task.clip, Prediction):
        return values | heard_alone(task.finish(wave), task.clip)
    return values | heard(wave, task.clip, music=bool(task.phases))


def _inner_frames(stft: STFT) -> slice:
    """Return the frames that do not reach beyond the ends, or all where there are none."""
    g = stft.geometry
    edge = ceil_div(g.n_fft, g.hop_length)
    return slice(edge, g.frames - edge) if g.frames > 2 * edge else slice(None)
