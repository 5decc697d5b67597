"""What is called with tensors on a pretended device: everything public that takes tensors.

A case is a function of `d`, which moves a tensor (or module, or list) to the device, or leaves it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

import torch_specinv as ts
from benchmarks.fuzzing.of_losses import of_losses
from torch_specinv import losses, mel, metrics, nn, phase
from torch_specinv.algorithms import LBFGS, RAAR, Chain
from torch_specinv.constraints import Between, Confidence, KnownBins, Mixture
from torch_specinv.online import RTISI
from torch_specinv.solve import ALGORITHMS

Mover = Callable[[Any], Any]
Case = Callable[[Mover], Any]

N, HOP, LENGTH = 64, 16, 480
WINDOW = torch.hann_window(N)
LENGTHS = [480, 350, 250]
RUN: dict[str, Any] = {"hop_length": HOP, "verbose": False}


def _noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


WAVE = torch.sin(0.1 * torch.arange(LENGTH) * torch.tensor([[1.0], [2], [3]]))
WAVE = WAVE + 0.1 * _noise(3, LENGTH)
SPECTRUM = torch.stft(WAVE, N, HOP, window=WINDOW, return_complex=True)
MAGNITUDE = SPECTRUM.abs()
BANK = torch.rand(8, N // 2 + 1, generator=torch.Generator().manual_seed(1))
START = 0.1 * _noise(3, LENGTH, seed=9)


def _invert(d: Mover, name: Any, spec: Tensor = MAGNITUDE, **more: Any) -> Any:
    steps = 2 if name == "rtisi_la" else 6
    keywords: dict[str, Any] = {"max_iter": steps, "tol": 0, **RUN, **more}
    return ts.invert(d(spec), name, window=d(WINDOW), **keywords)


def _of_algorithms() -> dict[str, Case]:
    found: dict[str, Case] = {}
    for name in ALGORITHMS:
        found[f"invert, {name}"] = lambda d, n=name: _invert(d, n)
        found[f"invert, {name}, ragged"] = lambda d, n=name: _invert(d, n, lengths=LENGTHS)
        found[f"invert, {name}, float16"] = lambda d, n=name: _invert(d, n, (MAGNITUDE / 16).half())
        if name not in ("lbfgs", "rtisi_la"):
            found[f"invert, {name}, mel"] = lambda d, n=name: _invert(
                d, n, BANK @ MAGNITUDE, mel=d(BANK), n_fft=N
            )
    for init in ("spsi", "pghi", "locked", "learned", "random", "zero"):
        found[f"phase_init, {init}"] = lambda d, i=init: ts.phase_init(
            d(MAGNITUDE), method=i, generator=torch.Generator().manual_seed(3), window=d(WINDOW),
            hop_length=HOP,
        )  # fmt: skip
        found[f"phase.{init}"] = lambda d, i=init: getattr(phase, i)(
            d(MAGNITUDE), ts.STFT.of(d(MAGNITUDE), window=d(WINDOW), hop_length=HOP),
            torch.Generator().manual_seed(3),
        )  # fmt: skip
    return found


def _of_inversion() -> dict[str, Case]:
    def transform(d: Mover) -> Callable[[Tensor], Tensor]:
        window = d(WINDOW)
        return lambda x: torch.stft(x, N, HOP, window=window, return_complex=True).abs()

    def l_bfgs(d: Mover, **more: Any) -> Any:
        keywords: dict[str, Any] = {"outer_max_iter": 5, "init_x0": d(START), **more}
        return ts.L_BFGS(d(MAGNITUDE), transform(d), (3, LENGTH), verbose=False, **keywords)

    def resumed(d: Mover, name: str) -> Any:
        first = _invert(d, name)
        return _invert(d, name, resume=first)

    def geometry(d: Mover, lengths: list[int] | None = None, **keywords: Any) -> Any:
        spec = torch.stft(WAVE, N, HOP, window=WINDOW, return_complex=True, **keywords)
        return _invert(d, "amdr", spec.abs(), lengths=lengths, **keywords)

    def gradient(d: Mover, name: str, **more: Any) -> Any:
        spec = d(MAGNITUDE).detach().requires_grad_()
        wave = _invert(d, name, spec, max_iter=3, **more).wave
        return wave.detach(), torch.autograd.grad(wave.square().sum(), spec)

    def joint(d: Mover) -> Any:
        narrow = torch.stft(WAVE, 32, 8, window=torch.hann_window(32), return_complex=True).abs()
        parts = [{"n_fft": N, "hop_length": HOP, "window": d(WINDOW)},
                 {"n_fft": 32, "hop_length": 8, "window": d(torch.hann_window(32))}]  # fmt: skip
        return ts.invert(
            [d(MAGNITUDE), d(narrow)], "auto", transforms=parts, length=LENGTH, max_iter=4,
            verbose=False,
        )  # fmt: skip

    def online(d: Mover) -> Any:
        pushed = RTISI(n_fft=N, hop_length=HOP, max_iter=3, window=d(WINDOW))
        return torch.cat([*map(pushed.push, d(MAGNITUDE[0]).T), pushed.flush()])

    def of_bands(d: Mover) -> Any:
        bank, magnitude = d(BANK), transform(d)
        generator = torch.Generator().manual_seed(2)
        observe = lambda x: bank @ magnitude(x)  # noqa: E731
        return ts.wave_init(bank @ d(MAGNITUDE), observe, (3, LENGTH), generator=generator)

    def without_gradients(d: Mover) -> Any:
        with torch.inference_mode():
            return _invert(d, "auto", d(MAGNITUDE).clone())

    known = torch.arange(N // 2 + 1)[:, None].expand(MAGNITUDE.shape) < 9
    sources = SPECTRUM[:2].abs()
    found: dict[str, Case] = {
        "griffin_lim": lambda d: ts.griffin_lim(d(MAGNITUDE), 5, window=d(WINDOW), **RUN),
        "ADMM": lambda d: ts.ADMM(d(MAGNITUDE), 5, window=d(WINDOW), **RUN),
        "RTISI_LA": lambda d: ts.RTISI_LA(d(MAGNITUDE), max_iter=3, window=d(WINDOW), **RUN),
        "RTISI_LA, asymmetric": lambda d: ts.RTISI_LA(
            d(MAGNITUDE), asymmetric_window=True, max_iter=3, window=d(WINDOW), **RUN
        ),
        "RTISI": online,
        "L_BFGS": l_bfgs,
        "L_BFGS, options of torch": partial(l_bfgs, lr=0.5, max_iter=3, outer_max_iter=2),
        "L_BFGS, a loss": partial(l_bfgs, loss_fn=lambda a, b: (a - b).abs().mean()),
        "L_BFGS, a start of its own": lambda d: l_bfgs(
            d, init_x0=None, generator=torch.Generator().manual_seed(2)
        ),
        "L_BFGS, an STFT": lambda d: ts.L_BFGS(
            d(MAGNITUDE),
            ts.STFT.of(d(MAGNITUDE), hop_length=HOP, window=d(WINDOW)),
            init_x0=d(START),
            outer_max_iter=5,
            verbose=False,
        ),
        "invert_transform": lambda d: ts.invert_transform(
            d(MAGNITUDE), transform(d), (3, LENGTH), d(START), outer_max_iter=3, verbose=False
        ),
        "wave_init": of_bands,
        "mel_to_audio": lambda d: ts.mel_to_audio(
            d(torch.rand(2, 8, 60, generator=torch.Generator().manual_seed(1))),
            8000,
            n_fft=N,
            max_iter=5,
            verbose=False,
        ),
        "mel_to_audio, hifigan": lambda d: ts.mel_to_audio(
            d(_noise(1, 80, 12).sub(4)), preset="hifigan", max_iter=3, verbose=False
        ),
        "diagnose": lambda d: str(ts.diagnose(d(MAGNITUDE))),
        "separate": lambda d: ts.separate(
            d(sources), d(SPECTRUM[:2].sum(0)), "misi", max_iter=4, window=d(WINDOW), **RUN
        ),
        "Between": lambda d: _invert(
            d, "amdr", constraint=Between(d(0.9 * MAGNITUDE), d(1.1 * MAGNITUDE))
        ),
        "Confidence": lambda d: _invert(
            d, "griffin_lim", constraint=Confidence(d(torch.rand(MAGNITUDE.shape)))
        ),
        "KnownBins": lambda d: _invert(
            d, "griffin_lim", constraint=KnownBins(d(SPECTRUM), d(known))
        ),
        "Mixture": lambda d: _invert(
            d, "griffin_lim", sources[None], constraint=Mixture(d(SPECTRUM[:2].sum(0)[None]))
        ),
        "transforms": joint,
        "Chain": lambda d: _invert(d, Chain((RAAR(0.95), LBFGS()), (0.7, 0.3)), max_iter=12),
        "complex": lambda d: _invert(d, "auto", SPECTRUM),
        "init is a phase": lambda d: _invert(d, "griffin_lim", init=d(SPECTRUM.angle())),
        "metrics at once": lambda d: _invert(d, "raar", metric=["sc", "snr", "ser", "lsd"]),
        "a callback": lambda d: _invert(
            d, "agla", max_iter=30, callback=lambda r: (r.metrics["sc"] < -2).all()
        ),
        "resumed": partial(resumed, name="griffin_lim"),
        "resumed, lbfgs": partial(resumed, name="lbfgs"),
        "alpha on the host": lambda d: _invert(d, "griffin_lim", alpha=torch.tensor(0.9)),
        "alpha on the device": lambda d: _invert(d, "griffin_lim", alpha=d(torch.tensor(0.9))),
        "lengths on the device": lambda d: _invert(d, "auto", lengths=d(torch.tensor(LENGTHS))),
        "not centred": partial(geometry, center=False),
        "two-sided": partial(geometry, onesided=False, normalized=True),
        "without gradients": without_gradients,
        "gradient, checkpoint": partial(gradient, name="griffin_lim", checkpoint=2),
        "a tolerance": lambda d: _invert(d, "griffin_lim", max_iter=60, tol=1e-3),
    }
    for mode in ("constant", "replicate", "circular"):
        found[f"pad_mode {mode}"] = partial(geometry, pad_mode=mode)
        found[f"pad_mode {mode}, ragged"] = partial(geometry, pad_mode=mode, lengths=LENGTHS)
    for name in ("griffin_lim", "auto", "lbfgs", "rtisi_la"):
        found[f"gradient, {name}"] = partial(gradient, name=name)
    return found


def _of_the_rest() -> dict[str, Case]:
    def transform(d: Mover) -> Any:
        stft = ts.STFT.of_wave(d(WAVE), n_fft=N, hop_length=HOP, window=d(WINDOW))
        return stft(d(WAVE)), stft.analyse(d(WAVE)), stft.synthesise(d(SPECTRUM))

    def module(d: Mover, made: Any, *tensors: Tensor) -> Any:
        return d(made)(*map(d, tensors or (MAGNITUDE,)))

    class Transform(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("window", WINDOW)

        def forward(self, x: Tensor) -> Tensor:
            return torch.stft(x, N, HOP, window=self.window, return_complex=True).abs()

    settings: dict[str, Any] = {"window": WINDOW, "hop_length": HOP}
    found: dict[str, Case] = {
        "STFT": transform,
        "MelSpec": lambda d: mel.MelSpec(8000, log="dB", clamp=1e-5).record(d(MAGNITUDE), 8),
        "preset": lambda d: mel.preset("hifigan").record(d(WAVE.repeat(1, 5))),
        "Levels": lambda d: mel.Levels(log="dB").restore(d(MAGNITUDE)),
        "mfcc_to_mel": lambda d: mel.mfcc_to_mel(d(_noise(2, 13, 9))),
        "nn.GriffinLim": lambda d: module(d, nn.GriffinLim(5, **settings)),
        "nn.GriffinLim, trainable": lambda d: module(
            d, nn.GriffinLim(5, 0, torch.nn.Parameter(torch.tensor(0.5)), **settings)
        ),
        "nn.ADMM": lambda d: module(d, nn.ADMM(5, **settings)),
        "nn.RTISILA": lambda d: module(d, nn.RTISILA(max_iter=3, **settings)),
        "nn.PhaseInit": lambda d: module(d, nn.PhaseInit("pghi", **settings)),
        "nn.LBFGS": lambda d: module(d, nn.LBFGS(Transform(), (3, LENGTH), 5), MAGNITUDE, START),
        "nn.MelToAudio": lambda d: module(
            d, nn.MelToAudio(preset="hifigan", max_iter=3), _noise(1, 80, 12).sub(4)
        ),
    }
    for name in ("sc", "snr", "ser", "lsd"):
        found[f"metrics.{name}"] = lambda d, n=name: getattr(metrics, n)(
            d(MAGNITUDE), d(MAGNITUDE + 0.1)
        )
    return found


def _of_losses() -> dict[str, Case]:
    """Every loss, as a function and as a module, with the gradient of what it compares."""

    def gradient(loss: Callable[..., Tensor], x: Tensor, y: Tensor, keywords: Any) -> Any:
        x = x.detach().requires_grad_()
        value = loss(x, y, **keywords)
        return value.detach(), torch.autograd.grad(value, x)

    def function(d: Mover, loss: Any, good: Callable[[], dict[str, Any]]) -> Any:
        given = good()
        x, y = d(given.pop("x")), d(given.pop("y"))
        return gradient(loss, x, y, given)

    def module(d: Mover, kind: Any, good: Callable[[], dict[str, Any]]) -> Any:
        given = good()
        x, y = d(given.pop("x")), d(given.pop("y"))
        return gradient(d(kind(**given)), x, y, {})

    found: dict[str, Case] = {}
    good: Any = None
    for name, target in of_losses().items():
        loss = getattr(losses, name.partition(",")[0].split(".")[1])
        if "FIRFilter" in name or "a_weighting" in name:
            continue
        if isinstance(loss, type):  # the function that it is made of is the one before
            found[name] = partial(module, kind=loss, good=good)
        else:
            good = target.good
            found[name] = partial(function, loss=loss, good=good)
    found["losses.FIRFilter"] = lambda d: d(losses.FIRFilter("a_weighting", sr=16000))(d(WAVE))
    found["losses.a_weighting"] = lambda d: losses.a_weighting(d(torch.arange(5.0) * 100))
    found["losses, a weight that is a number"] = lambda d: losses.time_frequency_loss(
        d(WAVE), d(WAVE.flip(0)), torch.fft.rfft,
        [partial(losses.elementwise_loss, dims=1), lambda a, b: 0.0],
    )  # fmt: skip
    found["losses, a scale on the host"] = lambda d: losses.stft_loss(
        d(WAVE), d(WAVE.flip(0)), n_fft=256, scale=losses.mel_scale(16000, 256, 20)
    )
    return found


CASES: dict[str, Case] = {
    **_of_algorithms(), **_of_inversion(), **_of_the_rest(), **_of_losses(),
}  # fmt: skip
