"""Folders that only the right account may enter, and socket paths that fit. Opens up no older folder."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from apps.config.servers.process import Account, ServerError

# sun_path holds 108 bytes with its closing zero; the longest name we put into the folder is PostgreSQL's.
SOCKET_PATH_MAX_BYTES = 107
LONGEST_SOCKET_NAME = "/.s.PGSQL.5432"
# Other letters would have to be quoted differently in a server option, a URL and a connection string.
PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-")


def digest(text: str) -> str:
    """Ten hex digits that name a path or a script."""
    return sha256(text.encode()).hexdigest()[:10]


def holds_sockets(folder: Path) -> bool:
    """Whether sockets in this folder stay under the kernel's limit and need no quoting anywhere."""
    text = str(folder)
    return PLAIN.issuperset(text) and len((text + LONGEST_SOCKET_NAME).encode()) <= SOCKET_PATH_MAX_BYTES


def make_root(root: Path) -> None:
    """Make the data root and its missing parents; as root, `nobody` may walk through but not list them."""
    missing = [folder for folder in (root, *root.parents) if not folder.exists()]
    mode = 0o711 if os.geteuid() == 0 else 0o700
    for folder in reversed(missing):
        with suppress(FileExistsError):
            folder.mkdir()
            folder.chmod(mode)  # mkdir's own mode is cut by the umask


def check_reachable(root: Path, account: Account | None) -> None:
    """As root the servers run as `nobody`, who must be able to walk to the data root.

    Raises:
        ServerError: naming the folder that is shut; we open none for that.
    """
    if account is None:
        return
    for folder in (root, *root.parents):
        if not folder.stat().st_mode & stat.S_IXOTH:
            raise ServerError(
                f"As root the servers run as 'nobody', who may not enter {folder}. Set VITRINE_DATA to a "
                "folder outside it, such as /var/lib/vitrine/mine, or start Vitrine as an ordinary user."
            )


def make_private(folder: Path, account: Account | None) -> None:
    """Make a folder that only the servers' account may enter.

    Raises:
        ServerError: somebody else put something there.
    """
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if stat.S_ISDIR(found.st_mode) and account and found.st_uid == os.geteuid():
        os.chown(folder, account.uid, account.gid)  # ours, made just now or before a crash
        found = folder.lstat()
    owner = account.uid if account else os.geteuid()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
        raise ServerError(
            f"{folder} must be a folder of user id {owner} with mode 0700, and is not: "
            "somebody else made it. Remove it, or set VITRINE_DATA to another place."
        )
