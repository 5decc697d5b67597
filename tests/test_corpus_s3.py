"""Corpora in object stores: S3, as moto's server plays it, and file systems of fsspec."""

from __future__ import annotations

import io
import json
import signal
import sys
import threading
import time
from pathlib import Path

import fsspec
import numpy as np
import pytest
import soundfile
from moto.server import ThreadedMotoServer
from pyarrow import fs

from tests.corpus_cases import RUN, same, save_arrays, waves
from torch_specinv import SpecInvError
from torch_specinv.corpus import arrow_files, claim, invert_corpus, journal, verify_corpus
from torch_specinv.corpus.arrow_files import ArrowFiles
from torch_specinv.corpus.filing import LocalFiles, locate
from torch_specinv.corpus.journal import all_rows, open_journal

pytestmark = [
    pytest.mark.filterwarnings("ignore:::(moto|botocore|boto3|werkzeug|flask)"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of botocore, by its clock
]


@pytest.fixture(scope="module")
def server():
    """Return the end of URIs of an S3 on this machine."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield f"scheme=http&endpoint_override={host}:{port}&region=us-east-1"
    server.stop()


@pytest.fixture
def bucket(server, request):
    """Make a bucket, and return it and the end of its URIs."""
    name = "".join(c if c.isalnum() else "-" for c in request.node.name.lower())[:60].strip("-")
    system, _ = fs.FileSystem.from_uri(f"s3://{name}?{server}&allow_bucket_creation=true")
    system.create_dir(name)
    return name, server, system


def heard(system, folder):
    """Return the samples of all files by key."""
    found = {}
    for info in system.get_file_info(fs.FileSelector(folder, recursive=True)):
        if info.path.endswith(".wav"):
            content = system.open_input_stream(info.path).read()
            samples = soundfile.read(io.BytesIO(content), dtype="float32")[0]
            found[info.path.removeprefix(f"{folder}/").removesuffix(".wav")] = samples
    return found


def test_from_s3_to_s3(bucket, tmp_path):
    name, end, system = bucket
    arrays = save_arrays(tmp_path / "in", 5)
    (tmp_path / "in" / "junk.npy").write_bytes(b"junk")
    fs.copy_files(str(tmp_path / "in"), f"{name}/mels", destination_filesystem=system)
    inputs, output = f"s3://{name}/mels?{end}", f"s3://{name}/out?{end}"
    result = invert_corpus(inputs, output, limit=2, **RUN)
    assert (result.done, result.failed) == (1, 1)
    result = invert_corpus(inputs, output, **RUN)
    assert (result.done, result.failed, result.finished_before) == (4, 0, 2)
    invert_corpus(tmp_path / "in", tmp_path / "local", **RUN)
    assert same(heard(system, f"{name}/out"), waves(tmp_path / "local"))
    assert heard(system, f"{name}/out").keys() == arrays.keys()
    assert verify_corpus(output, closely=True).count == 0
    system.delete_file(f"{name}/out/{next(iter(arrays))}.wav")
    assert "is missing" in verify_corpus(output).problems[0]
    with pytest.raises(SpecInvError, match="other settings"):
        invert_corpus(inputs, output, **{**RUN, "max_iter": 3})
    again = invert_corpus(inputs, output, recompute=True, **RUN)
    assert (again.done, verify_corpus(output, closely=True).count) == (5, 0)


def test_shards_in_s3(bucket, tmp_path):
    name, end, _ = bucket
    save_arrays(tmp_path / "in", 5)
    output = f"s3://{name}/shards?{end}"
    result = invert_corpus(tmp_path / "in", output, format="tar", batch=2, **RUN)
    assert result.done == 5
    assert verify_corpus(output).count == 0
    # shards are an input as well: their waveforms are inverted again
    back = invert_corpus(output, tmp_path / "back", n_fft=64, **{**RUN, "sr": None})
    assert (back.done, back.failed) == (5, 0)


def test_two_runs_in_s3(bucket, tmp_path, monkeypatch):
    name, end, _ = bucket
    save_arrays(tmp_path / "in", 2)
    output = f"s3://{name}/out?{end}"
    files, folder = locate(output)
    other = open_journal(files, folder, (1, 1))
    with pytest.raises(SpecInvError, match="another run"):
        invert_corpus(tmp_path / "in", output, **RUN)
    # one that says nothing any more was killed
    other.add([{"key": "early", "status": "done"}])
    monkeypatch.setattr(journal, "_PERIOD", 0)
    with monkeypatch.context() as patch:
        patch.setattr(claim, "_ALIVE", -1)
        second = open_journal(files, folder, (1, 1))
    second.add([{"key": "second", "status": "done"}])
    other.add([{"key": "late", "status": "done"}])
    # its claim is that of the second run now
    other.close()
    with pytest.raises(SpecInvError, match="another run"):
        open_journal(files, folder, (1, 1))
    second.add([{"key": "last", "status": "done"}])
    second.close()
    assert invert_corpus(tmp_path / "in", output, **RUN).done == 2
    rows = {row["key"]: row["run"] for row in all_rows(files, folder)}
    own = dict.fromkeys(["speaker 0/clip0000", "speaker 1/clip0001"], 2)
    assert rows == {"early": 1, "late": 1, "second": 1, "last": 1, **own}


def test_a_run_says_that_it_is_alive_during_a_long_batch(bucket, monkeypatch):
    name, end, _ = bucket
    files, folder = locate(f"s3://{name}/out?{end}")
    monkeypatch.setattr(claim, "_PERIOD", 0.02)
    path = f"{folder}/_corpus/claim-1-of-1.json"
    held = open_journal(files, folder, (1, 1))
    said = [json.loads(files.read(path))["time"]]
    end = time.monotonic() + 30
    while len(set(said)) < 3 and time.monotonic() < end:
        said.append(json.loads(files.read(path))["time"])
    assert len(set(said)) >= 3
    with pytest.raises(SpecInvError, match="another run"):
        open_journal(files, folder, (1, 1))
    held.close()
    assert files.find(path) is None
    open_journal(files, folder, (1, 1)).close()


def test_journals_of_objects(bucket, monkeypatch):
    name, end, _ = bucket
    files, folder = locate(f"s3://{name}/out?{end}")
    monkeypatch.setattr(journal, "_PERIOD", 0)
    for number in range(2):
        held = open_journal(files, folder, (1, 1))
        held.add([{"key": f"{number}", "status": "done"}])
        held.add([{"key": f"{number}x", "status": "done"}])
        held.close()
    assert [row["key"] for row in all_rows(files, folder)] == ["0", "0x", "1", "1x"]
    held = open_journal(files, folder, (1, 1))
    held.forget()
    held.close()
    assert list(all_rows(files, folder)) == []


@pytest.mark.skipif(sys.platform == "win32", reason="it has no signals to threads")
def test_an_interrupt_during_an_upload(bucket, monkeypatch):
    """It comes when the object is there, and whole."""
    name, _, system = bucket
    files, main = ArrowFiles(system), threading.main_thread().ident

    class Interrupting(io.BufferedReader):
        def read(self, size=-1):
            if self.tell() == 2**20:
                signal.pthread_kill(main, signal.SIGINT)
            return super().read(size)

    def deliver(target):
        target.write_bytes(bytes(3 * 2**20))

    def measured(path):
        patch.setattr(Path, "open", lambda self, _: Interrupting(io.FileIO(self)))
        return arrow_files.Written(0, "")

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(arrow_files, "measured", measured)
            files.deliver(f"{name}/object", deliver)
    finally:
        signal.signal(signal.SIGINT, before)
    assert files.read(f"{name}/object") == bytes(3 * 2**20)


def test_file_systems_of_fsspec(tmp_path):
    memory = fsspec.filesystem("memory")
    arrays = save_arrays(tmp_path / "in", 3)
    for key, array in arrays.items():
        file = io.BytesIO()
        np.save(file, array)
        memory.pipe(f"/corpus/{key}.npy", file.getvalue())
    keywords = {"filesystem": memory, "output_filesystem": memory}
    result = invert_corpus("/corpus", "/made", **keywords, **RUN)
    assert (result.done, result.failed) == (3, 0)
    invert_corpus(tmp_path / "in", tmp_path / "local", **RUN)
    system = fs.PyFileSystem(fs.FSSpecHandler(memory))
    assert same(heard(system, "/made"), waves(tmp_path / "local"))
    assert invert_corpus("/corpus", "/made", **keywords, **RUN).finished_before == 3
    assert verify_corpus("/made", output_filesystem=memory).count == 0


def test_where_files_are(tmp_path):
    assert isinstance(locate(tmp_path)[0], LocalFiles)
    files, path = locate(f"file://{tmp_path}/a")
    assert (type(files), path) == (LocalFiles, f"{tmp_path}/a")
    assert isinstance(locate("s3://bucket/x?region=us-east-1")[0], ArrowFiles)
    with pytest.raises(SpecInvError, match=r"output='nothing://x' cannot be reached"):
        locate("nothing://x", name="output")
    with pytest.raises(SpecInvError, match="output=3"):
        locate(3, name="output")
