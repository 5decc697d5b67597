"""How long losses take, forward and backward, beside auraloss.

python benchmarks/losses.py [--rounds 15] [--threads 1]

Batches of 8 x 131072 samples of noise, as a vocoder is trained with; interleaved, medians. The
table goes into docs/_measured_losses.md. Needs auraloss.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import auraloss
import torch
from torch import Tensor

from torch_specinv import __version__, losses
from torch_specinv.comparing.setting import processor
from torch_specinv.comparing.table import table

OUTPUT = Path(__file__).parent.parent / "docs" / "_measured_losses.md"
Loss = Callable[[Tensor, Tensor], Tensor]
#: Ours and theirs with the same settings
PAIRS: dict[str, tuple[Loss, Loss]] = {
    "multi-resolution STFT, Parallel WaveGAN": (
        losses.MultiResolutionSTFTLoss(**losses.PARALLEL_WAVEGAN),
        auraloss.freq.MultiResolutionSTFTLoss(),
    ),
    "STFT, 1024/256": (losses.STFTLoss(), auraloss.freq.STFTLoss()),
    "SI-SDR": (losses.SISDRLoss(), auraloss.time.SISDRLoss()),
    "ESR": (losses.ESRLoss(), auraloss.time.ESRLoss()),
    "log-cosh": (losses.LogCoshLoss(), auraloss.time.LogCoshLoss()),
}


def milliseconds(loss: Loss, x: Tensor, y: Tensor) -> float:
    """Return the time of one step of training."""
    x = x.detach().requires_grad_()
    began = time.perf_counter()
    loss(x, y).backward()
    return 1e3 * (time.perf_counter() - began)


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    x, y = torch.randn(2, 8, 1, 131072, generator=torch.Generator().manual_seed(0))
    rows: list[list[str]] = []
    for name, pair in PAIRS.items():
        for loss in pair:
            milliseconds(loss, x, y)
        times = [[milliseconds(loss, x, y) for loss in pair] for _ in range(arguments.rounds)]
        ours, theirs = (statistics.median(column) for column in zip(*times, strict=True))
        rows.append([name, f"{ours:.1f}", f"{theirs:.1f}", f"{theirs / ours:.2f}x"])
        print(rows[-1])
    text = table(["loss, forward and backward", "ours, ms", "auraloss, ms", "faster by"], rows)
    setting = (
        f"8 x 131072 samples; {processor()}, {platform.system()}, threads: {arguments.threads}; "
        f"torch_specinv {__version__}, torch {torch.__version__}, auraloss 0.4.0; "
        f"{arguments.rounds} rounds."
    )
    OUTPUT.write_text(f"{text}\n\n{setting}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
