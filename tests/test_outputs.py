"""What is written: checked before any work, there whole or not at all, the same every time."""

from __future__ import annotations

import errno
import io
import os
import zlib

import numpy as np
import pytest
import soundfile
import torch

from torch_specinv import SpecInvError
from torch_specinv.io import (
    WriteError,
    atomic,
    beside,
    check_output,
    check_outputs,
    open_locked,
    outputs,
    read_audio,
    write_audio,
    write_audio_files,
    write_blocks,
)
from torch_specinv.io.ogg import checksum

WAVE = 0.1 * torch.randn(2, 3000, generator=torch.Generator().manual_seed(0))


def left(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("name", "sr", "channels", "message"),
    [
        ("a.ogg", 8000, 256, "256 channels, but .ogg holds 1 to 255. Try .wav"),  # a crash
        ("a.ogg", 200_001, 1, "sr=200001: .ogg holds .* at most 192000 Hz"),  # a crash
        ("a.flac", 8000, 9, "holds 1 to 8"),
        ("a.flac", 655_360, 1, "at most 655350"),
        ("a.flac", 65_537, 1, "multiples of 10"),
        ("a.wav", 8000, 1025, "1025 channels, but .wav holds 1 to 1024.$"),
        ("a.wav", 2**31, 1, "sr=2147483648"),
    ],
)
def test_limits_of_formats(tmp_path, name, sr, channels, message):
    """They come with the check before any work, and again with what is really written."""
    path = tmp_path / name
    with pytest.raises(SpecInvError, match=message):
        check_output(path, force=False, sr=sr, channels=channels)
    with pytest.raises(SpecInvError, match=message):
        write_audio(path, torch.zeros(channels, 4), sr)
    with pytest.raises(SpecInvError, match=message):
        write_blocks(path, [np.zeros((4, channels), np.float32)], sr, channels, force=False)
    assert not left(tmp_path)


@pytest.mark.parametrize(
    ("name", "sr", "channels"),
    [
        ("a.ogg", 192_000, 1), ("a.ogg", 8000, 255), ("a.flac", 655_350, 1), ("a.flac", 8000, 8),
        ("a.flac", 65_535, 1), ("a.wav", 2**31 - 1, 1), ("a.wav", 8000, 1024),
    ],
)  # fmt: skip
def test_limits_are_not_too_strict(tmp_path, name, sr, channels):
    write_audio(tmp_path / name, torch.zeros(channels, 64), sr)
    found = soundfile.info(tmp_path / name)
    assert (found.samplerate, found.channels, found.frames) == (sr, channels, 64)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg"])
def test_two_runs_give_the_same_bytes(tmp_path, suffix):
    """Where libsndfile writes the time in seconds, or draws numbers from it in microseconds."""
    for name in "ab":
        write_audio(tmp_path / f"{name}{suffix}", WAVE, 8000)
    first, second = ((tmp_path / f"{name}{suffix}").read_bytes() for name in "ab")
    assert first == second
    assert b"PEAK" not in first  # which holds the time


def test_the_number_of_a_stream_changes_no_sample(tmp_path):
    write_audio(tmp_path / "a.ogg", WAVE, 8000)
    plain = io.BytesIO()
    soundfile.write(plain, WAVE.T.numpy(), 8000, format="OGG", subtype="VORBIS")
    plain.seek(0)
    assert np.array_equal(soundfile.read(tmp_path / "a.ogg")[0], soundfile.read(plain)[0])


def test_checksum_of_ogg():
    """Bit by bit, as its specification says."""
    content = bytes(range(256)) + b"OggS"
    register = 0
    for byte in content:
        register ^= byte << 24
        for _ in range(8):
            register = (register << 1) ^ (0x04C11DB7 if register >> 31 else 0)
            register &= 0xFFFFFFFF
    assert checksum(content) == register != zlib.crc32(content)


@pytest.mark.parametrize("suffix", [".flac", ".ogg"])
def test_a_disk_that_is_full_without_a_word(tmp_path, monkeypatch, suffix):
    """libsndfile's encoders do not notice; so the file is read again."""
    leave = soundfile.SoundFile.__exit__

    def leave_half(file, *arguments):
        leave(file, *arguments)
        if "w" in file.mode:
            os.truncate(file.name, os.stat(file.name).st_size // 2)  # noqa: PTH116

    monkeypatch.setattr(soundfile.SoundFile, "__exit__", leave_half)
    wave = 0.1 * torch.randn(30_000, generator=torch.Generator().manual_seed(0))
    with pytest.raises(WriteError, match="is the disk full"):
        write_audio(tmp_path / f"a{suffix}", wave, 8000)
    assert not left(tmp_path)


def test_links(tmp_path):
    """Written through, whether what they lead to is there or not; a circle is told early."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "a.wav").symlink_to(tmp_path / "folder" / "b.wav")
    write_audio(tmp_path / "a.wav", WAVE, 8000)
    with pytest.raises(SpecInvError, match=r"a\.wav exists already"):
        check_output(tmp_path / "a.wav", force=False)
    write_audio(tmp_path / "a.wav", 2 * WAVE, 8000, force=True)
    assert (tmp_path / "a.wav").is_symlink()
    assert torch.equal(read_audio(tmp_path / "folder" / "b.wav")[0], 2 * WAVE)
    (tmp_path / "c.wav").symlink_to(tmp_path / "c.wav")
    with pytest.raises(SpecInvError, match="leads back to itself"):
        check_output(tmp_path / "c.wav", force=True)
    (tmp_path / "d.wav").symlink_to(tmp_path / "none" / "d.wav")
    with pytest.raises(SpecInvError, match=r"the folder .*none does not exist"):
        check_output(tmp_path / "d.wav", force=True)
    os.mkfifo(tmp_path / "e.wav")
    with pytest.raises(SpecInvError, match="is a pipe"):
        check_output(tmp_path / "e.wav", force=True)


def test_names(tmp_path):
    longest = tmp_path / f"{'x' * 251}.wav"
    write_audio(longest, WAVE, 8000)
    assert left(tmp_path) == [longest.name]
    for name, message in (("x" * 252 + ".wav", "a name of 256 bytes"), ("a\0.wav", "null byte")):
        with pytest.raises(SpecInvError, match=message):
            check_output(tmp_path / name, force=False)
    assert beside(tmp_path / "a.wav", ".writing").name == "a.wav.writing"
    assert beside(longest, ".writing") != beside(tmp_path / f"{'y' * 251}.wav", ".writing")


def test_the_next_run_removes_what_a_killed_one_left(tmp_path):
    path, temporary = tmp_path / "a.wav", tmp_path / "a.wav.writing"
    temporary.write_bytes(b"half")
    check_output(path, force=False)
    assert not left(tmp_path)
    # killed between having a name and losing the other: it is complete
    write_audio(path, WAVE, 8000)
    os.link(path, temporary)
    with pytest.raises(SpecInvError, match="exists already"):
        check_output(path, force=False)
    assert left(tmp_path) == ["a.wav"]


def test_files_of_one_call_are_taken_back_together(tmp_path):
    """Killed when two of three had their names: they are known by their other names."""
    paths = [tmp_path / f"{name}.wav" for name in "abc"]
    for path in paths:
        path.with_name(f"{path.name}.writing").write_bytes(b"complete")
    for path in paths[:2]:
        os.link(path.with_name(f"{path.name}.writing"), path)
    check_outputs(paths, force=False)
    assert not left(tmp_path)
    # what is somebody else's stays
    paths[0].write_bytes(b"theirs")
    paths[1].with_name("b.wav.writing").write_bytes(b"half")
    with pytest.raises(SpecInvError, match=r"a\.wav exists already"):
        check_outputs(paths, force=False)
    assert left(tmp_path) == ["a.wav"]


def test_an_error_at_the_last_name_takes_the_others_back(tmp_path, monkeypatch):
    paths = [tmp_path / f"{name}.wav" for name in "abc"]
    link = os.link

    def refuse(source, target):
        if target == paths[2]:
            raise OSError(errno.EIO, "Input/output error")
        link(source, target)

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(WriteError, match=r"c\.wav cannot be written: Input/output error"):
        write_audio_files(paths, [WAVE] * 3, 8000)
    assert not left(tmp_path)


def test_a_file_system_without_links(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    write_audio(tmp_path / "a.wav", WAVE, 8000)
    assert left(tmp_path) == ["a.wav"]
    with (
        pytest.raises(WriteError, match="another process"),
        atomic(tmp_path / "b.wav", force=False) as temporary,
    ):
        temporary.write_bytes(b"mine")
        (tmp_path / "b.wav").write_bytes(b"theirs")
    assert (tmp_path / "b.wav").read_bytes() == b"theirs"


def test_two_runs_write_one_file(tmp_path):
    path = tmp_path / "a.wav"
    with atomic(path, force=False) as temporary:
        temporary.write_bytes(b"mine")
        for write in (
            lambda: write_audio(path, WAVE, 8000),
            lambda: check_output(path, force=True),
        ):
            with pytest.raises(WriteError, match="is being written by another run"):
                write()
    assert path.read_bytes() == b"mine"
    assert left(tmp_path) == ["a.wav"]


def test_the_real_error_is_told(tmp_path, monkeypatch):
    """Cleaning up fails as well on a disk that became read only; that is not what matters."""
    path = tmp_path / "a.wav"

    def refuse(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    def run():
        with atomic(path, force=False):
            monkeypatch.setattr(type(path), "unlink", refuse)
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(WriteError, match=r"a\.wav cannot be written: No space left on device"):
        run()


def test_a_temporary_file_that_is_removed_meanwhile(tmp_path):
    for force in (False, True):
        with (
            pytest.raises(WriteError, match="removed or replaced by another program"),
            atomic(tmp_path / "a.wav", force=force) as temporary,
        ):
            temporary.unlink()
            temporary.write_bytes(b"of somebody else")
        assert left(tmp_path) == ["a.wav.writing"]
        temporary.unlink()


def test_a_lock_follows_the_name(tmp_path):
    """Who waited for a file that was removed meanwhile gets a new one."""
    path = tmp_path / "a"
    file = open_locked(path)
    assert open_locked(path) is None
    path.unlink()
    other = open_locked(path)
    assert other is not None
    assert outputs.names(path, other)
    assert not outputs.names(path, file)
    file.close()
    other.close()
