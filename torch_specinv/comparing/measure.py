"""Measure methods on clips, once each, and keep every measurement."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..algorithms import RTISILA
from ..errors import SpecInvError
from ..inversion.invert import invert
from ..metrics import lsd, sc, snr
from ..solve import ALGORITHMS
from ..transform.stft import STFT
from .peers import check_geometry, installed_peers, versions
from .speech import perceived


class Clip(NamedTuple):
    """What to measure on."""

    name: str
    wave: Tensor
    """Shape (samples,)."""
    sr: int
    speech: bool = False
    """Whether to ask how it sounds to somebody who listens to speech."""


@dataclass(frozen=True)
class Measurement:
    """What a method came to on a clip."""

    clip: str
    method: str
    iterations: int
    sc: float
    """Spectral convergence in dB, all frames."""
    sc_inner: float
    """The same without the frames that reach beyond the ends."""
    snr: float
    lsd: float
    pesq: float | None
    estoi: float | None
    seconds: float
    """Wall-clock time, initial phase included."""
    setting: str
    """The STFT, digests of window, wave and magnitude, the versions and the machine."""

    @property
    def key(self) -> tuple[str, str, int, str]:
        """What is measured once."""
        return self.clip, self.method, self.iterations, self.setting


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

    Parameters
    ----------
    clips : iterable of Clip
        Waveforms (samples,) and their names.
    methods : sequence of str
        Names of algorithms and of peers. Each starts from what suits it; peers from random
        phases with seed 0.
    budgets : sequence of int
        Numbers of iterations.
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
    known = {measured.key: measured for measured in read_store(store)}
    others = installed_peers()
    for clip in clips:
        stft = STFT.of_wave(clip.wave, **stft_kwargs)
        for method in others.keys() & set(methods):
            check_geometry(method, stft)
        target = stft(clip.wave) if disturb is None else disturb(stft(clip.wave))
        setting = _setting(stft, clip, target)
        warm: set[str] = set()
        for method in methods:
            for budget in budgets:
                measured = known.get((clip.name, method, budget, setting))
                if measured is None:
                    solve = others.get(method) or partial(_ours, method)
                    if method not in warm:  # imports and compilers are not the method's time
                        solve(target, stft, 1)
                        warm.add(method)
                    began = time.perf_counter()
                    found = solve(target, stft, budget)
                    seconds = time.perf_counter() - began
                    pesq, estoi = None, None
                    if clip.speech:
                        pesq, estoi = perceived(found, clip.wave, clip.sr)
                    measured = Measurement(
                        clip=clip.name,
                        method=method,
                        iterations=budget,
                        **_measure(found, target, stft),
                        pesq=pesq,
                        estoi=estoi,
                        seconds=round(seconds, 4),
                        setting=setting,
                    )
                    _append(store, measured)
                yield measured


def _append(store: Path, measured: Measurement) -> None:
    """Add a line; one that was cut off by a crash is left to itself."""
    cut_off = store.exists() and store.read_bytes()[-1:] not in (b"", b"\n")
    with store.open("a", encoding="utf-8") as file:
        file.write("\n" * cut_off + json.dumps(dataclasses.asdict(measured)) + "\n")


def read_store(store: Path) -> list[Measurement]:
    """Read what has been measured; a line that was cut off by a crash is left out."""
    if not store.exists():
        return []
    measured: list[Measurement] = []
    for line in store.read_text(encoding="utf-8").splitlines():
        try:
            measured.append(Measurement(**json.loads(line)))
        except (json.JSONDecodeError, TypeError):
            continue
    return measured


def _ours(name: str, target: Tensor, stft: STFT, budget: int) -> Tensor:
    # it has iterations for each new frame, and works on about four frames at once
    online = ALGORITHMS[name] is RTISILA
    return invert(
        target,
        name,
        max_iter=max(1, budget // 4) if online else budget,
        tol=0,
        eva_iter=max(budget, 1),
        length=stft.geometry.length,
        verbose=False,
        **stft.geometry.keywords(),
    ).wave


def _measure(wave: Tensor, target: Tensor, stft: STFT) -> dict[str, float]:
    """Return the values of the metrics by their names in :class:`Measurement`."""
    found = stft(wave)
    g = stft.geometry
    edge = -(-g.n_fft // g.hop_length)
    inner = slice(edge, target.shape[-1] - edge)
    if target[..., inner].numel() == 0:
        inner = slice(None)
    values = {
        "sc": sc(found, target),
        "sc_inner": sc(found[..., inner], target[..., inner]),
        "snr": snr(found, target),
        "lsd": lsd(found, target),
    }
    return {name: round(float(value), 3) for name, value in values.items()}


def _setting(stft: STFT, clip: Clip, target: Tensor) -> str:
    """Say what a measurement depends on, for others to repeat it."""
    keywords = stft.geometry.keywords()
    numbers: dict[str, Any] = {
        key: value for key, value in keywords.items() if not isinstance(value, Tensor)
    }
    digests = {
        "window": _digest(stft.geometry.window),
        "wave": _digest(clip.wave),
        "magnitude": _digest(target),
    }
    about = {"sr": clip.sr, "speech": clip.speech}
    machine = f"{processor()}, {torch.get_num_threads()} threads"
    everything = {**numbers, **digests, **about, **versions(), "machine": machine}
    everything["code"] = _code()
    return json.dumps(everything, sort_keys=True)


def processor() -> str:
    """Return the name of the processor."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


@cache
def _code() -> str:
    """Return a short name for the sources of what is measured."""
    package = Path(__file__).parents[1]
    sources = (file for end in ("*.py", "*.h", "*.cpp") for file in package.rglob(end))
    content = b"".join(file.read_bytes() for file in sorted(sources))
    return hashlib.sha256(content).hexdigest()[:12]


def _digest(tensor: Tensor) -> str:
    """Return a short name for the content of a tensor."""
    return hashlib.sha256(tensor.detach().cpu().contiguous().numpy().tobytes()).hexdigest()[:12]
