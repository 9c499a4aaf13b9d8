"""Parts of files over HTTP (RFC 9110, 14): what is asked for, and what came. No network here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from connectors.answers import retry_after_s
from connectors.errors import ConnectorError, NotFound, RateLimited, Rejected, Unavailable

WHOLE, PART, BEHIND_THE_END = 200, 206, 416
# Signed addresses that are over: object stores answer 400 and 403 as well.
_GONE = frozenset({400, 401, 403, 404, 410})


@dataclass(frozen=True)
class Part:
    """Bytes of a file, and how many it has, where the server says so."""

    data: bytes = field(repr=False)
    total: int | None


@dataclass(frozen=True)
class Wanted:
    """At most `most` bytes from `start` on."""

    start: int
    most: int

    @property
    def headers(self) -> Mapping[str, str]:
        # Packed bytes would be counted otherwise than those of the file.
        return {"Range": f"bytes={self.start}-{self.start + self.most - 1}", "Accept-Encoding": "identity"}

    def out_of(self, chunks: Iterable[bytes], status: int) -> Iterator[bytes]:
        """Those bytes out of an answer's; of a whole file what comes before them is dropped."""
        skip, left = self.start if status == WHOLE else 0, self.most
        for chunk in chunks:
            kept = chunk[skip : skip + left]
            skip = max(0, skip - len(chunk))
            left -= len(kept)
            if kept:
                yield kept
            if left <= 0:
                return


def part_error_for(status: int, headers: Mapping[str, str], start: int) -> ConnectorError | None:
    """The error that the answer to such a question stands for, or None."""
    if status == 429:
        return RateLimited(retry_after_s=retry_after_s(headers))
    if status in _GONE:
        return NotFound("the file is no longer there", status=status)
    if status >= 500:
        return Unavailable(f"status {status}", status=status)
    if status == PART and _numbers(headers)[0] not in {None, start}:
        return Unavailable("another part of the file came than was asked for", status=status)
    if status not in {WHOLE, PART, BEHIND_THE_END}:
        return Rejected(f"the file is not handed out: status {status}", status=status, code=f"http_{status}")
    return None


def part_of(status: int, headers: Mapping[str, str], data: bytes) -> Part:
    """What came."""
    if status == WHOLE:
        length = headers.get("Content-Length", "")
        return Part(data, int(length) if length.isdigit() and not headers.get("Content-Encoding") else None)
    return Part(data if status == PART else b"", _numbers(headers)[1])


def _numbers(headers: Mapping[str, str]) -> tuple[int | None, int | None]:
    """Where the part begins and how long the file is: ``bytes 0-9/100``, ``bytes */100``, ``bytes 0-9/*``."""
    found = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", headers.get("Content-Range", "").strip())
    if not found:
        return None, None
    start, total = found.groups()
    return (int(start) if start else None), (int(total) if total != "*" else None)
