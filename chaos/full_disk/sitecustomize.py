"""Put on PYTHONPATH of the house: while the file that CHAOS_DISK_FULL names is there, no file can be brought to disk.

That is how a full disk or a used-up quota often shows: writing works, bringing to disk fails. It needs no root and no
mount, leaves nothing behind, and the product's code knows nothing of it.
"""

import errno
import os

_FLAG = os.environ.get("CHAOS_DISK_FULL", "")
_fsync = os.fsync


def _full(descriptor: int) -> None:
    if os.path.exists(_FLAG):  # noqa: PTH110 - in every process at start, so nothing is imported for it
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    _fsync(descriptor)


if _FLAG:
    os.fsync = _full  # type: ignore[assignment]
