"""The kernels of triton compiled for GPUs that are not there; registers and spills, in JSON.

The interpreter accepts what the compiler refuses. In a process of its own, as the other interprets.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from torch_specinv.engines import triton_kernels as kernels
from torch_specinv.engines import triton_plan as plan

TYPES = {
    **dict.fromkeys(
        ("first", "second", "window", "frames", "halves", "target", "variable", "memory", "twiddle",
         "table", "gain", "wave", "extrapolated"), "*fp32"),
    **dict.fromkeys(("lengths", "ends"), "*i32"),
    "counter": "*i64",
}  # fmt: skip
#: Numbers that are multiples of 16 in the usual setting
ALIGNED = ("row", "pad", "hop")


def cases() -> dict[str, tuple[Any, dict[str, Any]]]:
    """Return each kernel with its constants in the settings of 1024 and of odd lengths."""
    found: dict[str, tuple[Any, dict[str, Any]]] = {}
    for n, hop in ((1024, 256), (50, 12), (4096, 512)):
        block = 1 << (n - 1).bit_length()
        for both in (False, True):
            for reflect in (False, True):
                found[f"cut {n} {both} {reflect}"] = kernels.cut_kernel, {
                    "N": n, "BLOCK": block, "FRAMES": plan._FRAMES, "BOTH": both,
                    "REFLECT": reflect,
                }  # fmt: skip
        for momentum, memory in ((True, False), (False, False), (False, True)):
            found[f"rule {n} {momentum} {memory}"] = kernels.rule_kernel, {
                "M": n // 2, "WIDTH": 1 if momentum else 10, "BLOCK": plan._PAIRS[momentum],
                "MOMENTUM": momentum,
                "MEMORY": memory, "TINY": 1e-20,
            }  # fmt: skip
        for groups in (1, 2):
            for momentum in (False, True):
                found[f"add {n} {groups} {momentum}"] = kernels.add_kernel, {
                    "N": n, "STRIDE": groups * hop, "BLOCKS": -(-n // (groups * hop)),
                    "BLOCK": plan._SAMPLES, "WIDTH": 10, "MOMENTUM": momentum, "REFLECT": True,
                }  # fmt: skip
    return found


def build(kernel: Any, constants: dict[str, Any], arch: int) -> Any:
    """Compile a kernel for a generation of GPUs."""
    names = kernel.arg_names
    signature = {
        name: "constexpr" if name in constants else TYPES.get(name, "i32") for name in names
    }
    aligned = {
        (i,): [["tt.divisibility", 16]] for i, name in enumerate(names)
        if signature[name].startswith("*") or name in ALIGNED
    }  # fmt: skip
    values = {(names.index(name),): value for name, value in constants.items()}
    source = ASTSource(fn=kernel, signature=signature, constexprs=values, attrs=aligned)
    return triton.compile(source, target=GPUTarget("cuda", arch, 32), options={"num_warps": 4})


def usage(built: Any) -> dict[str, int]:
    """Return the registers of a thread, and what does not fit in them and lies in memory."""
    tools = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(built.asm["cubin"])
        file.flush()
        said = subprocess.run(
            [tools / "cuobjdump", "-res-usage", file.name],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
    found = re.search(r"REG:(\d+) STACK:(\d+) SHARED:(\d+) LOCAL:(\d+)", said)
    assert found, said
    registers, stack, _, local = map(int, found.groups())
    return {"registers": registers, "spilled": stack + local}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TRITON_CACHE_DIR"] = folder
        for arch in (80, 90):
            for name, (kernel, constants) in cases().items():
                found = usage(build(kernel, constants, arch))
                print(json.dumps([f"{name} sm_{arch}", found]), flush=True)
