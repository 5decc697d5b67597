"""A corpus on a cluster of two nodes, one of which dies."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import os, sys, threading, time
from pathlib import Path
import ray
from ray.cluster_utils import Cluster
from tests.corpus_cases import RUN, same, save_arrays, waves
from torch_specinv.corpus import invert_corpus, verify_corpus

folder = Path(sys.argv[1])
save_arrays(folder / "in", 40)
memory = 100 * 2**20
head = {"num_cpus": 1, "object_store_memory": memory, "include_dashboard": False}
cluster = Cluster(initialize_head=True, head_node_args=head)
node = cluster.add_node(num_cpus=1, object_store_memory=memory)
ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
cluster.wait_for_nodes()
assert ray.cluster_resources()["CPU"] == 2
journal = folder / "out" / "_corpus" / "rows-1-of-1.jsonl"

def die_midway():
    while not (journal.exists() and journal.read_bytes().count(b"\\n") >= 6):
        time.sleep(0.02)
    cluster.remove_node(node, allow_graceful=False)
    print("one node is gone", flush=True)

thread = threading.Thread(target=die_midway)
thread.start()
run = {**RUN, "engine": "ray", "max_iter": 2000, "algorithm": "griffin_lim", "tol": 0, "batch": 2}
result = invert_corpus(folder / "in", folder / "out", **run)
thread.join()
assert (result.done, result.failed) == (40, 0), result
assert verify_corpus(folder / "out", closely=True).count == 0
keys = [line.split(b'"')[3] for line in journal.read_bytes().splitlines()]
assert len(set(keys)) == len(keys) == 40
for _ in range(600):  # it takes a while until it is noticed
    alive = [node for node in ray.nodes() if node["Alive"]]
    if len(alive) == 1:
        break
    time.sleep(0.1)
assert len(alive) == 1
print("complete")
ray.shutdown()
cluster.shutdown()
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="Ray has clusters of one machine on Linux")
def test_a_node_that_dies(tmp_path):
    environment = {
        **os.environ, "RAY_BACKEND_LOG_LEVEL": "fatal",
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path]),
    }  # fmt: skip
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        capture_output=True, text=True, check=False, timeout=500, env=environment,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert "one node is gone" in run.stdout
    assert "complete" in run.stdout.splitlines()  # what Ray logs may come after it
