"""Tensors that say they are on a device, and a mode that holds them to its rules.

A wrapper tensor says that it is on cuda:0 or mps:0, and holds a tensor of the CPU. The mode carries
every operation out on what they hold, so that the numbers are those of the same code on the CPU. It
refuses what the device refuses: tensors of two devices in one operation, and on MPS float64 and
operations that torch does not have there. It counts what costs time: waits, kernels, bytes.
"""

from __future__ import annotations

import copy
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

import torch_specinv

from .costs import aten, cost, name_of, wait

PACKAGE = str(Path(torch_specinv.__file__).parent)
#: Operations that may have tensors of two devices.
_COPIES = ("copy_", "_to_copy", "to", "_copy_from", "set_", "set_data")
_INDEXING = ("index", "index_put_", "index_put", "_index_put_impl_")
#: Pointwise operations that are not tagged so, for which a number may lie on the host.
_POINTWISE = ("where", "lerp", "lerp_", "fill_", "masked_fill", "masked_fill_", "index_put_")


#: What torch.use_deterministic_algorithms forbids on CUDA, of what is used here
_NOT_DETERMINISTIC = ("reflection_pad1d_backward",)


class RefusedError(RuntimeError):
    """What a device would refuse."""


class Held(Tensor):
    """A tensor that says it is on a device, and holds one of the CPU."""

    raw: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, raw: Tensor, device: torch.device, requires_grad: bool = False) -> Held:
        raw = raw.resolve_conj().resolve_neg()  # wrapper tensors can't carry these bits
        self = torch.Tensor._make_wrapper_subclass(
            cls, raw.size(), strides=raw.stride(), storage_offset=raw.storage_offset(),
            dtype=raw.dtype, layout=raw.layout, device=device, requires_grad=requires_grad,
        )  # fmt: skip
        self.raw = raw
        return self

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        assert Device.current is not None
        return Device.current.run(func, args, kwargs or {})

    def untyped_storage(self):
        return self.raw.untyped_storage()

    def data_ptr(self):
        return self.raw.data_ptr()

    def __deepcopy__(self, memo):
        return Held(copy.deepcopy(self.raw.detach(), memo), self.device)

    def tolist(self):
        Device.current.note_wait("tolist")
        return self.raw.tolist()

    def __repr__(self, *, tensor_contents=None):
        return f"Held({self.raw!r})"


class Device(TorchDispatchMode):
    """Carries out what happens on a device of a kind, "cuda" or "mps"."""

    _mode_key = torch._C._TorchDispatchModeKey.FAKE  # so that no factory initialises CUDA
    current: ClassVar[Device | None] = None

    def __init__(self, kind: str = "cuda") -> None:
        super().__init__()
        self.kind, self.index = kind, 0
        self.clear()

    def clear(self) -> None:
        """Forget what was counted."""
        self.kernels = self.bytes = 0
        self.waits: Counter[str] = Counter()

    @classmethod
    def is_infra_mode(cls) -> bool:
        return True

    def __enter__(self):
        Device.current = self
        self._lifting = torch._C._only_lift_cpu_tensors()
        torch._C._set_only_lift_cpu_tensors(True)
        return super().__enter__()

    def __exit__(self, *error):
        super().__exit__(*error)
        torch._C._set_only_lift_cpu_tensors(self._lifting)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return self.run(func, args, kwargs or {})

    def put(self, x: Any, index: int = 0) -> Any:
        """Move tensors, and the tensors of modules and containers, to the device."""
        home = torch.device(self.kind, index)
        if isinstance(x, torch.nn.Module):
            for module in x.modules():
                for tensors in (module._buffers, module._parameters):
                    for name, tensor in list(tensors.items()):
                        if tensor is not None:
                            held = Held(tensor.detach().clone(), home, tensor.requires_grad)
                            held._is_param = tensors is module._parameters
                            tensors[name] = held
            return x

        def moved(t: Any) -> Any:
            if not isinstance(t, Tensor) or isinstance(t, Held):
                return t
            return Held(t.detach().clone(), home, t.requires_grad)

        return tree_map(moved, x)

    def run(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Carry out an operation."""
        flat, spec = tree_flatten((args, kwargs))
        held = [t for t in flat if isinstance(t, Held)]
        host = [t for t in flat if isinstance(t, Tensor) and not isinstance(t, Held)]
        wanted = kwargs.get("device")
        target = None if wanted is None else torch.device(wanted).type
        if not held and target != self.kind:
            return func(*args, **kwargs)
        if torch.is_inference_mode_enabled() and torch._C._dispatch_has_kernel_for_dispatch_key(
            func.name(), "CompositeImplicitAutograd"
        ):
            with self:
                return func.decompose(*args, **kwargs)
        self._check(func, args, held, host)
        why = wait(func, args, kwargs, to_host=bool(held) and target == "cpu",
                   mixed=bool(held and host))  # fmt: skip
        # torch waits for no copy to the device that is not to block, as the driver takes a copy of
        # what is to be copied first
        sent = not held and name_of(func) in ("_to_copy", "to") and not kwargs.get("non_blocking")
        if why or sent:
            self.note_wait(why or "a copy from the host")
        raw = [t.raw if isinstance(t, Held) else t for t in flat]
        out = self._carry_out(func, *tree_unflatten(raw, spec), moved=target == self.kind)
        self._count(func, raw, out, args)
        if func is aten._local_scalar_dense.default or (
            target == "cpu" and name_of(func) in ("_to_copy", "to")
        ):
            return out
        home = torch.device(wanted) if target == self.kind else held[0].device
        if home.index is None:
            home = torch.device(self.kind, self.index)

        def wrapped(t: Any) -> Any:
            if not isinstance(t, Tensor) or isinstance(t, Held) or any(t is c for c in host):
                return t
            for given, own in zip(flat, raw, strict=True):
                if isinstance(given, Held) and own is t:
                    return given
            if self.kind == "mps" and t.dtype in (torch.float64, torch.complex128):
                raise RefusedError(f"MPS has no {t.dtype}: {func} at {self.place()}")
            return Held(t, home)

        result = tree_map(wrapped, out)
        if torch.Tag.inplace_view in func.tags:
            with torch._C._DisableTorchDispatch():
                func(*args, **kwargs)
            return result
        return return_and_correct_aliasing(func, args, kwargs, result) if func.is_view else result

    def note_wait(self, why: str) -> None:
        """Count that the host waits."""
        self.waits[f"{why} at {self.place()}"] += 1

    def _carry_out(self, func: Any, args: Any, kwargs: Any, *, moved: bool) -> Any:
        """Compute on the CPU; what is moved there is a copy."""
        if moved:
            kwargs = {**kwargs, "device": torch.device("cpu")}
        if kwargs.get("pin_memory"):
            kwargs = {**kwargs, "pin_memory": False}
        out = func(*args, **kwargs)
        same = isinstance(out, Tensor) and any(out is given for given in args)
        return out.clone() if moved and same else out

    def _count(self, func: Any, raw: list[Any], out: Any, args: Any) -> None:
        inputs = [t for t in raw if isinstance(t, Tensor)]
        outputs = [t for t in tree_flatten(out)[0] if isinstance(t, Tensor)]
        kernels, moved = cost(func, inputs, outputs, args)
        self.kernels += kernels
        self.bytes += moved

    def _check(self, func: Any, args: Any, held: list[Held], host: list[Tensor]) -> None:
        """Refuse what the device would."""
        name = name_of(func)
        if self.kind == "mps" and not on_mps(func):
            raise RefusedError(f"MPS has no {func} at {self.place()}")
        if torch.are_deterministic_algorithms_enabled() and name in _NOT_DETERMINISTIC:
            raise RefusedError(f"not deterministic: {func} at {self.place()}")
        if name in _COPIES or not held:
            return
        if len({t.device for t in held}) > 1:
            raise RefusedError(f"tensors of several devices: {func} at {self.place()}")
        places = [t for t in args[1] if t is not None] if name in _INDEXING else []
        others = [t for t in host if not any(t is place for place in places)]
        pointwise = torch.Tag.pointwise in func.tags or name in _POINTWISE
        written = name.endswith("_") and not name.endswith("__") and any(args[0] is t for t in host)
        if any(t.dim() > 0 for t in others) or (others and not pointwise) or written:
            shapes = [tuple(t.shape) for t in others]
            raise RefusedError(f"tensors of the host {shapes}: {func} at {self.place()}")

    @staticmethod
    def place() -> str:
        """Return the innermost line of the package."""
        frame = sys._getframe(1)
        while frame is not None:
            if frame.f_code.co_filename.startswith(PACKAGE):
                return f"{frame.f_code.co_filename[len(PACKAGE) + 1 :]}:{frame.f_lineno}"
            frame = frame.f_back
        return "outside"


def values(x: Any) -> Any:
    """Return what the device holds, unnoticed."""
    return tree_map(lambda t: t.raw if isinstance(t, Held) else t, x)


@cache
def _native_functions() -> dict[str, set[str]]:
    """Return which backends have each operation, as torch's own list says."""
    import torchgen
    import yaml

    path = Path(torchgen.__file__).parent / "packaged" / "ATen" / "native" / "native_functions.yaml"
    found: dict[str, set[str]] = {}
    delegates: dict[str, str] = {}
    for entry in yaml.safe_load(path.read_text()):
        name = entry["func"].partition("(")[0]
        keys = {key.strip() for part in entry.get("dispatch", {}) for key in part.split(",")}
        found[name] = keys or {"CompositeImplicitAutograd"}
        if "structured_delegate" in entry:
            delegates[name] = entry["structured_delegate"]
    for name, other in delegates.items():
        found[name] = found[name] - {"CompositeImplicitAutograd"} | found[other]
    return found


def on_mps(func: Any) -> bool:
    """Tell whether torch has an operation on MPS."""
    schema = func._schema
    name = schema.name.split("::")[1] + (f".{schema.overload_name}" if schema.overload_name else "")
    keys = _native_functions().get(name)
    return keys is None or any(key == "MPS" or key.startswith("Composite") for key in keys)
