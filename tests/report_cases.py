"""What a page of the listening report holds, and files of ratings."""

from __future__ import annotations

import io
import json
import re

import soundfile

SR = 16000


def data_of(page):
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    return json.loads(found[1])


def file_of(page, number):
    """Return the bytes of a file, of which each character holds 7 bits."""
    text = re.findall(r'<script type="text/plain" class="file">(.*?)</script>', page, re.S)[number]
    codes = [{0xA1: 0, 0xA2: 13, 0xA3: 60}.get(ord(letter), ord(letter)) for letter in text]
    bits = "".join(f"{code:07b}" for code in codes)
    return bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits) - 7, 8))


def decoded(page, number):
    wave, _ = soundfile.read(io.BytesIO(file_of(page, number)))
    return wave


def ratings_file(path, rows):
    lines = ["test,rater,clip,method,rating", *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path
