"""A corpus on Ray: the same waveforms, and the same manifest, whatever dies meanwhile."""

from __future__ import annotations

import os
import resource
import signal
import sys

import numpy as np
import pytest
import ray

from tests.corpus_cases import RUN, manifest, same, save_arrays, spectrogram, waves
from torch_specinv import SpecInvError
from torch_specinv.constraints import Magnitude
from torch_specinv.corpus import invert_corpus, ray_data, verify_corpus
from torch_specinv.io import WriteError

pytestmark = [
    # Ray leaves files open at its end
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:::ray"),  # of what it does itself
]
ON_RAY = {**RUN, "engine": "ray"}


@pytest.fixture(scope="module", autouse=True)
def one_ray():
    """Start Ray once, for all tests."""
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    ray.init(
        address="local", num_cpus=2, include_dashboard=False, object_store_memory=100 * 2**20,
        log_to_driver=False, logging_level="ERROR",
        runtime_env={"env_vars": {"PYTHONPATH": os.pathsep.join(sys.path)}},
    )  # fmt: skip
    yield
    ray.shutdown()


def test_the_same_as_in_one_process(tmp_path):
    folder = tmp_path / "in"
    save_arrays(folder, 20)
    (folder / "junk.npy").write_bytes(b"junk")
    result = invert_corpus(folder, tmp_path / "ray", batch=3, workers=2, **ON_RAY)
    assert (result.done, result.failed) == (20, 1)
    invert_corpus(folder, tmp_path / "loop", **RUN)
    assert same(waves(tmp_path / "ray"), waves(tmp_path / "loop"))
    assert verify_corpus(tmp_path / "ray", closely=True).count == 0
    on_ray, in_loop = manifest(tmp_path / "ray"), manifest(tmp_path / "loop")
    for row in (*on_ray.values(), *in_loop.values()):
        row.pop("seconds")
    assert on_ray == in_loop
    # either goes on with what the other has done
    assert invert_corpus(folder, tmp_path / "loop", **ON_RAY).finished_before == 21
    assert ray.is_initialized()  # as it was not started by the run


@pytest.mark.slow
def test_an_item_that_kills_its_worker(tmp_path):
    """It alone fails, and neither the run nor the batch that it is in."""
    folder = tmp_path / "in"
    arrays = save_arrays(folder, 8)
    np.save(folder / "killer.npy", spectrogram(0, 77))

    def deadly(spec):
        if spec.shape[-1] == 77:
            os.kill(os.getpid(), signal.SIGKILL)
        return Magnitude(spec)

    result = invert_corpus(folder, tmp_path / "out", constraint=deadly, batch=5, **ON_RAY)
    assert (result.done, result.failed) == (len(arrays), 1)
    assert "the process died 3 times" in manifest(tmp_path / "out")["killer"]["error"]
    assert verify_corpus(tmp_path / "out", closely=True).count == 0
    assert not list((tmp_path / "out" / "_corpus" / "attempts").iterdir())


def test_a_disk_that_is_full(tmp_path):
    """It is the end of the run, without a traceback of Ray's, and the next one continues."""
    folder, output = tmp_path / "in", tmp_path / "out"
    save_arrays(folder, 6)

    def small_disk(spec):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        return Magnitude(spec)

    limit = 300  # bytes
    run = {**ON_RAY, "constraint": small_disk, "workers": 1}
    with pytest.raises(WriteError, match="cannot be written"):
        invert_corpus(folder, output, batch=2, **run)
    assert not waves(output)
    limit = resource.RLIM_INFINITY
    assert invert_corpus(folder, output, **run).done == 6
    assert len(waves(output)) == 6
    assert verify_corpus(output, closely=True).count == 0


def test_versions_are_checked():
    ray_data._check_version("2.50.1")
    with pytest.raises(SpecInvError, match=r"ray 2.9.0 is older than 2.50"):
        ray_data._check_version("2.9.0")
