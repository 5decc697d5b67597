"""Python threads that share the chunks of a trip.

An operation on a chunk is over before a second thread inside it would have begun: with torch's
own threads a trip takes twice as long as with one. Whole chunks are worth dividing, and as
operations release the interpreter, Python's threads do.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

_T = TypeVar("_T")
#: Calls functions at the same time and returns what they return.
Team = Callable[[Sequence[Callable[[], _T]]], list[_T]]


@contextmanager
def team_of(size: int) -> Generator[Team[_T]]:
    """Yield a team of `size` threads, this one among them, each with one thread inside torch.

    The number of torch's threads is what it was afterwards.
    """
    before, inference = torch.get_num_threads(), torch.is_inference_mode_enabled()

    def job(function: Callable[[], _T]) -> _T:
        # what a thread may do with tensors is its own affair
        with torch.inference_mode(inference), torch.no_grad():
            return function()

    torch.set_num_threads(1)
    try:
        if size == 1:
            yield lambda functions: [job(function) for function in functions]
            return
        with ThreadPoolExecutor(size - 1, initializer=torch.set_num_threads, initargs=(1,)) as pool:

            def share(functions: Sequence[Callable[[], _T]]) -> list[_T]:
                others = [pool.submit(job, function) for function in functions[1:]]
                return [job(functions[0]), *(other.result() for other in others)]

            yield share
    finally:
        torch.set_num_threads(before)
