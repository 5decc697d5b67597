"""The same on Ray: a pipeline of Ray Data over the batches, on this machine or a cluster.

Only the names of items and their rows go through Ray's object store. A worker reads the files of
its batch and writes the waveforms itself, and lives as long as the run.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
from collections.abc import Generator
from typing import Any

import torch

from ..errors import DeviceError, SpecInvError
from ..io import WriteError
from .batches import Plan
from .item import read_items
from .job import Job
from .worker import Finished, Worker

#: Items that a worker is given at a time.
_ITEMS = 64
_LEAST = (2, 50)
#: What ends a run.
_ENDS = {"full": WriteError, "broken": DeviceError}


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
        How many processes at most. Default: one for each CPU, or each GPU, that is there now.

    Raises
    ------
    WriteError
        If a worker could not write.
    DeviceError
        If the device of a worker broke.
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
    present = _count(ray, "GPU" if on_gpu else "CPU")
    count = max(1, min(workers or present, plan.batches))
    # a cluster may grow to more than there is now
    pool: dict[str, Any] = (
        {"size": count} if count <= present else {"min_size": present, "max_size": count}
    )
    needed: dict[str, Any] = {"num_gpus": 1} if on_gpu else {"num_cpus": 1}
    # Ray's own pickle takes functions, such as a constraint of the user's
    made = vars(ray)["cloudpickle"].dumps(arguments)
    # as much as a worker is given at a time; what it has finished is known when all of it is
    blocks = min(plan.batches, max(4 * count, plan.items // _ITEMS))
    batches = [{"items": line} for line in plan.lines()]
    data = ray_data.from_items(batches, override_num_blocks=blocks).map_batches(
        RayWorker,
        batch_size=1,
        batch_format="pyarrow",
        fn_constructor_args=(made,),
        compute=ray_data.ActorPoolStrategy(**pool),
        **needed,
    )
    for row in data.iter_rows():
        yield finished(row["finished"])


def finished(line: str) -> Finished:
    """Return what a worker says of a batch, or raise what ends the run."""
    found = json.loads(line)
    for name, error in _ENDS.items():
        if name in found:
            raise error(found[name])
    return Finished(found["rows"], found["notes"])


def _count(ray: Any, kind: str) -> int:
    return max(1, int(ray.cluster_resources().get(kind, 1)))


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
            except DeviceError as error:
                finished = {"broken": str(error)}
            found.append(json.dumps(finished))
        return pyarrow.table({"finished": found})
