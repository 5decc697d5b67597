# Written by tests/test_nn_stub.py: what editors and type checkers read instead of nn.py.

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .constraints import MakeConstraint
from .mel import MelSpec, Preset
from .metrics import Metric
from .solve import Algorithm, Callback
from .tensors import Numbers
from .transform.callables import Loss, Transform
from .transform.named_windows import Window

__all__ = ["ADMM", "LBFGS", "RTISILA", "GriffinLim", "MelToAudio", "PhaseInit"]

class ADMM(nn.Module):
    def __init__(
        self,
        max_iter: int = 1000,
        tol: float = 1e-06,
        rho: float | Tensor = 0.1,
        eva_iter: int = 10,
        metric: str | Metric | Sequence[str | Metric] = "sc",
        *,
        init: str | Numbers | None = None,
        length: int | None = None,
        callback: Callback | None = None,
        backend: str = "auto",
        checkpoint: int | None = None,
        constraint: MakeConstraint | None = None,
        mel: MelSpec | Numbers | None = None,
        preset: str | Preset | None = None,
        n_fft: int | None = None,
        hop_length: int | None = None,
        win_length: int | None = None,
        window: Window | None = None,
        center: bool = True,
        pad_mode: str = "reflect",
        normalized: bool = False,
        onesided: bool | None = None,
        return_complex: bool | None = None,
        window_align: str = "center",
    ) -> None: ...
    def forward(
        self,
        spec: Numbers,
        lengths: Numbers | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor: ...

class LBFGS(nn.Module):
    def __init__(
        self,
        transform_fn: Transform,
        samples: int | tuple[int, ...] | None = None,
        outer_max_iter: int = 1000,
        tol: float = 1e-06,
        eva_iter: int = 10,
        metric: str | Metric | Sequence[str | Metric] = "sc",
        *,
        loss_fn: Loss | None = None,
        callback: Callback | None = None,
        checkpoint: int | None = None,
        **lbfgs_kwargs: Any,
    ) -> None: ...
    def forward(
        self,
        spec: Numbers,
        init_x0: Numbers | None = None,
        lengths: Numbers | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor: ...

class RTISILA(nn.Module):
    def __init__(
        self,
        look_ahead: int = -1,
        asymmetric_window: bool = False,
        max_iter: int = 25,
        alpha: float | Tensor = 0.99,
        *,
        eva_iter: int = 10,
        metric: str | Metric | Sequence[str | Metric] = "sc",
        init: str | Numbers | None = None,
        length: int | None = None,
        callback: Callback | None = None,
        backend: str = "auto",
        checkpoint: int | None = None,
        constraint: MakeConstraint | None = None,
        mel: MelSpec | Numbers | None = None,
        preset: str | Preset | None = None,
        n_fft: int | None = None,
        hop_length: int | None = None,
        win_length: int | None = None,
        window: Window | None = None,
        center: bool = True,
        pad_mode: str = "reflect",
        normalized: bool = False,
        onesided: bool | None = None,
        return_complex: bool | None = None,
        window_align: str = "center",
    ) -> None: ...
    def forward(
        self,
        spec: Numbers,
        lengths: Numbers | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor: ...

class GriffinLim(nn.Module):
    def __init__(
        self,
        max_iter: int = 200,
        tol: float = 1e-06,
        alpha: float | Tensor = 0.99,
        eva_iter: int = 10,
        metric: str | Metric | Sequence[str | Metric] = "sc",
        *,
        init: str | Numbers | None = None,
        length: int | None = None,
        callback: Callback | None = None,
        backend: str = "auto",
        checkpoint: int | None = None,
        constraint: MakeConstraint | None = None,
        mel: MelSpec | Numbers | None = None,
        preset: str | Preset | None = None,
        n_fft: int | None = None,
        hop_length: int | None = None,
        win_length: int | None = None,
        window: Window | None = None,
        center: bool = True,
        pad_mode: str = "reflect",
        normalized: bool = False,
        onesided: bool | None = None,
        return_complex: bool | None = None,
        window_align: str = "center",
    ) -> None: ...
    def forward(
        self,
        spec: Numbers,
        lengths: Numbers | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor: ...

class MelToAudio(nn.Module):
    def __init__(
        self,
        sr: int | MelSpec | None = None,
        *,
        preset: str | Preset | None = None,
        n_fft: int | None = None,
        hop_length: int | None = None,
        win_length: int | None = None,
        window: Window | None = None,
        fmin: float = 0.0,
        fmax: float | None = None,
        htk: bool = False,
        norm: str | None = "slaney",
        filters: str | Tensor = "librosa",
        power: float = 1.0,
        log: str | None = None,
        clamp: float = 0.0,
        offset: float = 0.0,
        reach: float | None = None,
        shift: float | Sequence[float] | Tensor = 0.0,
        scale: float | Sequence[float] | Tensor = 1.0,
        limits: tuple[float, float] | None = None,
        preemphasis: float = 0.0,
        algorithm: str | Algorithm = "auto",
        max_iter: int = 32,
        length: int | None = None,
        init: str | Numbers | None = None,
        tol: float = 1e-06,
        eva_iter: int = 10,
        metric: str | Metric | Sequence[str | Metric] = "sc",
        callback: Callback | None = None,
        backend: str = "auto",
        checkpoint: int | None = None,
        center: bool = True,
        pad_mode: str = "reflect",
        normalized: bool = False,
        onesided: bool | None = None,
        return_complex: bool | None = None,
        window_align: str = "center",
        **hyperparameters: Any,
    ) -> None: ...
    def forward(
        self,
        spec: Numbers,
        lengths: Numbers | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor: ...

class PhaseInit(nn.Module):
    def __init__(
        self,
        method: str = "spsi",
        *,
        length: int | None = None,
        n_fft: int | None = None,
        hop_length: int | None = None,
        win_length: int | None = None,
        window: Window | None = None,
        center: bool = True,
        pad_mode: str = "reflect",
        normalized: bool = False,
        onesided: bool | None = None,
        return_complex: bool | None = None,
        window_align: str = "center",
    ) -> None: ...
    def forward(
        self,
        spec: Numbers,
        generator: torch.Generator | None = None,
    ) -> Tensor: ...
