"""Measure methods on clips, once each, and keep every measurement."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from ..errors import SpecInvError
from ..inversion.invert import invert
from ..metrics import METRICS, Metric, sc
from ..solve import ALGORITHMS
from ..solve.algorithm import make_algorithm
from ..transform.sizes import ceil_div
from ..transform.stft import STFT
from .peers import Peer, check_geometry, installed_peers
from .setting import describe_setting
from .speech import SPEECH_SCORES, perceived
from .store import FIELDS, Measurement, append, read_store

#: SC without the frames that reach beyond the ends.
SC_INNER = "sc_inner"
# Every other registered metric is measured. This one is the negative of sc.
_LEFT_OUT = ("ser",)


class Clip(NamedTuple):
    """What to measure on."""

    name: str
    wave: Tensor
    """Shape (samples,)."""
    sr: int
    speech: bool = False
    """Whether to measure PESQ and ESTOI, which are for speech."""


def check_methods(methods: Sequence[str]) -> None:
    """Raise for a method that is neither ours nor that of a peer that is installed."""
    names = [*ALGORITHMS, *installed_peers()]
    for method in methods:
        if method not in names:
            raise SpecInvError(
                f"method {method!r} is unknown or not installed. Known: {', '.join(names)}."
            )


def compare(
    clips: Iterable[Clip],
    methods: Sequence[str],
    budgets: Sequence[int],
    store: Path,
    *,
    disturb: Callable[[Tensor], Tensor] | None = None,
    **stft_kwargs: Any,
) -> Iterator[Measurement]:
    """Measure methods on clips; what `store` holds already is not measured again.

    Every metric is measured that is registered, also by :func:`register_metric`.

    Parameters
    ----------
    clips : iterable of Clip
        Waveforms (samples,) and their names.
    methods : sequence of str
        Names of algorithms and of peers. Each starts from what suits it; peers from random
        phases with seed 0.
    budgets : sequence of int
        Numbers of iterations; a method with costlier iterations makes as many as cost the same.
    store : Path
        A file of JSON lines, to which every measurement is appended as soon as it is made.
    disturb : callable, optional
        Makes the magnitude that is given out of the true one, for magnitudes that no waveform
        has.
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
        target = stft(clip.wave) if disturb is None else disturb(stft(clip.wave))
        setting = describe_setting(stft, target, metrics=metrics, **clip._asdict())
        for method in methods:
            solve = _Timed(_solver(method))
            for budget in budgets:
                key = (clip.name, method, budget, setting)
                if key not in known:
                    wave, seconds = solve(target, stft, budget)
                    known[key] = Measurement(
                        clip=clip.name,
                        method=method,
                        iterations=budget,
                        values=_values(wave, clip, target, stft, metrics),
                        seconds=round(seconds, 4),
                        setting=setting,
                    )
                    append(store, known[key])
                yield known[key]


def measured_metrics() -> dict[str, Metric]:
    """Return the registered metrics by name; raises where a name is that of something else."""
    taken = {*FIELDS, *SPEECH_SCORES, SC_INNER} & METRICS.keys()
    if taken:
        raise SpecInvError(
            f"metric {min(taken)!r} has the name of another column of results: register it "
            "under another name."
        )
    return {name: metric for name, metric in METRICS.items() if name not in _LEFT_OUT}


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


def _ours(name: str, target: Tensor, stft: STFT, budget: int) -> Tensor:
    algorithm = make_algorithm(name, {})
    return invert(
        target,
        algorithm,
        max_iter=algorithm.iterations_of_equal_cost(budget, stft.geometry),
        tol=0,
        eva_iter=max(budget, 1),
        length=stft.geometry.length,
        verbose=False,
        **stft.geometry.keywords(),
    ).wave


def _values(
    wave: Tensor, clip: Clip, target: Tensor, stft: STFT, metrics: Mapping[str, Metric]
) -> dict[str, float | None]:
    """Return the values that a :class:`Measurement` holds."""
    found = stft(wave)
    inner = _inner_frames(stft)
    values: dict[str, float | None] = {}
    for name, metric in metrics.items():
        values[name] = round(float(metric(found, target)), 3)
        if name == "sc":
            values[SC_INNER] = round(float(sc(found[..., inner], target[..., inner])), 3)
    scores = perceived(wave, clip.wave, clip.sr) if clip.speech else (None, None)
    return values | dict(zip(SPEECH_SCORES, scores, strict=True))


def _inner_frames(stft: STFT) -> slice:
    """Return the frames that do not reach beyond the ends, or all where there are none."""
    g = stft.geometry
    edge = ceil_div(g.n_fft, g.hop_length)
    return slice(edge, g.frames - edge) if g.frames > 2 * edge else slice(None)
