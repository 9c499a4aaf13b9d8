"""Find stores, and tell our own media from the merchant's."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import QuerySet

from apps.stores.models import Store, StoreState, WrittenMedia

# Every file we write is called so; it is how media is recognised where the platform gives ids only afterwards.
STEM_PREFIX = "vitrine-"


def by_token(token: str) -> Store | None:
    """The store a webhook address belongs to, unless it was disconnected; read as far as a delivery needs it."""
    found = Store.objects.only("platform", "hook_secret", "last_delivery_at")
    return found.filter(hook_token=token).exclude(state=StoreState.DISCONNECTED).first()


def of_workspace(workspace: int) -> QuerySet[Store]:
    return Store.objects.filter(workspace=workspace).order_by("name", "pk")


def active() -> QuerySet[Store]:
    return Store.objects.filter(state=StoreState.CONNECTED)


def ours(store: int, media_ids: Iterable[str]) -> set[str]:
    """Those of `media_ids` that we wrote."""
    return set(
        WrittenMedia.objects.filter(store=store, media_id__in=list(media_ids)).values_list(
            "media_id", flat=True
        )
    )
