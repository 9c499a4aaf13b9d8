"""Cut-outs that are kept for other recipes of the same photo: how they are written, exact to the bit, and where."""

from __future__ import annotations

import json
import logging
import zlib

import numpy as np

from gpu_worker import errors
from gpu_worker.contract import KeptMatte
from gpu_worker.engines.base import Alpha, Matte
from gpu_worker.storage import Storage

log = logging.getLogger("gpu_worker")

MAGIC = b"matte 1\n"
# Most of a matte is exactly 0 or 1, which a byte tells; the other pixels' floats follow one after the other.
OUT, BETWEEN, IN = 0, 1, 2
ONE = np.float32(1).view(np.uint32)
QUICKLY = 1
HEADER_MOST_BYTES = 65_536


def packed(matte: Matte) -> bytes:
    """The matte as bytes, without any loss; a checksum goes over all of it."""
    alpha = np.ascontiguousarray(matte.alpha, np.float32)
    bits = alpha.view(np.uint32)
    kinds = np.full(alpha.shape, BETWEEN, np.uint8)
    kinds[bits == 0], kinds[bits == ONE] = OUT, IN
    notes = {name: float(value) for name, value in matte.notes.items()}
    told = {"shape": alpha.shape, "confidence": float(matte.confidence), "notes": notes}
    between = alpha[kinds == BETWEEN].astype("<f4")
    whole = b"".join((json.dumps(told).encode(), b"\n", kinds.tobytes(), between.tobytes()))
    return MAGIC + zlib.compress(whole, QUICKLY)


def unpacked(data: bytes, shape: tuple[int, ...]) -> Matte:
    """The matte of a photo of that shape (H × W). Raises ValueError for anything else, or where a byte is wrong."""
    if not data.startswith(MAGIC):
        raise ValueError("no matte")
    pixels = shape[0] * shape[1]
    reader = zlib.decompressobj()
    try:
        whole = reader.decompress(data[len(MAGIC) :], HEADER_MOST_BYTES + 5 * pixels)
    except zlib.error as error:
        raise ValueError("a spoilt matte") from error
    head, found, rest = whole.partition(b"\n")
    if not reader.eof or not found:
        raise ValueError("a matte that is cut off or too large")
    told = json.loads(head)
    kinds = np.frombuffer(rest[:pixels], np.uint8)
    between = np.frombuffer(rest[pixels:], "<f4") if (len(rest) - pixels) % 4 == 0 else np.zeros(0)
    if tuple(told["shape"]) != tuple(shape) or np.count_nonzero(kinds == BETWEEN) != len(between):
        raise ValueError("the matte of another photo")
    alpha: Alpha = (kinds == IN).astype(np.float32)
    alpha[kinds == BETWEEN] = between
    return Matte(alpha.reshape(shape), told["confidence"], told["notes"])


class Shelf:
    """The place in the storage that one job was given for mattes. What it can't read or write costs time only.

    `used` says afterwards what lay there or was put there.
    """

    def __init__(self, storage: Storage, place: str) -> None:
        self._storage, self._place = storage, place.rstrip("/")
        self.used: KeptMatte | None = None
        self.bytes_in = self.bytes_out = 0

    def recall(self, name: str, shape: tuple[int, ...]) -> Matte | None:
        """See stages.base.Mattes."""
        key = f"{self._place}/{name}"
        try:
            data = self._storage.get(key)
            found = unpacked(data, shape)
        except errors.MissingInput:
            return None
        except (errors.WorkerError, ValueError, KeyError, TypeError) as error:
            log.warning("a kept cut-out could not be used and is made again: %s", error)
            return None
        self.bytes_in += len(data)
        self.used = KeptMatte(key, len(data), reused=True)
        return found

    def keep(self, name: str, matte: Matte) -> None:
        """See stages.base.Mattes."""
        key, data = f"{self._place}/{name}", packed(matte)
        try:
            self._storage.put(key, data)
        except errors.WorkerError as error:
            log.warning("a cut-out could not be kept: %s", error)
            return
        self.bytes_out += len(data)
        self.used = KeptMatte(key, len(data), reused=False)
