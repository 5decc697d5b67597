"""The progress bar: the only place that prints."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from torch import Tensor


@contextmanager
def progress_bar(total: int, *, visible: bool) -> Generator[Callable[[int, str, Tensor], None]]:
    """Show iterations out of `total`; yields a function (iteration, metric name, values)."""
    if not visible:
        yield lambda _iteration, _name, _values: None
        return
    from tqdm.auto import tqdm

    with tqdm(total=total, unit="it") as bar:

        def show(iteration: int, name: str, values: Tensor) -> None:
            mean = "" if values.numel() == 1 else "mean "
            bar.set_postfix_str(f"{mean}{name}={float(values.mean()):.2f}", refresh=False)
            bar.update(iteration - bar.n)

        yield show
