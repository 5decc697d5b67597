"""What is known beside magnitudes: mixtures, gaps, several resolutions, bounds.

python benchmarks/constraints.py --speech FILE... --music FILE... [--part NAME...] [--seconds 3]

Files are at 16 kHz. Sources are each recording of speech with the first of music, at equal power;
three and four sources add other recordings. Noise is made here. One thread. PESQ needs the package
pesq. Each part writes its table into docs/_measured_constraints.md, and leaves the others there.
"""

from __future__ import annotations

import argparse
import re
import time
from pathlib import Path

import torch
from constraint_bins import bounds, inpainting, resolutions
from constraint_setting import HOP, SR
from constraint_sources import cost, enhancement, more_sources, separation

from torch_specinv.io import read_audio

OUTPUT = Path(__file__).parents[1] / "docs" / "_measured_constraints.md"
PARTS = {
    part.__name__: part
    for part in (separation, more_sources, cost, enhancement, inpainting, resolutions, bounds)
}


def main() -> None:
    """Measure, and write the tables down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speech", nargs="+", required=True)
    parser.add_argument("--music", nargs="+", required=True)
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    torch.set_num_threads(1)
    lists = []
    for files in (options.speech, options.music):
        waves = [read_audio(file) for file in files]
        if any(sr != SR for _, sr in waves):
            raise SystemExit(f"expected files at {SR} Hz")
        most = int(options.seconds * SR) // HOP * HOP
        lists.append(
            [wave[0, : min(most, wave.shape[1] // HOP * HOP)].float() for wave, _ in waves]
        )
    for name in options.part:
        began = time.perf_counter()
        text = PARTS[name](*lists)
        print(f"{name}, {time.perf_counter() - began:.0f} s\n{text}\n", flush=True)
        old = options.output.read_text("utf-8") if options.output.exists() else ""
        new = f"<!-- {name} -->\n\n{text}\n\n<!-- end of {name} -->\n"
        pattern = re.compile(rf"<!-- {name} -->\n.*<!-- end of {name} -->\n", re.DOTALL)
        kept = (
            pattern.sub(lambda _, text=new: text, old)
            if pattern.search(old)
            else (old + ("\n" if old else "") + new)
        )
        options.output.write_text(kept, "utf-8")


if __name__ == "__main__":
    main()
