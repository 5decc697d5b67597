"""Measure the tables of "How to choose" and write them to _measured_choosing.md.

Run it with ``python docs/measure_choosing.py``. The signals are synthesised from fixed
seeds, so nothing has to be downloaded and everyone gets the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from choosing_signals import RATE, SECONDS, SIGNALS, voice
from torch import Tensor

from torch_specinv import STFT, Inversion, invert, phase_init
from torch_specinv.metrics import sc
from torch_specinv.solve.problem import SpectrogramProblem

N_FFT = 1024
HOP = 256
WINDOW = torch.hann_window(N_FFT, dtype=torch.float64)
OUTPUT = Path(__file__).with_name("_measured_choosing.md")
STARTS = ("pghi", "spsi", "zero", "random")
SEEDS = (0, 1, 2, 3, 4)
ITERATIONS = (0, 10, 30, 100, 300)
BUDGETS = (32, 100, 200)
METHODS: dict[str, dict[str, object]] = {
    "`griffin_lim`, `alpha=0`": {"method": "griffin_lim", "alpha": 0.0},
    "`griffin_lim`, `alpha=0.99`": {"method": "griffin_lim", "alpha": 0.99},
    "`admm`, `rho=0.1`": {"method": "admm", "rho": 0.1},
    "`admm`, `rho=0.5`": {"method": "admm", "rho": 0.5},
    "`lbfgs`": {"method": "lbfgs"},
}
TOLERANCES = (1e-3, 1e-4, 1e-5, 1e-6)
LONGEST = 1000


def analyse(wave: Tensor, **keywords: object) -> Tensor:
    """Return the spectrum of a wave."""
    return torch.stft(wave, N_FFT, HOP, window=WINDOW, return_complex=True, **keywords)


def run(
    wave: Tensor,
    start: str | None,
    seed: int = 0,
    *,
    method: str = "griffin_lim",
    error: float = 0.0,
    **keywords: object,
) -> Inversion:
    """Invert the magnitude of a wave, with a relative error in each bin, without its phase."""
    stft = {key: keywords[key] for key in ("center", "pad_mode") if key in keywords}
    settings = {"init": start, "tol": 0.0, "eva_iter": 10, "max_iter": ITERATIONS[-1], **keywords}
    magnitude = analyse(wave, **stft).abs()
    draw = torch.Generator().manual_seed(3)
    gain = 1 + error * torch.randn(magnitude.shape, generator=draw, dtype=torch.float64)
    return invert(
        magnitude * gain.clamp_min(0),
        method,
        generator=torch.Generator().manual_seed(seed),
        length=len(wave),
        hop_length=HOP,
        window=WINDOW,
        verbose=False,
        **settings,
    )


def trace(wave: Tensor, start: str, at: Sequence[int] = ITERATIONS, **keywords: object) -> Tensor:
    """Return the SC after these iterations; for a random start the mean over the seeds."""
    seeds = SEEDS if start == "random" else (0,)
    rows = []
    for seed in seeds:
        result = run(wave, start, seed, **keywords)
        rows.append(result.history["sc"][[result.evaluated.index(n) for n in at]])
    return torch.stack(rows).mean(0)


def mean(values: Iterable[Tensor]) -> Tensor:
    """Return the mean of equally shaped tensors."""
    return torch.stack(list(values)).mean(0)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Lay out a markdown table; numbers get one decimal."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(
        "| " + " | ".join(f"{x:.1f}" if isinstance(x, float) else str(x) for x in line) + " |"
        for line in lines
    )


def starts_table() -> str:
    """Measure each start with and without momentum."""
    rows = []
    for start in STARTS:
        for alpha in (0.0, 0.99):
            values = mean(trace(make(), start, alpha=alpha) for make in SIGNALS.values())
            rows.append([f"`{start}`", f"{alpha:g}", *values.tolist()])
    return table(["start", "`alpha`", *[f"{n} it" for n in ITERATIONS]], rows)


def signals_table() -> str:
    """Measure each start on each signal."""
    at = ITERATIONS.index(100)
    rows = [
        [f"`{start}`", *[float(trace(make(), start)[at]) for make in SIGNALS.values()]]
        for start in STARTS
    ]
    return table(["start", *SIGNALS], rows)


def alpha_table() -> str:
    """Measure the momentum."""
    rows = []
    for alpha in (0.0, 0.5, 0.9, 0.99, 1.2):
        values = mean(trace(make(), "spsi", alpha=alpha) for make in SIGNALS.values())
        rows.append([f"{alpha:g}", *values.tolist()])
    return table(["`alpha`", *[f"{n} it" for n in ITERATIONS]], rows)


def methods_table(error: float, starts: Sequence[str]) -> str:
    """Measure the methods that start from a phase, for a magnitude with an error in each bin."""
    rows = []
    settings = {"at": BUDGETS, "eva_iter": 4, "max_iter": BUDGETS[-1], "error": error}
    for name, method in METHODS.items():
        values = [
            mean(trace(make(), start, **method, **settings) for make in SIGNALS.values())
            for start in starts
        ]
        rows.append([name, *torch.cat(values).tolist()])
    return table(["method", *[f"`{start}` {n} it" for start in starts for n in BUDGETS]], rows)


def online_table() -> str:
    """Measure RTISI-LA by look-ahead and iterations for each frame."""
    rows = []
    for look_ahead in (0, 1, 3, 7):
        settings = {"method": "rtisi_la", "look_ahead": look_ahead, "eva_iter": 1000}
        rows.append([f"`look_ahead={look_ahead}`"])
        for max_iter in (1, 8, 25):
            results = [
                run(make(), None, max_iter=max_iter, **settings) for make in SIGNALS.values()
            ]
            rows[-1].append(float(mean(result.history["sc"][-1] for result in results)))
    return table(["", *[f"`max_iter={n}`" for n in (1, 8, 25)]], rows)


def tol_table() -> str:
    """Measure where each tolerance stops."""
    rows = []
    for tol in TOLERANCES:
        results = [run(make(), "spsi", tol=tol, max_iter=LONGEST) for make in SIGNALS.values()]
        value = float(mean(result.history["sc"][-1] for result in results))
        rows.append([f"{tol:.0e}", *[int(result.iterations) for result in results], value])
    return table(["`tol`", *SIGNALS, "mean SC"], rows)


def edges_table() -> str:
    """Measure how much of the error lies at the ends, on the voice, which is cut mid-sound."""
    wave, outer = voice(), N_FFT // HOP
    rows = []
    for name, keywords in (
        ('`center=True, pad_mode="reflect"`', {"pad_mode": "reflect"}),
        ('`center=True, pad_mode="constant"`', {"pad_mode": "constant"}),
        ("`center=False`", {"center": False}),
    ):
        result = run(wave, "spsi", max_iter=100, **keywords)
        target, got = analyse(wave, **keywords).abs(), analyse(result.wave, **keywords).abs()
        error = (got - target).square().sum(0)
        share = 100 * float((error[:outer].sum() + error[-outer:].sum()) / error.sum())
        inner = slice(outer, -outer)
        rows.append([name, float(sc(got, target)), float(sc(got[:, inner], target[:, inner]))])
        rows[-1].append(f"{share:.0f} %")
    head = ["transform", "SC", f"SC without {outer} frames at each end", "error in those frames"]
    return table(head, rows)


def calm_table() -> str:
    """Measure the largest sample of one synthesis with center=False."""
    rows = []
    for name, make in SIGNALS.items():
        wave = make()
        keywords = {"center": False, "hop_length": HOP, "window": WINDOW}
        magnitude = analyse(wave, center=False).abs()
        stft = STFT.of(magnitude, length=len(wave), **keywords)
        problem = SpectrogramProblem.from_magnitude(magnitude[None], stft)
        guess = stft.synthesise(phase_init(magnitude, **keywords))[None] / problem.scale[0]
        loudest = wave.abs().max() / problem.scale
        calm = problem.finish(guess)
        peaks = [float(x.abs().max() / loudest) for x in (guess, calm)]
        rows.append([name, *peaks])
    return table(["signal", "`synthesise`", "with the gain"], rows)


def page() -> str:
    """Return the whole file."""
    return f"""\
<!-- Written by docs/measure_choosing.py: run it instead of editing this file. -->

<!-- starts -->

SC in dB (lower is better), mean over the three signals:

{starts_table()}

After 100 iterations with `alpha=0.99`, signal by signal:

{signals_table()}

<!-- alpha -->

SC in dB from `init="spsi"`, mean over the three signals:

{alpha_table()}

<!-- tol -->

Iterations until each signal stops (`init="spsi"`, `alpha=0.99`, `eva_iter=10`,
`max_iter={LONGEST}`), and the SC reached:

{tol_table()}

<!-- edges -->

The voice, which is cut in the middle of a sound, after 100 iterations:

{edges_table()}

<!-- calm -->

Largest sample of the wave that belongs to an SPSI phase, as a multiple of the largest sample of
the original, with `center=False`:

{calm_table()}

<!-- methods -->

SC in dB, mean over the three signals, for the exact magnitude:

{methods_table(0.0, ("spsi", "random"))}

And for a magnitude with an error of 20 % in each bin, which no waveform has:

{methods_table(0.2, ("spsi",))}

<!-- online -->

RTISI-LA, SC in dB, mean over the three signals, by iterations for each frame:

{online_table()}

<!-- setting -->

Three synthetic signals of {SECONDS:g} s at {RATE // 1000} kHz: a gliding harmonic tone with
vibrato and formants ("voice"), four plucked strings ("chord") and decaying noise bursts
("bursts"). Hann window, n_fft={N_FFT}, hop_length={HOP}, `center=True` unless said otherwise,
float64. A random start is the mean over {len(SEEDS)} seeds. Measured by
`docs/measure_choosing.py`, which makes the signals itself.

<!-- end -->
"""


if __name__ == "__main__":
    torch.set_num_threads(1)
    OUTPUT.write_text(page(), encoding="utf-8")
    print(OUTPUT.read_text(encoding="utf-8"))
