"""A process in which there is a device: it is told cases, line by line, and answers in JSON.

In a process of its own, as torch looks for devices once, before the first test.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable
from typing import Any

from tests.device import guard

KIND = sys.argv[1] if len(sys.argv) > 1 else "cuda"
guard.load(KIND)

import torch  # noqa: E402
from torch import Tensor  # noqa: E402
from torch.utils._pytree import tree_flatten  # noqa: E402

import torch_specinv as ts  # noqa: E402
from tests.device.cases import CASES  # noqa: E402
from tests.device.pretended import Device, Held, values  # noqa: E402
from torch_specinv.constraints import bands  # noqa: E402


def tensors(result: Any) -> list[Any]:
    """Return what is to be equal: the tensors of a result, or its text."""
    if isinstance(result, ts.Inversion):
        return [result.wave, *result.history.values(), result.iterations, *result.status]
    return tree_flatten(result)[0]


def compare(function: Callable[[Callable[[Any], Any]], Any]) -> dict[str, Any]:
    """Call something with tensors of the CPU and with those of the device."""
    torch.manual_seed(5)
    expected = tensors(function(lambda x: x))
    device = Device(KIND)
    with device:
        torch.manual_seed(5)
        found = tensors(function(device.put))
        pairs = [(a, values(b)) for a, b in zip(expected, found, strict=True)]
    return {
        "same": all(_same(*pair) for pair in pairs),
        "near": all(_near(*pair) for pair in pairs),
        "there": any(isinstance(x, Held) for x in found),
        "waits": device.waits.total(),
        "kernels": device.kernels,
        "places": dict(device.waits),
    }


def _same(a: Any, b: Any) -> bool:
    if not isinstance(a, Tensor):
        return a == b
    return a.dtype == b.dtype and torch.equal(torch.nan_to_num(a), torch.nan_to_num(b))


def _near(a: Any, b: Any) -> bool:
    return not isinstance(a, Tensor) or torch.allclose(
        torch.nan_to_num(a), torch.nan_to_num(b), rtol=1e-3, atol=1e-3
    )


def answer(line: str) -> dict[str, Any]:
    """Carry out one case."""
    if line in CASES:
        return compare(CASES[line])
    from tests.device.measurements import MEASUREMENTS
    from tests.device.recorded import RECORDED

    return {**MEASUREMENTS, **RECORDED}[line](KIND)


def main() -> None:
    """Answer until there is no more to answer."""
    os.environ["TORCH_SPECINV_BACKEND"] = "torch"
    # compiled sums over bands round otherwise than those that a device has
    bands.missing = lambda: "a device has none"
    torch.set_num_threads(1)
    torch.cuda.is_available = lambda: KIND == "cuda"
    warnings.simplefilter("ignore")
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what is printed is no answer
    for line in sys.stdin:
        try:
            found = answer(line.strip())
        except Exception as error:
            found = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(found), file=out, flush=True)


if __name__ == "__main__":
    main()
