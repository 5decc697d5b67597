"""Latency against quality, and the time of a push: what frames that arrive one by one cost.

python benchmarks/streaming.py FILE... [--mixture] [--pushes 20000] [--hours 0] [--paced MINUTES]

Spectral convergence with 8 iterations for each frame at look-ahead 0, 1 and 3, of every rule and
start, on the files, each at the setting next to its sample rate (at most --seconds of each); times
of a push, median and 99.9th percentile, one stream and 64; --hours of frames, and by how much the
memory of the process grew; --mixture: the sounds of torch_specinv.example, of equal power and with
their true magnitudes, as sources of a mixture; --paced minutes through specinv stream, at the pace
of a device, beside a process that keeps one core busy. One thread. What was measured is kept beside
this run's in docs/_measured_streaming.json, so that parts can be measured apart; the tables go into
docs/_measured_streaming.md.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import torch
from streaming_quality import Clip, mixtures, qualities
from streaming_tables import page
from streaming_times import all_times, growth, paced

from torch_specinv.comparing.setting import processor

DOCS = Path(__file__).parents[1] / "docs"


def main() -> None:
    """Measure what is asked for, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--mixture", action="store_true")
    parser.add_argument("--pushes", type=int, default=0)
    parser.add_argument("--hours", type=float, default=0.0)
    parser.add_argument("--paced", type=float, default=0.0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    store = DOCS / "_measured_streaming.json"

    def keep(**found: Any) -> None:
        kept = json.loads(store.read_text(encoding="utf-8")) if store.exists() else {}
        loads = kept.get("loads", {}) | {next(iter(found)): os.getloadavg()[1]}
        kept |= found | {
            "processor": processor(), "torch": torch.__version__, "cores": os.cpu_count(),
            "loads": loads,
        }  # fmt: skip
        store.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        (DOCS / "_measured_streaming.md").write_text(page(kept), encoding="utf-8")

    with torch.no_grad():
        if given.files:
            clips = [Clip(path, given.seconds) for path in given.files]
            keep(quality=qualities(clips), clips=len(clips), seconds=given.seconds)
        if given.mixture:
            keep(mixture=mixtures())
        if given.pushes:
            keep(times=all_times(given.pushes))
        if given.hours:
            keep(growth=growth(given.hours))
        if given.paced:
            keep(paced=paced(given.paced))
    print((DOCS / "_measured_streaming.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
