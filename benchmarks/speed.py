"""How long an iteration takes: our engines, peers, a plain loop, and the transforms alone.

python benchmarks/speed.py [--rounds 5] [--longest 600]

Everything runs interleaved, one after the other in each of the rounds, on one thread and on noise;
medians. An iteration's time is the difference between a long and a short run, divided by the
difference in iterations, so that what is done once does not count. Fast Griffin-Lim, unless said
otherwise. Whole calls are compared by calls.py and sooner.py, threads by threads.py. The tables go
into docs/_measured_speed.md, the picture into docs/_static/speed.png, all numbers into
benchmarks/speed.json. Memory, and recordings of hours, are in long.py.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
from pathlib import Path

import torch
from speed_cases import SHAPES, Case, Shape
from speed_tables import (
    OTHERS,
    methods_table,
    peers_table,
    picture,
    sets_table,
)

from torch_specinv import native
from torch_specinv.comparing.peers import versions
from torch_specinv.comparing.setting import processor
from torch_specinv.comparing.table import table

HERE = Path(__file__).parent
OUTPUT = HERE.parent / "docs" / "_measured_speed.md"


def scaling(rounds: int, longest: float) -> dict[str, float]:
    """Return microseconds per frame and iteration from one second on, and for batches."""
    sizes = [(1, seconds) for seconds in (1, 10, 60, 600, 3600) if seconds <= longest]
    sizes += [(batch, 10) for batch in (4, 16, 64)]
    found: dict[str, float] = {}
    for batch, seconds in sizes:
        case = Case(Shape(batch, seconds, 22050, 1024, 256, 1024))
        run = case.ours("griffin_lim", "native")
        run(1)
        paces = [case.pace(run) for _ in range(rounds)]
        found[f"{batch} x {seconds} s"] = 1e6 * statistics.median(paces)
    return found


def main() -> None:
    """Measure, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--longest", type=float, default=600, help="seconds of audio")
    arguments = parser.parse_args()
    if native.missing():
        raise SystemExit(f"no native engine to measure: {native.missing()}")
    torch.set_num_threads(1)
    found: dict[str, dict[str, float]] = {}
    for shape in SHAPES:
        found[str(shape)] = Case(shape).measure(arguments.rounds, OTHERS)
        print(shape, {name: round(value, 2) for name, value in found[str(shape)].items()})
    paces = scaling(arguments.rounds, arguments.longest)
    used = ", ".join(f"{name} {version}" for name, version in versions().items())
    sections = {
        "peers": peers_table(found),
        "instructions": sets_table(found),
        "methods": methods_table(found),
        "scaling": table(["size", "us"], [[k, f"{v:.2f}"] for k, v in paces.items()]),
        "setting": f"Machine: {processor()}, {os.cpu_count()} cores, {platform.system()}; one "
        f"thread unless said otherwise. Versions: {used}. {arguments.rounds} rounds.",
    }
    text = "\n\n".join(f"<!-- {name} -->\n\n{body}" for name, body in sections.items())
    OUTPUT.write_text(f"{text}\n\n<!-- end -->\n", encoding="utf-8")
    picture(found, OUTPUT.parent / "_static" / "speed.png")
    record = {
        "machine": processor(), "versions": versions(), "us_per_frame": found, "scaling": paces,
    }  # fmt: skip
    (HERE / "speed.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
