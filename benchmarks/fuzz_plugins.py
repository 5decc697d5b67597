"""Users' functions and classes that return anything: they are refused, or the result is true.

``python benchmarks/fuzz_plugins.py [CALLS] [SEED]`` makes so many calls, each with a phase, a rule,
a constraint, a metric, a callback, a transform, a loss, a guess or a degradation of a user's that
is wrong in a random way, at a random time. They run in processes of their own, so that one that
dies or hangs is counted and the others go on. What counts as survived: a SpecInvError that says
something, the function's own exception with its name, or a result that is true: all finite, of the
right shape, with errors as they are measured anew, and with input tensors as they were.
"""

from __future__ import annotations

import collections
import random
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
from fuzzing.faulty import WINDOW, Fault, OwnError
from fuzzing.plugin_calls import CALLS, Setting

from torch_specinv import SpecInvError
from torch_specinv.comparing.degrade import DEGRADATIONS
from torch_specinv.metrics import METRICS
from torch_specinv.phase import PHASES

# Calls in one process, and seconds that one of them may take
CHUNK, LIMIT = 250, 20


def one(seed: int) -> str:
    """Make a call, and return what came of it."""
    draw = random.Random(seed)
    torch.manual_seed(seed)
    fault = Fault(draw, draw.choice([1, 1, 1, 2, 3, 5, 9]))
    what = draw.choice(
        ["phase", "rule", "rule", "constraint", "constraint", "metric", "callback", "transform",
         "loss", "guess", "degradation"]
    )  # fmt: skip
    items, frames = draw.choice([1, 2, 3, 8]), draw.choice([1, 5, 20, 60])
    spec = torch.rand(items, 17, frames)
    before, window = spec.clone(), WINDOW.clone()
    run: dict[str, Any] = {
        "window": WINDOW, "max_iter": 5, "eva_iter": 2, "verbose": False, "tol": 0,
        "backend": draw.choice(["auto", "chunked", "torch"]),
    }  # fmt: skip
    name = draw.choice(["griffin_lim", "amdr", "raar", "admm", "auto"])
    if draw.random() < 0.2:
        run["init"] = draw.choice(["zero", "random", "spsi"])
    try:
        CALLS[what](Setting(draw, fault, spec, name, run))
        outcome = "true result"
    except SpecInvError as error:
        outcome = "refused" if len(str(error)) > 20 else f"SILENT {what}"
    except OwnError as error:
        outcome = "own exception, named" if hasattr(error, "__notes__") else f"NO NAME {what}"
    except AssertionError as error:
        outcome = f"NONSENSE {what} {error}"
    except Exception as error:
        named = hasattr(error, "__notes__")
        outcome = "own exception, named" if named else f"TRACEBACK {what} {error!r}"[:150]
    finally:
        for registry in (PHASES, METRICS, DEGRADATIONS):
            registry.pop("mine", None)
    if not torch.equal(spec, before) or not torch.equal(WINDOW, window):
        outcome = f"INPUT CHANGED {what}"
        WINDOW.copy_(window)
    return outcome


def work(first: int, count: int) -> None:
    """Make some calls, and print what came of each."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    for seed in range(first, first + count):
        signal.alarm(LIMIT)
        print(seed, flush=True)
        print(f"{seed} {one(seed)}", flush=True)


def main(calls: int, seed: int) -> int:
    """Make all calls, and print a table; return how many went wrong."""
    found: collections.Counter[str] = collections.Counter()
    next_, end = seed, seed + calls
    while next_ < end:
        command = [sys.executable, str(Path(__file__)), "--work", str(next_)]
        done = subprocess.run(
            [*command, str(min(CHUNK, end - next_))], stdout=subprocess.PIPE, text=True, check=False
        )
        lines = [line.split(" ", 1) for line in done.stdout.splitlines()]
        for line in lines:
            if len(line) > 1:
                found[line[1]] += 1
                if line[1][:4].isupper():
                    print(line[0], line[1], flush=True)
        last = int(lines[-1][0]) if lines else next_
        if done.returncode:
            end_ = "HANG" if done.returncode == -signal.SIGALRM else f"DEATH {done.returncode}"
            print(last, end_, flush=True)
            found[end_] += 1
        next_ = last + 1
    for outcome, count in found.most_common():
        print(f"{count:6d}  {outcome}")
    return sum(count for outcome, count in found.items() if outcome[:4].isupper())


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(int(sys.argv[2]), int(sys.argv[3]))
    else:
        numbers = [int(argument) for argument in sys.argv[1:]]
        sys.exit(min(main(*numbers, *(5000, 0)[len(numbers) :]), 100))
