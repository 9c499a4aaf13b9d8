"""Texts of pictures on the way back. A store keeps alternative text and title with the file, wherever it is shown, so a
text that somebody gave our picture would go with it, and one that somebody gave the original is theirs to keep.
"""

from __future__ import annotations

from typing import NamedTuple

from apps.publishing.models import Publication
from apps.publishing.services.wayback import Before
from connectors.types import RemoteProduct


class Texts(NamedTuple):
    alt: str
    name: str


def of_original(before: Before) -> Texts:
    """What the original had when it was replaced."""
    entry: dict[str, str] = next((i for i in before.images if i["id"] == before.replaced_id), {})
    return Texts(entry.get("alt", ""), entry.get("name", ""))


def given(publication: Publication, before: Before, remote: RemoteProduct, after: RemoteProduct) -> str:
    """The alternative text that somebody gave our picture while it was shown (`remote`), for the original that is back
    (`after`); empty where nobody did, or where somebody gave the original another one meanwhile.

    We give our picture the original's text, or the product's title, which is then the file's title too.
    """
    ours = next((i for i in remote.images if i.id == publication.media_id), None)
    original = next((i for i in after.images if i.id == before.replaced_id), None)
    if ours is None or original is None or not ours.alt:
        return ""
    was = of_original(before)
    if ours.alt in {was.alt, publication.photo.alt, publication.product.title, ours.name}:
        return ""
    return ours.alt if original.alt == was.alt else ""
