"""Bad values, by a label, and by which rule each one is judged."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

#: The value has no meaning for such an argument: it must be refused, or warned of.
REFUSE = "refuse"
#: It is numbers that are not finite: it must be refused, or the result must not be finite either.
SPREAD = "spread"
#: It may have a meaning: it may be refused, or the result must be finite and not empty.
SOUND = "sound"
#: Its level is extreme: a finite result must be that of double precision, or it may overflow.
EXTREME = "extreme"


@dataclass(frozen=True)
class Bad:
    """A bad value, made anew for each call, and the rule that it is judged by."""

    make: Callable[[Any], Any]
    """A function of the good value."""
    rule: str = REFUSE


class Answering:
    """Has every attribute that it is asked for, and each is itself."""

    def __getattr__(self, name: str) -> Any:
        return self

    def __call__(self, *_: Any, **__: Any) -> Any:
        """Return itself."""
        return self

    def __repr__(self) -> str:
        return "Answering()"


class Raising:
    """Raises something unusual whenever an attribute is looked up."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"no {name} here")

    def __repr__(self) -> str:
        return "Raising()"


class Mistaken:
    """Looks like a number and an array, but gives neither."""

    ndim = 0
    shape = ()
    dtype = "float32"

    def __float__(self) -> float:
        raise RuntimeError("not a number after all")

    def __index__(self) -> int:
        raise RuntimeError("not a number after all")

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("not an array after all")

    def __len__(self) -> int:
        raise RuntimeError("no length after all")

    def __repr__(self) -> str:
        return "Mistaken()"


def always(values: dict[str, Any], rule: str = REFUSE) -> dict[str, Bad]:
    """Return values that are bad whatever the good one is, by their labels."""
    return {label: Bad(lambda _, value=value: value, rule) for label, value in values.items()}


NONE = always({"None": None})
OBJECTS = {
    **always({"an object": object(), "{}": {}, "a type": int, "a set": {1}, "...": ...}),
    "Answering": Bad(lambda _: Answering()),
    "Raising": Bad(lambda _: Raising()),
    "Mistaken": Bad(lambda _: Mistaken()),
}
TEXTS = always({"'nonsense'": "nonsense", "''": "", "b'1'": b"1", "'nan'": "nan"})
LISTS = always({"[]": [], "[[1], [2, 3]]": [[1], [2, 3]], "[None]": [None], "('a',)": ("a",)})
NOT_FINITE = always({"nan": math.nan, "inf": math.inf, "-inf": -math.inf})
NOT_FINITE_TENSORS = {
    "tensor(nan)": Bad(lambda _: torch.tensor(math.nan)),
    "array(nan)": Bad(lambda _: np.array(math.nan)),
    "numpy nan": Bad(lambda _: np.float32("nan")),
}
COMPLEX = always({"1j": 1j, "complex(nan)": complex(math.nan)})
SWITCHES = always({"True": True, "False": False})
SEVERAL = {
    "tensor([1., 2.])": Bad(lambda _: torch.tensor([1.0, 2.0])),
    "array([1, 2])": Bad(lambda _: np.array([1, 2])),
    "[1, 2]": Bad(lambda _: [1, 2]),
    "an empty tensor": Bad(lambda _: torch.empty(0)),
}
SCALARS = {
    "a meta scalar": Bad(lambda _: torch.empty((), device="meta")),
    "a sparse scalar": Bad(lambda _: torch.tensor(1.0).to_sparse()),
    "a complex scalar": Bad(lambda _: torch.tensor(1j)),
    "a quantised scalar": Bad(
        lambda _: torch.quantize_per_tensor(torch.ones(()), 1, 0, torch.qint8)
    ),
}

NUMBER = {**NONE, **OBJECTS, **TEXTS, **LISTS, **COMPLEX, **SEVERAL, **SCALARS, **NOT_FINITE}
NUMBER |= {**SWITCHES, **NOT_FINITE_TENSORS}
WHOLE = {**NUMBER, **always({"1.5": 1.5, "-(2**70)": -(2**70), "tensor(2.)": torch.tensor(2.0)})}

NEGATIVE = always({"-1": -1, "-1e-3": -1e-3, "-1e300": -1e300, "tensor(-1.)": torch.tensor(-1.0)})


def _sparse(x: Tensor) -> Tensor:
    return torch.as_tensor(x).to_sparse()


def _csr(x: Tensor) -> Tensor:
    return torch.as_tensor(x).reshape(-1, x.shape[-1]).to_sparse_csr()


def with_value(value: float) -> Callable[[Tensor], Tensor]:
    """Return what puts a value into the middle of a copy."""

    def put(x: Tensor) -> Tensor:
        x = torch.as_tensor(x).clone()
        x.view(-1)[x.numel() // 2] = value
        return x

    return put


def _masked(x: Tensor) -> Any:
    return np.ma.masked_array(np.asarray(x), mask=np.asarray(x.abs() > 0.5))


def _nested(layout: torch.layout) -> Callable[[Tensor], Tensor]:
    return lambda x: torch.nested.nested_tensor([x, x], layout=layout)


#: What no argument that takes an array of numbers has a meaning for.
NO_ARRAY = {
    **NONE,
    **OBJECTS,
    **always({"'file.npy'": "file.npy", "b''": b"", "1.0": 1.0, "True": True, "nan": math.nan}),
    **always({"[]": [], "[[]]": [[]], "ragged lists": [[1.0], [2.0, 3.0]], "[['a']]": [["a"]]}),
    "lists with None": Bad(lambda _: [[None, 1.0], [2.0, 3.0]]),
    "list of objects": Bad(lambda _: [[object()]]),
    "sparse": Bad(_sparse),
    "sparse CSR": Bad(_csr),
    "nested": Bad(_nested(torch.strided)),
    "nested, jagged": Bad(_nested(torch.jagged)),
    "meta": Bad(lambda x: x.to("meta")),
    "quantised": Bad(lambda x: torch.quantize_per_tensor(x.real.float(), 0.1, 0, torch.quint8)),
    "mkldnn": Bad(lambda x: x.real.float().to_mkldnn()),
    "strings": Bad(lambda _: np.array([["a", "b"], ["c", "d"]])),
    "objects": Bad(lambda x: np.asarray(x.detach()).astype(object)),
    "dates": Bad(lambda x: np.zeros(x.shape, "datetime64[s]")),
    "fields": Bad(lambda x: np.zeros(x.shape, [("a", "f4")])),
    "masked array": Bad(_masked),
    "0-d": Bad(lambda _: torch.tensor(1.0)),
    "no items": Bad(lambda x: x[..., :0]),
    "no rows": Bad(lambda x: x[..., :0, :] if x.ndim > 1 else x[:0]),
}
BY_DTYPE = {
    "int": Bad(lambda x: (x.real * 100).int()),
    "bool": Bad(lambda x: x.real > 0),
    "uint8 array": Bad(lambda x: (np.asarray(x.abs()) * 100).astype(np.uint8)),
}
POISON = {
    "holds nan": Bad(with_value(math.nan), SPREAD),
    "holds inf": Bad(with_value(math.inf), SPREAD),
    "holds -inf": Bad(with_value(-math.inf), SPREAD),
    "all nan": Bad(lambda x: x * math.nan, SPREAD),
}
_LEVELS = {
    "huge": Bad(lambda x: x * (3e38 / x.abs().max()), EXTREME),
    "tiny": Bad(lambda x: x * 1e-38, EXTREME),
    "silent": Bad(lambda x: x * 0, SOUND),
    "float16": Bad(lambda x: x.half() if not x.is_complex() else x, SOUND),
    "float8": Bad(lambda x: x.to(torch.float8_e4m3fn) if not x.is_complex() else x, SOUND),
}
MADE_COMPLEX = {"complex": Bad(lambda x: x * (1 + 1j))}
SHAPES = {
    "transposed": Bad(lambda x: x.mT, SOUND),
    "one row more": Bad(lambda x: torch.cat([x, x[..., :1, :]], -2), SOUND),
    "one dimension": Bad(lambda x: x.flatten()),
}
NEGATIVE_VALUES = {"negative": Bad(lambda x: -x - 0.5)}

ARRAY = {**NO_ARRAY, **BY_DTYPE, **POISON, **_LEVELS}

NO_PATH = {**NONE, **OBJECTS, **LISTS, **NOT_FINITE, **SEVERAL, **always({
    "1": 1, "True": True, "a null": "a\0b.wav", "''": "", "no such folder": "/no/such/file.wav",
})}  # fmt: skip
