"""Bad values for every argument of everything public: is each refused by a helpful message.

    python benchmarks/fuzz.py [--only PATTERN] [--list helpful,silent,...] [--json FILE]

Each call is judged by a rule that its value brings along, see ``fuzzing/values.py``:

* helpful: a SpecInvError, or a warning of the package, that names the argument;
* unnamed: a SpecInvError that does not name it;
* traceback: any other exception;
* silent: a value without a meaning was taken, or a result is not finite or holds nothing although
  the input was finite, or is finite although the input was not;
* accepted: the value has a meaning after all, and the result is finite;
* crash, hang: the process died, or the call took more than ten seconds.

Calls run in processes of their own, which are started again where one dies.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from benchmarks.fuzzing.judging import is_quoted, judge, judge_extreme, judge_infinite, names
from benchmarks.fuzzing.kinds import KINDS
from benchmarks.fuzzing.targets import targets
from benchmarks.fuzzing.values import EXTREME
from torch_specinv import SpecInvError

#: Seconds for one call, and the address space of a process.
SECONDS, BYTES = 10, 12 * 2**30

#: Keywords of torch.stft whose default None stands for.
_NONE_IS_DEFAULT = ("center", "normalized", "pad_mode", "window_align")

OUTCOMES = ("helpful", "accepted", "unnamed", "traceback", "silent", "crash", "hang")


class Case(NamedTuple):
    """A bad value for one argument."""

    target: str
    argument: str
    label: str


class Outcome(NamedTuple):
    """What became of a case, and the message or the reason."""

    case: Case
    kind: str
    detail: str


class _TooLongError(BaseException):
    """Raised by the alarm; not an Exception, so that nothing takes it for its own."""


def cases() -> list[Case]:
    """Return every case there is."""
    found: list[Case] = []
    for name, target in targets().items():
        for argument, (kind, default) in target.arguments().items():
            found += [
                Case(name, argument, label)
                for label in KINDS[kind]
                if not (label == "None" and default is None)
            ]
    return found


def sample(count: int, seed: int) -> list[Case]:
    """Return so many cases, drawn with a seed."""
    return random.Random(seed).sample(cases(), count)


def run(case: Case) -> Outcome:
    """Make a call with a bad value, and judge what becomes of it."""
    target = targets()[case.target]
    kind, default = target.arguments()[case.argument]
    bad = KINDS[kind][case.label]
    arguments = target.good()
    good = arguments.get(case.argument, target.also.get(case.argument, default))
    try:
        with warnings.catch_warnings():  # torch's own, of sparse and nested tensors
            warnings.simplefilter("ignore")
            value = bad.make(good if isinstance(good, Tensor) else torch.rand(2, 33, 9))
    except (RuntimeError, TypeError, ValueError, NotImplementedError, IndexError) as error:
        return Outcome(case, "accepted", f"no such value: {error}")
    if _is_default(value, default) or (value is None and case.argument in _NONE_IS_DEFAULT):
        return Outcome(case, "accepted", "the default")
    torch.manual_seed(0)
    try:
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            result = target.call(**{**arguments, case.argument: value})
    except SpecInvError as error:
        named = names(case.argument, str(error)) or is_quoted(value, str(error))
        return Outcome(case, "helpful" if named else "unnamed", str(error))
    except Exception as error:  # what is counted here
        return Outcome(case, "traceback", f"{type(error).__name__}: {error}")
    for warning in heard:
        if names(case.argument, str(warning.message)):
            return Outcome(case, "helpful", f"warning: {warning.message}")
    if bad.rule == EXTREME:
        return Outcome(case, *judge_extreme(target, case.argument, value, result))
    kind, detail = judge(bad, result)
    if kind == "silent" and case.label in ("holds inf", "holds -inf"):
        kind, detail = judge_infinite(target, result, detail)
    return Outcome(case, kind, detail)


def _is_default(value: Any, default: Any) -> bool:
    plain = isinstance(value, (bool, int, float, str))
    return plain and type(value) is type(default) and value == default


def _work(todo: list[Case]) -> None:
    """Run cases, and print a line before and after each."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    torch.set_num_threads(1)

    def too_long(*_: Any) -> None:
        raise _TooLongError

    signal.signal(signal.SIGALRM, too_long)
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    for case in todo:
        print(json.dumps({"begin": case}), file=out)
        signal.alarm(SECONDS)
        try:
            outcome = run(case)
        except _TooLongError:
            outcome = Outcome(case, "hang", f"more than {SECONDS} s")
        signal.alarm(0)
        print(json.dumps({"end": outcome}), file=out)


def watch(todo: list[Case]) -> list[Outcome]:
    """Run cases in processes, and start another where one dies."""
    found: list[Outcome] = []
    rest = list(todo)
    while rest:
        worker = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.fuzz", "--work"], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(json.dumps(rest))
        worker.stdin.close()
        begun: Case | None = None
        for line in worker.stdout:
            told = json.loads(line)
            if "begin" in told:
                begun = Case(*told["begin"])
            else:
                case, kind, detail = told["end"]
                found.append(Outcome(Case(*case), kind, detail))
                begun = None
                rest.pop(0)
        code = worker.wait()
        if begun is not None:
            found.append(Outcome(begun, "crash", f"the process ended with {code}"))
            rest.pop(0)
        elif rest:
            raise RuntimeError(f"a process ended with {code} before any case")
    return found


def report(found: list[Outcome], listed: set[str]) -> str:
    """Return the counts, and the outcomes that are to be listed."""
    lines: list[str] = []
    for outcome in found:
        if outcome.kind in listed:
            case = outcome.case
            lines.append(
                f"{outcome.kind}: {case.target}({case.argument}={case.label}): "
                + outcome.detail.replace("\n", " ")[:200]
            )
    counts = Counter(outcome.kind for outcome in found)
    bad = len(found) - counts["accepted"]
    lines += [f"{kind:10} {counts[kind]:6}" for kind in OUTCOMES]
    lines.append(
        f"{len(found)} calls, {bad} really bad, helpful {counts['helpful'] / max(bad, 1):.2%}"
    )
    return "\n".join(lines)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="a pattern that target(argument) has to match")
    parser.add_argument("--list", default="unnamed,traceback,silent,crash,hang")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        _work([Case(*case) for case in json.load(sys.stdin)])
        return
    began = time.perf_counter()
    todo = [c for c in cases() if re.search(options.only, f"{c.target}({c.argument})")]
    found = watch(todo)
    print(report(found, set(options.list.split(","))))
    print(f"{time.perf_counter() - began:.0f} s")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
