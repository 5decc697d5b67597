"""The same on Ray: a pipeline of Ray Data over the batches, on this machine or a cluster.

Only the names of items and their rows go through Ray's object store. A worker reads the files of
its batch and writes the waveforms itself, and lives as long as the run.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
from collections.abc import Generator, Iterator
from typing import Any

import torch

from ..errors import SpecInvError
from ..io import WriteError
from .batches import Plan
from .item import read_items
from .job import Job
from .worker import Finished, Worker

#: Batches of one block: what is sent to the object store at a time.
_BLOCK = 64
_LEAST = (2, 50)


def finished_on_ray(
    plan: Plan, arguments: tuple[Any, ...], job: Job, workers: int | None
) -> Generator[Finished]:
    """Yield what becomes of the batches of a plan, in any order.

    Parameters
    ----------
    plan : Plan
        What is to be inverted.
    arguments : tuple
        What a :class:`Worker` is made with.
    job : Job
        The settings.
    workers : int, optional
        How many processes. Default: one for each CPU, or each GPU.

    Raises
    ------
    WriteError
        If a worker could not write.
    """
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # it tells of its own plans
    import ray

    _check_version(ray.__version__)
    ours = not ray.is_initialized()
    if ours:
        # nobody would look at the dashboard of a Ray that ends with this run
        local: dict[str, Any] = {} if "RAY_ADDRESS" in os.environ else {"include_dashboard": False}
        ray.init(log_to_driver=False, logging_level=logging.ERROR, **local)
    try:
        yield from _run(ray, plan, arguments, job, workers)
    finally:
        if ours:
            ray.shutdown()


def _run(
    ray: Any, plan: Plan, arguments: tuple[Any, ...], job: Job, workers: int | None
) -> Generator[Finished]:
    logging.getLogger("ray.data").setLevel(logging.ERROR)  # it tells of each stage
    from ray import data as ray_data

    context = ray_data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = False
    on_gpu = torch.device(job.device).type == "cuda"
    count = workers or _count(ray, "GPU" if on_gpu else "CPU")
    count = max(1, min(count, plan.batches))
    blocks = list(_blocks(ray, plan, count))
    needed: dict[str, Any] = {"num_gpus": 1} if on_gpu else {"num_cpus": 1}
    # Ray's own pickle takes functions, such as a constraint of the user's
    made = vars(ray)["cloudpickle"].dumps(arguments)
    data = ray_data.from_arrow_refs(blocks).map_batches(
        RayWorker,
        batch_size=1,
        batch_format="pyarrow",
        fn_constructor_args=(made,),
        compute=ray_data.ActorPoolStrategy(size=count),
        **needed,
    )
    for row in data.iter_rows():
        found = json.loads(row["finished"])
        if "full" in found:
            raise WriteError(found["full"])
        yield Finished(found["rows"], found["notes"])


def _blocks(ray: Any, plan: Plan, workers: int) -> Iterator[Any]:
    """Put batches into the object store, as text, and yield where they are."""
    import pyarrow

    size = max(1, min(_BLOCK, plan.batches // (4 * workers)))
    waiting: list[str] = []
    for line in plan.lines():
        waiting.append(line)
        if len(waiting) == size:
            yield ray.put(pyarrow.table({"items": waiting}))
            waiting = []
    if waiting:
        yield ray.put(pyarrow.table({"items": waiting}))


def _count(ray: Any, kind: str) -> int:
    return int(ray.cluster_resources().get(kind, 1))


def _check_version(version: str) -> None:
    if tuple(map(int, version.split(".")[:2])) < _LEAST:
        raise SpecInvError(
            f"ray {version} is older than {_LEAST[0]}.{_LEAST[1]}: "
            "python -m pip install 'torch_specinv[ray]'"
        )


class RayWorker:
    """A :class:`Worker` in a process of Ray, which starts it anew where it is lost."""

    def __init__(self, made: bytes) -> None:
        import ray

        torch.set_num_threads(1)
        self._worker = Worker(*vars(ray)["cloudpickle"].loads(made))

    def __call__(self, batch: Any) -> Any:
        """Invert the batches in some rows, and return what became of each."""
        import pyarrow

        found: list[str] = []
        for line in batch.column("items").to_pylist():
            try:
                finished = dataclasses.asdict(self._worker(read_items(line)))
            except WriteError as error:  # not to be tried again, but the end of the run
                finished = {"full": str(error)}
            found.append(json.dumps(finished))
        return pyarrow.table({"finished": found})
