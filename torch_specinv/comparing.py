"""The fair comparison: every method and its peers on the same magnitudes, measured alike."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import importlib.metadata
import json
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .errors import SpecInvError
from .inverting import invert
from .metrics import lsd, sc, snr
from .report import table
from .solve import ALGORITHMS
from .stft import STFT
from .version import __version__


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
    seconds: float
    """Wall-clock time, initial phase included."""
    setting: str
    """The STFT, digests of window and wave, the versions and the machine."""

    @property
    def key(self) -> tuple[str, str, int, str]:
        """What is measured once."""
        return self.clip, self.method, self.iterations, self.setting


Peer = Callable[[Tensor, STFT, int], Tensor]


def peers() -> dict[str, Peer]:
    """Return the peers that are installed: functions of (magnitude, transform, iterations)."""
    found: dict[str, Peer] = {"librosa": _librosa}
    try:
        importlib.import_module("torchaudio.functional")
    except (ImportError, OSError):
        return found
    return {**found, "torchaudio": _torchaudio}


def check_methods(methods: Sequence[str]) -> None:
    """Raise for a method that is neither ours nor that of a peer that is installed."""
    names = [*ALGORITHMS, *peers()]
    for method in methods:
        if method not in names:
            raise SpecInvError(
                f"method {method!r} is unknown or not installed. Known: {', '.join(names)}."
            )


def compare(
    clips: Iterable[tuple[str, Tensor]],
    methods: Sequence[str],
    budgets: Sequence[int],
    store: Path,
    **stft_kwargs: Any,
) -> Iterator[Measurement]:
    """Measure methods on clips; what `store` holds already is not measured again.

    Parameters
    ----------
    clips : iterable of (str, Tensor)
        Names and waveforms (samples,).
    methods : sequence of str
        Names of algorithms and of peers. Each starts from what suits it; peers from random
        phases with seed 0.
    budgets : sequence of int
        Numbers of iterations.
    store : Path
        A file of JSON lines, to which every measurement is appended as soon as it is made.
    **stft_kwargs
        The keywords of :func:`torch.stft`; n_fft is needed.

    Yields
    ------
    Measurement
        One for each clip, method and budget, old or new.
    """
    check_methods(methods)
    known = {measured.key: measured for measured in read_store(store)}
    others = peers()
    for name, wave in clips:
        stft = STFT.of_wave(wave, **stft_kwargs)
        target = stft(wave)
        setting = _setting(stft, wave)
        warm: set[str] = set()
        for method in methods:
            for budget in budgets:
                measured = known.get((name, method, budget, setting))
                if measured is None:
                    solve = others.get(method) or partial(_ours, method)
                    if method not in warm:  # imports and compilers are not the method's time
                        solve(target, stft, 1)
                        warm.add(method)
                    began = time.perf_counter()
                    found = solve(target, stft, budget)
                    seconds = time.perf_counter() - began
                    values = _measure(found, target, stft)
                    measured = Measurement(
                        name, method, budget, *values, round(seconds, 4), setting
                    )
                    with store.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(dataclasses.asdict(measured)) + "\n")
                yield measured


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


def summary(measured: Sequence[Measurement]) -> str:
    """Return a Markdown table: medians over clips, and the gain in SC over librosa."""
    rows: list[list[str]] = []
    groups: dict[tuple[int, str], list[Measurement]] = {}
    for one in measured:
        groups.setdefault((one.iterations, one.method), []).append(one)
    baseline = {(m.clip, m.iterations): m.sc for m in measured if m.method == "librosa"}
    for (iterations, method), group in sorted(groups.items()):
        gains = [
            baseline[m.clip, m.iterations] - m.sc
            for m in group
            if (m.clip, m.iterations) in baseline
        ]
        gain = f"{_median(gains):.1f} / {min(gains):.1f}" if gains else "-"
        numbers = [
            f"{_median([getattr(m, name) for m in group]):.{digits}f}"
            for name, digits in (("sc", 1), ("sc_inner", 1), ("snr", 1), ("lsd", 2), ("seconds", 2))
        ]
        rows.append([method, str(iterations), *numbers, gain])
    return table(
        [
            "method",
            "iterations",
            "SC",
            "SC inner",
            "SNR",
            "LSD",
            "seconds",
            "gain over librosa: median / least",
        ],
        rows,
    )


def _ours(name: str, target: Tensor, stft: STFT, budget: int) -> Tensor:
    kind = ALGORITHMS[name]
    return invert(
        target,
        name,
        max_iter=budget if kind.takes_start else max(1, budget // 4),
        tol=0,
        eva_iter=max(budget, 1),
        length=stft.geometry.length,
        verbose=False,
        **stft.geometry.keywords(),
    ).wave


def _librosa(target: Tensor, stft: STFT, budget: int) -> Tensor:
    import librosa

    g = stft.geometry
    wave: Any = librosa.griffinlim(
        target.numpy(),
        n_iter=budget,
        hop_length=g.hop_length,
        n_fft=g.n_fft,
        window=g.window.numpy(),
        center=g.center,
        pad_mode=g.pad_mode if g.pad_mode == "reflect" else "constant",
        momentum=0.99,
        length=g.length,
        random_state=0,
    )
    return torch.from_numpy(wave)


def _torchaudio(target: Tensor, stft: STFT, budget: int) -> Tensor:
    functional: Any = importlib.import_module("torchaudio.functional")
    g = stft.geometry
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return functional.griffinlim(
            target,
            window=g.window,
            n_fft=g.n_fft,
            hop_length=g.hop_length,
            win_length=g.n_fft,
            power=1.0,
            n_iter=budget,
            momentum=0.99,
            length=g.length,
            rand_init=True,
        )


def _measure(wave: Tensor, target: Tensor, stft: STFT) -> tuple[float, float, float, float]:
    found = stft(wave)
    g = stft.geometry
    edge = -(-g.n_fft // g.hop_length)
    inner = slice(edge, target.shape[-1] - edge)
    if target[..., inner].numel() == 0:
        inner = slice(None)
    values = (
        sc(found, target),
        sc(found[..., inner], target[..., inner]),
        snr(found, target),
        lsd(found, target),
    )
    first, second, third, fourth = (round(float(value), 3) for value in values)
    return first, second, third, fourth


def _setting(stft: STFT, wave: Tensor) -> str:
    """Say what a measurement depends on, for others to repeat it."""
    keywords = stft.geometry.keywords()
    numbers: dict[str, Any] = {
        key: value for key, value in keywords.items() if not isinstance(value, Tensor)
    }
    numbers["window"] = _digest(stft.geometry.window)
    numbers["wave"] = _digest(wave)
    versions = {
        "torch_specinv": __version__,
        "torch": torch.__version__,
        "librosa": importlib.metadata.version("librosa"),
    }
    machine = f"{platform.machine()}, {torch.get_num_threads()} threads"
    return json.dumps({**numbers, **versions, "machine": machine}, sort_keys=True)


def _digest(tensor: Tensor) -> str:
    """Return a short name for the content of a tensor."""
    return hashlib.sha256(tensor.detach().cpu().contiguous().numpy().tobytes()).hexdigest()[:12]


def _median(values: Sequence[float]) -> float:
    return float(torch.tensor(values, dtype=torch.float64).quantile(0.5))
