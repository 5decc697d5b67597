"""The progress bar: the only place that prints."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from torch import Tensor

from ..derivatives import is_hidden


@contextmanager
def progress_bar(
    total: int, *, visible: bool, done: int = 0, unit: str = "it"
) -> Generator[Callable[[int, str, Tensor], None]]:
    """Show how much of `total` is done; yields a function (done, metric name, values)."""
    if not visible:
        yield lambda _done, _name, _values: None
        return
    from tqdm.auto import tqdm

    with tqdm(total=total, initial=done, unit=unit) as bar:

        def show(done: int, name: str, values: Tensor) -> None:
            if not is_hidden(values):
                mean = "" if values.numel() == 1 else "mean "
                bar.set_postfix_str(f"{mean}{name}={float(values.mean()):.2f}", refresh=False)
            bar.update(done - bar.n)

        yield show
