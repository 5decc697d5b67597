"""Means and standard deviations of a corpus, from a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SpecInvError
from .files import existing

# What mean and standard deviation are called in files
_MEANS = ("mean", "means", "mean_", "mu", "shift")
_DEVIATIONS = ("std", "stds", "scale", "scale_", "sigma", "stddev")


def read_statistics(path: str | Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Read the mean and the standard deviation by which values were standardised.

    Parameters
    ----------
    path : str or Path
        A .npy file of shape (2, rows) or (2,): means and standard deviations; or a .npz or .json
        file with entries such as "mean" and "std", "mean" and "scale".

    Returns
    -------
    tuple of ndarray
        The mean and the standard deviation, each of shape () or (rows,), float64: the shift and the
        scale of :class:`torch_specinv.mel.Levels`.

    Raises
    ------
    SpecInvError
        If the file is missing, or does not hold the two.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from torch_specinv.io import read_statistics
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "stats.json"
    ...     _ = path.write_text('{"mean": -5.5, "std": 2.1}')
    ...     mean, std = read_statistics(path)
    >>> float(mean), float(std)
    (-5.5, 2.1)
    """
    path = existing(path)
    try:
        content = _load(path)
        if isinstance(content, dict):
            mean, std = (_entry(content, names, path) for names in (_MEANS, _DEVIATIONS))
        else:
            array = np.asarray(content, np.float64)
            if array.ndim not in (1, 2) or len(array) != 2:
                raise SpecInvError(
                    f"{path} has shape {array.shape}: expected (2, rows), means and standard "
                    "deviations."
                )
            mean, std = array
        mean, std = (np.squeeze(np.asarray(x, np.float64)) for x in (mean, std))
    except SpecInvError:
        raise
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise SpecInvError(f"{path} cannot be read as statistics: {error}") from error
    if not (np.isfinite(mean).all() and np.isfinite(std).all() and (std != 0).all()):
        raise SpecInvError(f"{path} holds values that are not finite, or deviations of 0.")
    return mean, std


def _load(path: Path) -> Any:
    if path.suffix.lower() == ".json":
        return json.loads(path.read_text("utf-8"))
    content: Any = np.load(path, allow_pickle=False)
    return {k: content[k] for k in content.files} if hasattr(content, "files") else content


def _entry(content: dict[str, Any], names: tuple[str, ...], path: Path) -> Any:
    found = [name for name in names if name in content]
    if not found:
        raise SpecInvError(
            f"{path} holds {', '.join(map(str, content)) or 'nothing'}: expected an entry named "
            f"{' or '.join(names[:3])}."
        )
    return content[found[0]]
