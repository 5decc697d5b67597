"""What a pretended device counts: kernels, bytes and waits of iterations and evaluations."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten

import torch_specinv as ts
from torch_specinv.engines import TorchEngine
from torch_specinv.phase import PHASES
from torch_specinv.solve import ALGORITHMS
from torch_specinv.solve.problem import SpectrogramProblem
from torch_specinv.transform.stft import STFT

from .pretended import Device, RefusedError, values

N, HOP = 256, 64
WINDOW = torch.hann_window(N)
WAVE = torch.randn(2, 6000, generator=torch.Generator().manual_seed(0))
MAGNITUDE = torch.stft(WAVE, N, HOP, window=WINDOW, return_complex=True).abs()


def posed(
    device: Device, index: int = 0, dtype: torch.dtype = torch.float32
) -> tuple[SpectrogramProblem, Tensor]:
    """Return a problem on the device, and a spectrum to start from."""
    spec, window = (device.put(x.to(dtype), index) for x in (MAGNITUDE, WINDOW))
    problem = SpectrogramProblem.from_magnitude(spec, STFT.of(spec, hop_length=HOP, window=window))
    phase = torch.rand(MAGNITUDE.shape, generator=torch.Generator().manual_seed(1))
    return problem, torch.polar(problem.target, device.put(6 * phase.to(dtype), index))


def iterations(kind: str) -> dict[str, Any]:
    """Return the kernels, the bytes a bin and the waits of one iteration of each algorithm."""
    found: dict[str, Any] = {}
    for name in ("griffin_lim", "admm", "agla", "raar", "amdr", "difference_map", "lbfgs"):
        with Device(kind) as device, torch.no_grad():
            problem, start = posed(device)
            algorithm = ALGORITHMS[name](**({"history_size": 5} if name == "lbfgs" else {}))
            solver = algorithm.solver(problem, 40, TorchEngine)
            state = solver.advance(solver.start(start), 8)
            device.clear()
            solver.advance(state, 10)
            bins = 2 * MAGNITUDE.numel()
            found[name] = [device.kernels / 2, device.bytes / bins, dict(device.waits)]
    return found


def starts(kind: str) -> dict[str, Any]:
    """Return the kernels and the waits of starting phases."""
    found: dict[str, Any] = {}
    for name in ("pghi", "spsi"):
        with Device(kind) as device, torch.no_grad():
            spec, window = device.put(MAGNITUDE), device.put(WINDOW)
            stft = STFT.of(spec, hop_length=HOP, window=window)
            device.clear()
            PHASES[name](spec, stft, None)
            found[name] = [device.kernels, device.waits.total()]
    return found


def waits(kind: str) -> dict[str, Any]:
    """Return the waits of whole inversions: of ten more iterations, an evaluation, and the rest."""
    found: dict[str, Any] = {}

    def count(name: str, iterations: int, between: int, init: str = "zero") -> int:
        with Device(kind) as device:
            ts.invert(
                device.put(MAGNITUDE), name, max_iter=iterations, eva_iter=between, tol=0,
                window=device.put(WINDOW), hop_length=HOP, verbose=False, init=init,
            )  # fmt: skip
        return device.waits.total()

    for name in ("griffin_lim", "raar", "difference_map", "lbfgs"):
        found[name] = [
            count(name, 20, 20) - count(name, 10, 10),
            (count(name, 20, 4) - count(name, 20, 20)) / 4,
            count(name, 10, 10),
        ]
    for init in ("pghi", "spsi"):
        found[f"start {init}"] = count("griffin_lim", 10, 10, init) - found["griffin_lim"][2]
    return found


@contextlib.contextmanager
def deterministic() -> Generator[None]:
    """Allow deterministic algorithms only."""
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


def losses_deterministic(kind: str) -> dict[str, Any]:
    """Return what becomes of gradients of losses of spectra where algorithms are deterministic."""
    found: dict[str, Any] = {}
    for name in ("stft_loss", "mrstft_loss", "multi_resolution_transport_loss"):
        keywords: dict[str, Any] = {"n_fft": 64} if name == "stft_loss" else {
            "fft_sizes": (64, 32), "hop_lengths": (16, 8), "win_lengths": (64, 32)}  # fmt: skip
        grads: list[Tensor] = []
        for strict in (False, True):
            with Device(kind) as device, deterministic() if strict else contextlib.nullcontext():
                x = device.put(WAVE[:, :500]).requires_grad_()
                loss = getattr(ts.losses, name)(x, device.put(WAVE[:, 500:1000]), **keywords)
                grads.append(values(torch.autograd.grad(loss, x)[0]))
        found[name] = float((grads[0] - grads[1]).abs().max() / grads[0].abs().max())
    return found


def autocast(kind: str) -> dict[str, bool]:
    """Return whether the device's autocast, to float16, changes inversions and losses."""
    from tests.device.cases import CASES

    found: dict[str, bool] = {}
    for name in ("mel_to_audio", "invert, auto, mel", "losses.stft_loss", "losses.esr_loss"):
        waves: list[Any] = []
        for enabled in (False, True):
            with Device(kind) as device, torch.autocast(kind, torch.float16, enabled=enabled):
                torch.manual_seed(5)
                result = CASES[name](device.put)
                waves.append(values(getattr(result, "wave", result)))
        first, second = (tree_flatten(wave)[0] for wave in waves)
        found[name] = all(map(torch.equal, first, second))
    return found


def refusals(kind: str) -> dict[str, bool]:
    """Return what the device refuses: a test of the tests."""

    def refused(function: Callable[[], Any]) -> bool:
        try:
            function()
        except RefusedError:
            return True
        return False

    def not_deterministic() -> Any:
        with deterministic():
            padded = torch.nn.functional.pad(leaf, (1, 1), mode="reflect")
            return torch.autograd.grad(padded.sum(), leaf)

    with Device(kind) as device:
        x, on_host = device.put(torch.ones(3)), torch.ones(3)
        leaf = device.put(torch.ones(1, 3)).requires_grad_()
        return {
            "a tensor of the host": refused(lambda: x + on_host),
            "another device": refused(lambda: x + device.put(on_host, 1)),
            "a number of the host": refused(lambda: x + torch.tensor(1.0)),
            "written to the host": refused(lambda: on_host.add_(x)),
            "float64": refused(lambda: x.double()),
            "not deterministic": refused(not_deterministic),
        }


def disagreeing(kind: str) -> dict[str, str]:
    """Return what is said where one of the tensors is on another device than the spectrogram."""
    found: dict[str, str] = {}
    bank = torch.rand(8, N // 2 + 1)
    phase = torch.rand(MAGNITUDE.shape)
    with Device(kind) as device:
        spec, window = device.put(MAGNITUDE), device.put(WINDOW)
        usual = {"window": window, "hop_length": HOP, "max_iter": 2, "verbose": False}
        for name, call in {
            "window": lambda: ts.invert(spec, "griffin_lim", **{**usual, "window": WINDOW}),
            "init": lambda: ts.invert(spec, "griffin_lim", init=phase, **usual),
            "init_x0": lambda: ts.L_BFGS(spec, torch.abs, init_x0=WAVE, verbose=False),
            "mixture": lambda: ts.separate(spec, torch.polar(MAGNITUDE, phase)[0], **usual),
            "bank": lambda: ts.invert(
                device.put(bank) @ spec, "griffin_lim", mel=bank, n_fft=N, **usual
            ),
            "lengths": lambda: ts.invert(
                spec, "griffin_lim", lengths=torch.tensor([5952, 5900]), **usual
            ),
            "y": lambda: ts.losses.esr_loss(spec, MAGNITUDE),
        }.items():
            try:
                call()
                found[name] = "taken"
            except ts.SpecInvError as error:
                found[name] = str(error)
    return found


MEASUREMENTS = {
    f.__name__: f
    for f in (iterations, starts, waits, refusals, losses_deterministic, autocast, disagreeing)
}
