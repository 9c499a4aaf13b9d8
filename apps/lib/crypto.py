"""Secrets in the database are encrypted with FIELD_KEYS: the first key writes, all of them read (rotation)."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models


def _box() -> MultiFernet:
    if not settings.FIELD_KEYS:
        raise ImproperlyConfigured("FIELD_KEYS is empty. Run `manage.py newkey` and set it.")
    return _box_of(tuple(settings.FIELD_KEYS))


@lru_cache(maxsize=8)
def _box_of(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def encrypt(text: str) -> str:
    return _box().encrypt(text.encode()).decode()


def decrypt(sealed: str) -> str:
    """Raises ImproperlyConfigured when no key of FIELD_KEYS opens it."""
    try:
        return _box().decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise ImproperlyConfigured(
            "A stored secret can't be opened with FIELD_KEYS: a key is missing."
        ) from error


def renewed(sealed: str) -> str | None:
    """The same secret encrypted with the first key; None where no key opens it."""
    try:
        return _box().rotate(sealed.encode()).decode()
    except InvalidToken:
        return None


class EncryptedJSONField(models.TextField):
    """A JSON value that is ciphertext in the database and a plain value in Python. Can't be searched."""

    # For the type checker: what goes in and comes out is JSON, not text.
    _pyi_private_set_type: Any
    _pyi_private_get_type: Any

    def from_db_value(self, value: str | None, *_: Any) -> Any:
        return None if value is None else json.loads(decrypt(value))

    def get_prep_value(self, value: Any) -> str | None:
        return None if value is None else encrypt(json.dumps(value))

    def to_python(self, value: Any) -> Any:
        return value

    def value_to_string(self, obj: models.Model) -> str:
        raise TypeError("An encrypted field is not serialised.")
