"""What became of a bad value, judged by the rule that it brings along."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from benchmarks.fuzzing.target import Target
from benchmarks.fuzzing.values import REFUSE, SPREAD, Bad
from torch_specinv import SpecInvError


def judge_extreme(target: Target, argument: str, value: Tensor, result: Any) -> tuple[str, str]:
    """Compare a finite result for extreme levels with that in double precision."""
    exact = {
        name: v.double() if isinstance(v, Tensor) and v.dtype == torch.float32 else v
        for name, v in {**target.good(), argument: value}.items()
    }
    torch.manual_seed(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wanted = list(_tensors(target.call(**exact)))
    except SpecInvError as error:
        return "silent", f"refused in double precision only: {error}"
    for got, want in zip(_tensors(result), wanted, strict=True):
        single = got.numel() == 1 and bool(torch.isfinite(got))
        if single and not torch.allclose(got.double(), want.double(), rtol=1e-2, atol=1e-3):
            return "silent", f"{float(got):g}, in double precision {float(want):g}"
    return "accepted", f"result {_brief(result)}"


def judge_infinite(target: Target, result: Any, detail: str) -> tuple[str, str]:
    """Accept finite results for infinite values where they are worse than those for good ones."""
    good, found = list(_tensors(target.call(**target.good()))), list(_tensors(result))
    if len(good) != 1 or len(found) != 1 or good[0].shape != found[0].shape:
        return "silent", detail
    worse = (found[0] - good[0]) * target.better <= 0
    return ("accepted", "worse") if bool(worse.all()) else ("silent", detail)


def is_quoted(value: Any, message: str) -> bool:
    """Whether a message holds a value that is a text, such as the name of a file."""
    return isinstance(value, str) and len(value) > 2 and value.replace("\0", "\\x00") in message


def names(argument: str, message: str) -> bool:
    """Whether a message holds the name of an argument, or of two of which it is one."""
    return re.search(rf"(?<!\w){argument}(?!\w)", message) is not None


def judge(bad: Bad, result: Any) -> tuple[str, str]:
    """Say whether a bad value may have been accepted, by what came of it."""
    if bad.rule == REFUSE:
        return "silent", f"taken; result {_brief(result)}"
    tensors = list(_tensors(result))
    empty = [t for t in tensors if t.numel() == 0]
    finite = all(bool(torch.isfinite(t).all()) for t in tensors)
    if bad.rule == SPREAD:
        ok = bool(tensors) and not finite
        return ("accepted", "spreads") if ok else ("silent", f"hidden; result {_brief(result)}")
    if empty or not finite:
        return "silent", f"result {_brief(result)}"
    return "accepted", f"result {_brief(result)}"


def _tensors(result: Any) -> Iterator[Tensor]:
    if isinstance(result, Tensor):
        yield result.detach()
    elif isinstance(result, (tuple, list)):
        for item in result:
            yield from _tensors(item)
    elif isinstance(result, (int, float)) and not isinstance(result, bool):
        yield torch.tensor(result)
    elif hasattr(result, "wave"):
        yield from _tensors(result.wave)


def _brief(result: Any) -> str:
    return str(result).replace("\n", " ")[:100]
