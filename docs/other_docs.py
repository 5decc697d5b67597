"""Where names of other packages are documented, so that they become links in a build offline.

Sphinx reads inventories, which are usually downloaded. Here they are written from the names that
this documentation links, each with its role and its page.
"""

from __future__ import annotations

import zlib
from pathlib import Path

#: By package: the address of its documentation, and by page the names on it. "{}" in the name of a
#: page is the name. Roles are told by how names are spelled, or stand before the name.
PAGES: dict[str, tuple[str, dict[str, str]]] = {
    "python": (
        "https://docs.python.org/3/",
        {
            "library/stdtypes.html": "class:str class:list class:tuple "
            "class:dict class:bytes class:set",
            "library/functions.html": "class:bool class:int class:float class:slice class:type "
            "class:object",
            "library/constants.html": "data:None data:True data:False",
            "library/collections.abc.html": "class:collections.abc.Callable "
            "class:collections.abc.Iterable class:collections.abc.Iterator "
            "class:collections.abc.Mapping class:collections.abc.Sequence",
            "library/pathlib.html": "class:pathlib.Path",
            "library/functools.html": "function:functools.partial",
            "library/concurrent.futures.html": "module:concurrent.futures",
            "library/enum.html": "class:enum.Enum",
            "library/exceptions.html": "exception:ValueError exception:UserWarning "
            "exception:OSError exception:Exception",
            "glossary.html": "term:callable term:iterable term:iterator term:sequence term:mapping",
        },
    ),
    "torch": (
        "https://docs.pytorch.org/docs/stable/",
        {
            "tensors.html": "class:torch.Tensor",
            "tensor_attributes.html": "class:torch.device class:torch.dtype",
            "size.html": "class:torch.Size",
            "amp.html": "class:torch.autocast",
            "data.html": "class:torch.utils.data.DataLoader",
            "func.html": "module:torch.func",
            "export.html": "module:torch.export function:torch.export.export",
            "autograd.html": "module:torch.autograd.forward_ad",
            "generated/{}.html": "class:torch.Generator class:torch.nn.Module "
            "class:torch.nn.Sequential class:torch.nn.Parameter class:torch.optim.LBFGS "
            "class:torch.nn.parallel.DistributedDataParallel function:torch.stft "
            "function:torch.istft function:torch.polar function:torch.vmap function:torch.compile "
            "function:torch.save function:torch.load function:torch.from_numpy "
            "function:torch.get_num_threads function:torch.set_num_threads "
            "function:torch.use_deterministic_algorithms function:torch.hann_window "
            "function:torch.func.grad function:torch.func.vmap",
        },
    ),
    "numpy": (
        "https://numpy.org/doc/stable/",
        {
            "reference/generated/{}.html": "class:numpy.ndarray function:numpy.load "
            "function:numpy.save function:numpy.savez",
        },
    ),
    "matplotlib": (
        "https://matplotlib.org/stable/",
        {
            "api/_as_gen/{}.html": "class:matplotlib.axes.Axes",
            "api/figure_api.html": "class:matplotlib.figure.Figure",
        },
    ),
    "librosa": (
        "https://librosa.org/doc/latest/",
        {
            "generated/{}.html": "function:librosa.griffinlim function:librosa.stft "
            "function:librosa.feature.inverse.mel_to_audio",
        },
    ),
    "torchaudio": (
        "https://docs.pytorch.org/audio/stable/",
        {
            "generated/{}.html": "function:torchaudio.functional.griffinlim "
            "class:torchaudio.transforms.GriffinLim",
        },
    ),
    "pillow": (
        "https://pillow.readthedocs.io/en/stable/",
        {"reference/Image.html": "class:PIL.Image.Image"},
    ),
}
HEADER = (
    "# Sphinx inventory version 2\n# Project: {}\n# Version: \n# The rest is compressed by zlib.\n"
)


def inventory(project: str) -> bytes:
    """Return the inventory of a package, in the second version of Sphinx's format."""
    lines: list[str] = []
    for page, names in PAGES[project][1].items():
        for each in names.split():
            role, name = each.split(":")
            address = page.format(name)
            if role == "module":
                lines.append(f"{name} py:module 0 {address}#module-{name} -\n")
            elif role == "term":
                lines.append(f"{name} std:term -1 {address}#term-{name} -\n")
            else:
                lines.append(f"{name} py:{role} 1 {address}#$ -\n")
    return HEADER.format(project).encode() + zlib.compress("".join(lines).encode())


def write_inventories(folder: Path) -> dict[str, tuple[str, str]]:
    """Write all inventories, and return what the extension sphinx.ext.intersphinx wants."""
    folder.mkdir(exist_ok=True)
    mapping: dict[str, tuple[str, str]] = {}
    for project, (address, _) in PAGES.items():
        file = folder / f"{project}.inv"
        file.write_bytes(inventory(project))
        mapping[project] = (address, str(file))
    return mapping
