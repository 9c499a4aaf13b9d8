"""The keys of an installation in a backup: not at all, wrapped with a passphrase, or plain.

FIELD_KEYS open the stores' credentials in the database. Whoever has backup and keys together can act in the stores,
so by default they are left out and kept elsewhere. Wrapped they are as safe as the passphrase: scrypt (RFC 7914,
N = 2^16, r = 8, p = 1: 64 MiB and about 0.2 s for each guess), then Fernet.
"""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from django.conf import settings

from apps.lib.errors import BadRequest

NONE, WRAPPED, PLAIN = "none", "wrapped", "plain"
_N, _R, _P = 2**16, 8, 1
MIN_PASSPHRASE = 12


def packed(how: str, passphrase: str = "") -> bytes:
    """What stands in the backup. Raises BadRequest for a passphrase that is too short."""
    words = {"SECRET_KEY": settings.SECRET_KEY, "FIELD_KEYS": list(settings.FIELD_KEYS)}
    if how == PLAIN:
        return json.dumps({"how": PLAIN, "keys": words}).encode()
    if len(passphrase) < MIN_PASSPHRASE:
        raise BadRequest(f"A passphrase has at least {MIN_PASSPHRASE} characters.")
    salt = os.urandom(16)
    box = _box(passphrase, salt, _N).encrypt(json.dumps(words).encode())
    told = {"how": WRAPPED, "kdf": "scrypt", "n": _N, "salt": base64.b64encode(salt).decode()}
    return json.dumps({**told, "box": box.decode()}).encode()


def unpacked(data: bytes, passphrase: str = "") -> dict[str, Any]:
    """SECRET_KEY and FIELD_KEYS. Raises BadRequest where the passphrase does not open them."""
    told = json.loads(data)
    if told["how"] == PLAIN:
        return dict(told["keys"])
    if not 2**14 <= told["n"] <= 2**20:
        raise BadRequest("The keys in this backup are wrapped in a way that this release does not know.")
    try:
        opened = _box(passphrase, base64.b64decode(told["salt"]), told["n"]).decrypt(told["box"].encode())
    except InvalidToken as error:
        raise BadRequest("This passphrase does not open the keys in the backup.") from error
    return dict(json.loads(opened))


def install(words: dict[str, Any], file: Path) -> None:
    """Write keys where an embedded installation looks for them: the backup's first, those that were there behind."""
    there = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    keys = list(dict.fromkeys([*words["FIELD_KEYS"], *there.get("FIELD_KEYS", [])]))
    write_private(file, json.dumps({"SECRET_KEY": words["SECRET_KEY"], "FIELD_KEYS": keys}))


def write_private(file: Path, text: str) -> None:
    """A file that only its owner reads, whole or not at all."""
    fresh = file.with_name(f".{file.name}.{os.urandom(4).hex()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
    fresh.replace(file)


def _box(passphrase: str, salt: bytes, n: int) -> Fernet:
    key = Scrypt(salt=salt, length=32, n=n, r=_R, p=_P).derive(passphrase.encode())
    return Fernet(base64.urlsafe_b64encode(key))
