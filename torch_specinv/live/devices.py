"""The microphone and the loudspeaker, by the package sounddevice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext, suppress
from typing import Any, Self

import torch
from torch import Tensor

from ..errors import SpecInvError


def sounddevice() -> Any:
    """Return the package, or say how to install it."""
    try:
        import sounddevice as found  # pyright: ignore[reportMissingImports]
    except (ImportError, OSError) as error:  # without PortAudio it is an OSError
        raise SpecInvError(
            f"Microphone and loudspeaker need the package sounddevice and PortAudio ({error}): "
            "python -m pip install 'torch_specinv[live]'."
        ) from error
    return found


class Microphone:
    """Blocks of samples from an input device.

    Parameters
    ----------
    sr : int
        Sample rate in Hz.
    size : int
        Samples of a block.
    device : str, optional
        Its name, a part of it, or its number. Default: that of the system.

    Raises
    ------
    SpecInvError
        If there is no such device, or it lacks the sample rate.
    """

    def __init__(self, sr: int, size: int, device: str | None = None) -> None:
        self.size, self.overruns = size, 0
        package = sounddevice()
        self._errors = package.PortAudioError
        self._stream = _open(package, "input", sr, size, device)

    @property
    def seconds(self) -> float:
        """What the device says of its own latency."""
        return float(self._stream.latency)

    def blocks(self) -> Iterator[Tensor]:
        """Yield blocks (size,) until the device is gone, which is an OSError."""
        with self._stream:
            while True:
                try:
                    data, overrun = self._stream.read(self.size)
                except self._errors as error:
                    raise OSError(f"The microphone stopped: unplugged? ({error})") from error
                self.overruns += bool(overrun)
                yield torch.from_numpy(data[:, 0].copy())


class Loudspeaker:
    """An output device: samples are played one after the other, and silence where there are none.

    Parameters and errors are those of :class:`Microphone`.
    """

    def __init__(self, sr: int, size: int, device: str | None = None) -> None:
        self.underruns = 0
        package = sounddevice()
        self._errors = package.PortAudioError
        self._stream = _open(package, "output", sr, size, device)
        self._started = False

    @property
    def seconds(self) -> float:
        """What the device says of its own latency."""
        return float(self._stream.latency)

    def write(self, samples: Tensor) -> None:
        """Play samples (samples,); wait until there is room for them."""
        if not len(samples):
            return
        try:
            if not self._started:
                self._stream.start()
            underrun = self._stream.write(samples.clamp(-1, 1)[:, None].contiguous().numpy())
        except self._errors as error:
            raise OSError(f"The loudspeaker stopped: unplugged? ({error})") from error
        # before the first samples there was nothing to be played
        self.underruns += bool(underrun) and self._started
        self._started = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # no error on the way out hides the first one
        with suppress(Exception) if kind else nullcontext():
            self.close()

    def close(self) -> None:
        """Play what is left, and end."""
        if self._started:
            self._stream.stop()
        self._stream.close()


def _open(package: Any, way: str, sr: int, size: int, device: str | None) -> Any:
    """Open a stream of one channel of float32."""
    chosen = int(device) if device is not None and device.isdigit() else device
    settings = {"device": chosen, "channels": 1, "samplerate": sr, "dtype": "float32"}
    try:
        getattr(package, f"check_{way}_settings")(**settings)
        kind = package.InputStream if way == "input" else package.OutputStream
        return kind(blocksize=size, **settings)
    except (package.PortAudioError, ValueError) as error:
        name = "the default one" if device is None else repr(device)
        raise SpecInvError(
            f"The {way} device ({name}) can't be used at sr={sr}: {error}. python -m sounddevice "
            "lists the devices; --sr another rate?"
        ) from error
