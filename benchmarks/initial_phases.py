"""How good the initial phases are, by themselves and as the start of auto, and how long they take.

python benchmarks/initial_phases.py [audio files]

Spectral convergence in dB of one synthesis, and of auto after 32 iterations from there; the
milliseconds that the start takes for each second of audio, the median of five runs on one thread.
On the given files or, without any, on the package's own clips.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

from torch_specinv import STFT, invert, metrics, phase_init
from torch_specinv.comparing.signals import CLIPS
from torch_specinv.comparing.table import table
from torch_specinv.io import read_audio
from torch_specinv.phase import PHASES


def measure(name: str, wave: torch.Tensor, sr: int, n_fft: int, hop_length: int) -> list[list[str]]:
    """Return a row for each start on one clip."""
    keywords = {"n_fft": n_fft, "hop_length": hop_length, "window": torch.hann_window(n_fft)}
    stft = STFT.of_wave(wave, **keywords)
    target = stft(wave)
    rows = []
    for start in PHASES:
        times = []
        for _ in range(5):
            generator = torch.Generator().manual_seed(0)
            began = time.perf_counter()
            guess = phase_init(
                target, method=start, length=len(wave), generator=generator, **keywords
            )
            times.append(time.perf_counter() - began)
        error = float(metrics.sc(stft(stft.synthesise(guess)), target))
        pace = 1000 * statistics.median(times) / (len(wave) / sr)
        run = {"max_iter": 32, "length": len(wave), "verbose": False, **keywords}
        end = float(invert(guess, "auto", kind="exact", **run).history["sc"][-1])
        row = [name, f"{n_fft}/{hop_length}", start, f"{error:.2f}", f"{end:.2f}", f"{pace:.2f}"]
        rows.append(row)
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*")
    files = parser.parse_args().files
    torch.set_num_threads(1)
    clips = [(file.rpartition("/")[2], *read_audio(file)) for file in files] or [
        (name, make(22050, 5.0)[None], 22050) for name, make in CLIPS.items()
    ]
    rows = [
        row
        for name, wave, sr in clips
        for n_fft, hop_length in ((1024, 256), (512, 128), (1024, 512))
        for row in measure(name, wave[0], sr, n_fft, hop_length)
    ]
    print(table(["clip", "n_fft/hop", "start", "SC in dB", "auto, 32 it", "ms a second"], rows))


if __name__ == "__main__":
    main()
