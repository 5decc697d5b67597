"""Which bad values there are for each kind of argument."""

from __future__ import annotations

import math

import numpy as np
import torch

from benchmarks.fuzzing.values import (
    ARRAY,
    BY_DTYPE,
    COMPLEX,
    LISTS,
    MADE_COMPLEX,
    NEGATIVE,
    NEGATIVE_VALUES,
    NO_ARRAY,
    NO_PATH,
    NONE,
    NOT_FINITE,
    NOT_FINITE_TENSORS,
    NUMBER,
    OBJECTS,
    POISON,
    SCALARS,
    SEVERAL,
    SHAPES,
    SOUND,
    SPREAD,
    SWITCHES,
    TEXTS,
    WHOLE,
    Bad,
    Mistaken,
    Raising,
    always,
    with_value,
)

#: The bad values of each kind of argument, by a label.
KINDS: dict[str, dict[str, Bad]] = {
    "count": {**WHOLE, **NEGATIVE, **always({"0": 0})},
    "count or 0": {**WHOLE, **NEGATIVE},
    "count or -1": {**WHOLE, **always({"-2": -2, "-1e300": -1e300})},
    "whole": WHOLE,
    "number": NUMBER,
    "not negative": {**NUMBER, **NEGATIVE, "1e300": Bad(lambda _: 1e300, SOUND)},
    "positive": {**NUMBER, **NEGATIVE, **always({"0": 0.0, "tensor(0.)": torch.tensor(0.0)})},
    "not 0": {**NUMBER, **always({"0": 0.0})},
    "share": {**NUMBER, **NEGATIVE, **always({"1.5": 1.5, "1e300": 1e300})},
    "switch": {
        **NONE, **OBJECTS, **TEXTS, **LISTS, **COMPLEX, **SEVERAL, **NOT_FINITE, **SCALARS,
        **always({"2": 2, "0.5": 0.5}),
    },
    "choice": {
        **NONE, **OBJECTS, **TEXTS, **LISTS, **NOT_FINITE, **SEVERAL, **always({"1": 1}),
        **SWITCHES,
    },
    "metric": {
        **NONE, **TEXTS, **NOT_FINITE, **always({"1": 1, "{}": {}, "[]": [], "[None]": [None]}),
        "an object": Bad(lambda _: object()), "Raising": Bad(lambda _: Raising()),
        "Mistaken": Bad(lambda _: Mistaken()),
    },
    "name": {
        **NONE, **OBJECTS, **LISTS, **NOT_FINITE, **SEVERAL, **always({"1": 1, "b'a'": b"a"}),
    },
    "counts": {
        **{k: v for k, v in WHOLE.items() if k not in ("[1, 2]", "array([1, 2])")},
        **always({
            "[0]": [0], "[-1]": [-1], "[1.5]": [1.5], "[nan]": [math.nan], "['a']": ["a"],
            "[None]": [None], "[[4]]": [[4]], "[True]": [True], "too many": [64, 32, 16, 8, 4, 2],
        }),
        "lazily": Bad(lambda _: (x for x in ())),
    },
    "numbers": {
        **NONE, **OBJECTS, **TEXTS, **LISTS, **COMPLEX, **NOT_FINITE, **NOT_FINITE_TENSORS,
        **always({"[nan]": [math.nan], "[inf, 1]": [math.inf, 1.0]}),
        **SCALARS,
    },
    "function": {
        **NONE, **TEXTS, **LISTS, **NOT_FINITE, **SEVERAL, **always({"1": 1, "{}": {}}),
        "an object": Bad(lambda _: object()), "Raising": Bad(lambda _: Raising()),
    },
    "generator": {
        **OBJECTS, **TEXTS, **LISTS, **NOT_FINITE, **SEVERAL, **always({"0": 0, "True": True}),
        "numpy's": Bad(lambda _: np.random.default_rng(0)),
    },
    "wave": {**ARRAY, **MADE_COMPLEX},
    "magnitude": {**ARRAY, **MADE_COMPLEX, **NEGATIVE_VALUES, **SHAPES},
    "spectrogram": {**ARRAY, **NEGATIVE_VALUES, **SHAPES},
    "spectrum": {**NO_ARRAY, **BY_DTYPE, **POISON, **SHAPES},
    "values": {**ARRAY, **MADE_COMPLEX, **SHAPES},
    "values any": {**ARRAY, **SHAPES},
    "frame": {**ARRAY, **MADE_COMPLEX, **NEGATIVE_VALUES},
    "anything": NO_ARRAY,
    "bank": {
        **NO_ARRAY, **MADE_COMPLEX, **NEGATIVE_VALUES, **SHAPES,
        "holds nan": Bad(with_value(math.nan)), "holds inf": Bad(with_value(math.inf)),
        "bool": BY_DTYPE["bool"],
    },
    "window": {
        **{k: v for k, v in NO_ARRAY.items() if k != "1.0"},
        **BY_DTYPE, "nonsense": Bad(lambda _: "nonsense"), "holds nan": Bad(with_value(math.nan)),
        "holds inf": Bad(with_value(math.inf)), "zeros": Bad(lambda x: x * 0),
        "of another length": Bad(lambda x: torch.ones(len(x) + 3)),
        "('kaiser', nan)": Bad(lambda _: ("kaiser", math.nan)), "-1.0": Bad(lambda _: -1.0),
        "('hann', 1)": Bad(lambda _: ("hann", 1)), "('kaiser',)*3": Bad(lambda _: ("kaiser",) * 3),
        "two dimensions": Bad(lambda x: x[None]), "inf": Bad(lambda _: math.inf),
    },
    "window name": {
        **{k: v for k, v in NO_ARRAY.items() if k != "1.0"}, **TEXTS,
        "('kaiser', nan)": Bad(lambda _: ("kaiser", math.nan)), "-1.0": Bad(lambda _: -1.0),
        "('hann', 1)": Bad(lambda _: ("hann", 1)), "inf": Bad(lambda _: math.inf),
    },
    "path": NO_PATH,
    "output path": {
        **NO_PATH,
        **always({"a folder": "/tmp", "no suffix": "/tmp/abc", "unknown": "/tmp/abc.xyz"}),
    },
}  # fmt: skip


def _without(kind: str, *labels: str) -> dict[str, Bad]:
    return {label: bad for label, bad in KINDS[kind].items() if label not in labels}


KINDS["anything"] = _without("anything", "objects", "sparse", "sparse CSR", "quantised", "mkldnn")
KINDS |= {
    "choice or None": _without("choice", "None"),
    "counts or None": _without("counts", "None"),
    "matrix": _without("bank", "negative", "a type"),
    "positions": _without("values", "int", "uint8 array", "one dimension", "transposed", "silent"),
    "frequencies": _without(
        "values", "[]", "[[]]", "int", "uint8 array", "0-d", "no items", "no rows", "one dimension",
        "transposed",
        "one row more",
    ),
    "picture": _without("values", "uint8 array"),
    "recorded": {**KINDS["magnitude"], "negative": Bad(lambda x: -x - 0.5, SPREAD)},
    "name or None": _without("name", "None"),
    "any wave": _without("wave", "[]", "[[]]", "0-d", "no items", "no rows"),
    "shape of a wave": _without(
        "wave", "holds nan", "holds inf", "holds -inf", "all nan", "no rows", "huge", "tiny"
    ),
    "any window": _without("window", "zeros", "of another length"),
    "loss values": {**KINDS["values"], "negative": Bad(lambda x: -x - 0.5, SPREAD)},
}  # fmt: skip
