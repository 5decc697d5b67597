"""Ogg files that are the same for the same sound.

Each page holds a number that tells streams apart, which libsndfile draws from the clock, and a
checksum over the page. Here the number is set to 1, and the checksum made anew.
"""

from __future__ import annotations

import zlib
from typing import BinaryIO

_HEADER = 27
_SERIAL, _CHECKSUM = slice(14, 18), slice(22, 26)
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def set_serial_number(file: BinaryIO, number: int = 1) -> None:
    """Set the number of the only stream in a file, which is open for reading and writing."""
    begin = file.seek(0)
    while len(header := bytearray(file.read(_HEADER))) == _HEADER and header.startswith(b"OggS"):
        lengths = file.read(header[-1])
        body = file.read(sum(lengths))
        header[_SERIAL] = number.to_bytes(4, "little")
        header[_CHECKSUM] = bytes(4)
        header[_CHECKSUM] = checksum(bytes(header) + lengths + body).to_bytes(4, "little")
        end = file.tell()
        file.seek(begin)
        file.write(header)
        begin = file.seek(end)


def checksum(content: bytes) -> int:
    r"""Return Ogg's CRC: of the polynomial 0x04c11db7, the highest bit first, beginning with 0.

    That of zlib has the same polynomial and the lowest bit first, and inverts before and after.
    """
    mirrored = zlib.crc32(content.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)
