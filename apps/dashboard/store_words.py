"""What works with a store, in a merchant's words: what was tried when it was connected, and what happens instead of the
rest."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from apps.dashboard.templatetags.vitrine import lasts
from apps.stores import reach
from apps.stores.models import Store


@dataclass(frozen=True)
class Line:
    """One thing that was tried. `works` is None where it is not known."""

    what: str
    works: bool | None
    words: str


def works(store: Store) -> list[Line]:
    """The table: read, write, upload, webhooks, and the way that pictures take."""
    about = store.about or {}
    can_write = about.get("can_write")
    return [
        Line("Read products", about.get("can_read", True if about else None), "The catalogue can be read."),
        Line("Change products", can_write, _write_words(store, can_write)),
        Line(
            f"Upload to {'its files' if store.shop else 'the media library'}",
            store.can_upload,
            _library_words(store),
        ),
        Line("Webhooks", _webhooks(store), _webhook_words(store)),
        Line("The way of a picture", _arrives(store), _way_words(store)),
    ]


def _write_words(store: Store, can: bool | None) -> str:
    if can is None:
        return "Not tried yet."
    if store.shop:
        return "The store gave us the right to." if can else "The store did not give us the right to."
    return "A change that changes nothing was accepted." if can else "Refused: what we have may only read."


def _library_words(store: Store) -> str:
    if store.shop:
        return f"The store {'gave' if store.can_upload else 'did not give'} us the right to."
    if store.can_upload:
        return "Open."
    return "Closed: it opens with an application password, not with keys."


def _webhooks(store: Store) -> bool | None:
    can = (store.about or {}).get("can_webhook")
    return bool(can and _heard_of(store)) if can is not None else None


def _heard_of(store: Store) -> bool:
    """A delivery that came says more than how our address looks."""
    return store.last_delivery_at is not None or reach.here().reachable


def _webhook_words(store: Store) -> str:
    can = (store.about or {}).get("can_webhook")
    if can is None:
        return "Not tried yet."
    if not can:
        return "Refused, so the store is asked for changes instead."
    if not _heard_of(store):
        return f"Set up, but the store can't call {settings.PUBLIC_URL}, so it is asked for changes instead."
    return "The store tells at once what changes."


def _arrives(store: Store) -> bool | None:
    can_write = (store.about or {}).get("can_write")
    if not can_write:
        return can_write and False
    return store.can_upload or reach.here().reachable


def _way_words(store: Store) -> str:
    if not (store.about or {}).get("can_write", True):
        return "None: pictures can't be put into the store."
    if store.can_upload:
        return "Uploaded into the media library, then shown by the product."
    if reach.here().reachable:
        return f"By address: the store loads each picture from {settings.PUBLIC_URL}."
    return f"None yet: the store would have to load it from {settings.PUBLIC_URL}, which it can't reach."


def missing(store: Store) -> list[str]:
    """What is not there, and what happens instead or has to be done."""
    found = []
    can_write = (store.about or {}).get("can_write")
    if can_write is False and store.shop:
        found.append(
            "Pictures are made and can be approved here, but not put into the store. Open Vitrine in Shopify once, and "
            "let it change products and files."
        )
    elif can_write is False:
        found.append(
            "Pictures are made and can be approved here, but not put into the store. Give new access, with the right "
            "to read and write, as a shop manager or administrator."
        )
    elif can_write and not store.can_upload and reach.here().reachable:
        found.append(
            "Without the media library the store downloads every picture from here, so this server has to be up when "
            "pictures go out. An application password opens the library."
        )
    elif can_write and not store.can_upload:
        found.append(
            "Pictures are made and can be approved here, but have no way into the store: it can't load them from this "
            "server. Give an application password, and they are uploaded."
        )
    if _webhooks(store) is False:
        found.append(polled())
    return found


def polled() -> str:
    """What is slower at a store that can't call us."""
    return (
        f"Without webhooks new and changed products are noticed by asking, every {_every(settings.POLL_STORES_S)}; "
        f"what was deleted is noticed at the next full reading, every {_every(settings.RECONCILE_STORES_S)}. "
        "Everything else works the same."
    )


def _every(seconds: float) -> str:
    return lasts(seconds).removeprefix("a ")
