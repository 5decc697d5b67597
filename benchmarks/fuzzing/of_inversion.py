"""The functions that invert, the algorithms and the modules."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

import torch_specinv
from benchmarks.fuzzing.target import WINDOW, Target, magnitude, seeded
from torch_specinv import algorithms, nn


def _spec(**more: Any) -> Callable[[], dict[str, Any]]:
    return lambda: {"spec": magnitude().clone(), "window": WINDOW, **more}


def of_inversion() -> dict[str, Target]:
    """Return the functions that invert, and the STFT."""
    few: dict[str, Any] = {"max_iter": 2, "verbose": False}
    init = {
        "init": torch.randn_like(magnitude()),
        "lengths": [700, 690],
        "mel": torch.rand(33, 65),
    }
    stft = torch_specinv.STFT.of(magnitude(), window=WINDOW)
    quick = {"outer_max_iter": 2, "verbose": False, "transform_fn": _plain, "samples": (2, 700)}
    found = {
        name: Target(getattr(torch_specinv, name), _spec(**few), also=init, skip=("transforms",))
        for name in ("griffin_lim", "ADMM", "RTISI_LA", "invert")
    }
    transform = lambda: {"spec": _plain(seeded(2, 700)), **quick}  # noqa: E731
    start = {"init_x0": seeded(2, 700), "lengths": [700, 690]}
    for name in ("L_BFGS", "invert_transform"):
        found[name] = Target(
            getattr(torch_specinv, name),
            transform,
            {"spec": "values any"},
            also=start,
            skip=("init_x0",),
        )
        found[f"{name}, init_x0"] = Target(
            getattr(torch_specinv, name),
            lambda: (
                {k: v for k, v in transform().items() if k != "samples"}
                | {"init_x0": seeded(2, 700)}
            ),
            skip=tuple(
                k
                for k in inspect.signature(getattr(torch_specinv, name)).parameters
                if k != "init_x0"
            ),
        )
    found["L_BFGS, of an STFT"] = Target(
        torch_specinv.L_BFGS,
        lambda: {"spec": magnitude(), **quick, "transform_fn": stft, "samples": None},
        {"spec": "magnitude"},
        skip=("transform_fn", "loss_fn"),
        also={**start, "init_x0": seeded(2, stft.geometry.length)},
    )
    found["phase_init"] = Target(torch_specinv.phase_init, _spec(), {"method": "choice"})
    found["wave_init"] = Target(
        torch_specinv.wave_init,
        lambda: {"spec": _plain(seeded(2, 700)), "transform_fn": _plain, "samples": (2, 700)},
    )
    bands = torch.rand(2, 8, 12) + 0.1
    as_mel = {"mel": "magnitude", "norm": "choice or None", "filters": "bank", "shift": "numbers"}
    found["mel_to_audio"] = Target(
        torch_specinv.mel_to_audio,
        lambda: {"mel": bands, "sr": 8000, "n_fft": 64, **few},
        as_mel,
        also={"filters": torch.rand(8, 33), "window": WINDOW, **init, "init": None},
        skip=("init",),
    )
    found["diagnose"] = Target(
        torch_specinv.diagnose, lambda: {"spec": magnitude()}, {"spec": "anything"}
    )
    found["register_phase"] = Target(torch_specinv.register_phase, lambda: {"name": "another"})
    found["register"] = Target(torch_specinv.register, lambda: {"name": "another"})
    found["STFT.of"] = Target(
        torch_specinv.STFT.of,
        lambda: {"spec": magnitude(), "window": WINDOW},
        _STFT,
        signature=_of,
    )
    found["STFT.of_wave"] = Target(
        torch_specinv.STFT.of_wave,
        lambda: {"wave": seeded(2, 700), "n_fft": 64, "window": WINDOW},
        {**_STFT},
        signature=_of_wave,
    )
    found["STFT.analyse"] = Target(
        lambda wave: stft.analyse(wave), lambda: {"wave": seeded(2, stft.geometry.length)}
    )
    found["STFT()"] = Target(
        lambda wave: stft(wave), lambda: {"wave": seeded(2, stft.geometry.length)}
    )
    found["STFT.synthesise"] = Target(
        lambda spectrum: stft.synthesise(spectrum), lambda: {"spectrum": magnitude() * (1 + 1j)}
    )
    return found


def _plain(wave: Tensor) -> Tensor:
    return torch.stft(wave, 64, window=WINDOW, return_complex=True).abs()


_STFT = {"wave": "shape of a wave"}


def _of(
    spec: Any,
    length: Any = None,
    n_fft: Any = None,
    hop_length: Any = None,
    win_length: Any = None,
    window: Any = None,
    center: Any = True,
    pad_mode: Any = "reflect",
    normalized: Any = False,
    onesided: Any = None,
    window_align: Any = "center",
) -> None: ...


def _of_wave(
    wave: Any,
    n_fft: Any,
    hop_length: Any = None,
    win_length: Any = None,
    window: Any = None,
    center: Any = True,
    pad_mode: Any = "reflect",
    normalized: Any = False,
    onesided: Any = None,
    window_align: Any = "center",
) -> None: ...


def of_algorithms() -> dict[str, Target]:
    """Return the algorithms with their hyperparameters."""
    found: dict[str, Target] = {}
    for name in (
        "ADMM",
        "AGLA",
        "AMDR",
        "LBFGS",
        "RAAR",
        "RTISILA",
        "Auto",
        "DifferenceMap",
        "GriffinLim",
    ):
        kind = getattr(algorithms, name)
        kinds = {"beta": "not 0" if name == "DifferenceMap" else "not negative", "kind": "choice"}
        kinds |= {"rule": "choice", "guess": "choice"}
        found[f"algorithms.{name}"] = Target(partial(_run, kind), kinds=kinds, signature=kind)
    found["algorithms.Chain"] = Target(
        partial(_run, algorithms.Chain),
        lambda: {"parts": (algorithms.RAAR(), algorithms.GriffinLim()), "shares": (1.0, 1.0)},
        {"parts": "numbers"},
        signature=algorithms.Chain,
    )
    return found


def _run(kind: Any, /, **settings: Any) -> Any:
    return torch_specinv.invert(
        magnitude(), kind(**settings), window=WINDOW, max_iter=6, verbose=False
    )


def of_modules() -> dict[str, Target]:
    """Return the inverters as modules."""
    found: dict[str, Target] = {}
    for name in nn.__all__:
        kind = getattr(nn, name)
        good: dict[str, Any] = {"window": WINDOW, "max_iter": 2}
        spec, skip = magnitude(), ("init", "lengths", "mel")
        if name == "LBFGS":
            good = {"transform_fn": _plain, "samples": (2, 700), "outer_max_iter": 2}
            spec = _plain(seeded(2, 700))
        elif name == "MelToAudio":
            good, spec = {"sr": 8000, "n_fft": 64, "max_iter": 2}, torch.rand(2, 8, 12)
        elif name == "PhaseInit":
            good = {"window": WINDOW}
        call = partial(_forward, kind, spec)
        also = {"filters": torch.rand(8, 33), "window": WINDOW}
        found[f"nn.{name}"] = Target(
            call, partial(dict, good), {"norm": "choice or None"}, skip, kind, also
        )
    return found


def _forward(kind: Any, spec: Tensor, /, **settings: Any) -> Any:
    return kind(**settings)(spec)
