"""Find stores, and tell our own media from the merchant's."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import QuerySet

from apps.lib.crypto import EncryptedJSONField
from apps.stores.models import Store, StoreState, WrittenMedia

# Every file we write is called so; it is how media is recognised where the platform gives ids only afterwards.
STEM_PREFIX = "vitrine-"
# Originals that had to be uploaded again: the merchant's pictures, not ours.
ORIGINAL_PREFIX = f"{STEM_PREFIX}original-"


class Caller(NamedTuple):
    """A store as far as its webhooks need it. `sealed`: the secret as its row holds it."""

    pk: int
    platform: str
    hook_secret: Any
    last_delivery_at: dt.datetime | None
    sealed: Any


_BY_TOKEN = f"""
SELECT id, platform, hook_secret, last_delivery_at FROM {Store._meta.db_table}
WHERE hook_token = %s AND state <> '{StoreState.DISCONNECTED.value}'
"""  # noqa: S608 - only our own names are formatted in


def by_token(token: str) -> Caller | None:
    """The store a webhook address belongs to, unless it was disconnected.

    The statement is written out: to build it anew took longer than all else that a delivery needs.
    """
    return _caller(_BY_TOKEN, [token])


_BY_SHOP = f"""
SELECT id, platform, hook_secret, last_delivery_at FROM {Store._meta.db_table}
WHERE platform = %s AND shop = %s AND state <> '{StoreState.DISCONNECTED.value}'
"""  # noqa: S608 - only our own names are formatted in


def by_shop(platform: str, shop: str) -> Caller | None:
    """The store that its platform calls so, unless it was disconnected."""
    return _caller(_BY_SHOP, [platform, shop])


def _caller(sql: str, values: list[str]) -> Caller | None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        row = cursor.fetchone()
    if row is None:
        return None
    pk, platform, sealed, last_delivery_at = row
    return Caller(pk, platform, EncryptedJSONField().from_db_value(sealed), last_delivery_at, sealed)


def of_shop(platform: str, shop: str) -> Store | None:
    """The store that its platform calls so, connected or not."""
    return Store.objects.select_related("workspace").filter(platform=platform, shop=shop).first()


def of_workspace(workspace: int) -> QuerySet[Store]:
    return Store.objects.filter(workspace=workspace).order_by("name", "pk")


def active() -> QuerySet[Store]:
    return Store.objects.filter(state=StoreState.CONNECTED)


# What is ours in a file name: readable words, the publication, the beginning of its bytes' hash.
_OUR_NAME = re.compile(r"([^/]*-v\d+-[0-9a-f]{10})(?![0-9a-f])[^/]*$")


def ours(store: int, media_ids: Iterable[str]) -> set[str]:
    """Those of `media_ids` that we wrote."""
    return set(
        WrittenMedia.objects.filter(store=store, media_id__in=list(media_ids)).values_list(
            "media_id", flat=True
        )
    )


def ours_by_name(store: int, files: Mapping[str, str]) -> dict[str, WrittenMedia]:
    """Of these media ids → addresses, those that bear the name of a file that we wrote.

    A write that was given up on may have been carried out after all: then a second file of ours stands in the product,
    under an id that we never heard of.
    """
    named = {media: found[1].lower() for media, src in files.items() if (found := _OUR_NAME.search(src))}
    if not named:
        return {}
    written = WrittenMedia.objects.filter(store=store, stem__in=set(named.values()))
    by_stem = {row.stem: row for row in written}
    return {media: by_stem[stem] for media, stem in named.items() if stem in by_stem}


def put_back(store: int, publications: Iterable[int]) -> dict[str, int]:
    """Originals of these publications that we had to upload again: media id → publication."""
    known = WrittenMedia.objects.filter(
        store=store, publication__in=list(publications), photo=None, stem__startswith=ORIGINAL_PREFIX
    )
    return {
        media: publication
        for media, publication in known.values_list("media_id", "publication")
        if publication
    }
