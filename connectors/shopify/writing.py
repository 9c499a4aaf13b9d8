"""A product's pictures: attached, put in order, given to variants, taken off; each step only where it is missing.

No step loses anything: a picture that is taken off stays among the shop's files; films and models keep their places.
`productSet` and `fileUpdate(originalSource)` are never used: the one removes what it is not told of, the other
exchanges the bytes wherever the file is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.errors import NotFound, Rejected, StillWorking, Unavailable
from connectors.shopify import mapping
from connectors.shopify.catalogue import Catalogue
from connectors.shopify.client import AdminClient, part
from connectors.shopify.files import LOOKS_S, MAX_ALT_CHARS, Files
from connectors.types import ImageWrite, RemoteProduct, RemoteVariant

MOST_MEDIA = 250  # https://shopify.dev/docs/apps/build/online-store/product-media
_MOST_PAIRS = 100
NAMESPACE, KEY = "$app:vitrine", "mark"  # as in product.graphql
_FULL = (
    "the product has {there} pictures and films, and Shopify allows {most}: the new ones have to stand beside the "
    "others for a moment. Take {over} off it in Shopify and try again"
)


@dataclass
class _Gallery:
    """What a product shows: the numbers of all its media in order, which of them are pictures, and what its variants
    show. A picture that is still being processed counts as none."""

    gid: str
    order: list[str]
    kinds: Mapping[str, str]
    alts: Mapping[str, str]
    variants: dict[str, str]
    mark: str

    @classmethod
    def of(cls, product: RemoteProduct) -> _Gallery:
        raw = product.raw
        kinds = {n: kind for kind, n in map(_id_of, mapping.nodes(raw, "media"))}
        shown = {
            mapping.number_of(node.get("id")): next(iter(mapping.media_of(node)), "")
            for node in mapping.nodes(raw, "variants")
        }
        alts = {image.id: image.alt for image in product.images}
        return cls(mapping.gid("Product", product.id), list(kinds), kinds, alts, shown, product.mark)

    @property
    def pictures(self) -> list[str]:
        return [one for one in self.order if one in self.alts]

    def media_gid(self, number: str) -> str:
        return mapping.gid(self.kinds.get(number, "MediaImage"), number)


class Writing:
    """The pictures of one shop's products. Every method begins with a fresh look, so it can be called again after any
    break and does what is missing."""

    def __init__(self, client: AdminClient, catalogue: Catalogue, files: Files) -> None:
        self._client, self._catalogue, self._files = client, catalogue, files

    def set_images(self, product_id: str, images: Sequence[ImageWrite], mark: str | None) -> RemoteProduct:
        """The product with this list. The mark comes last: where it stands, all the rest is done."""
        before = self._catalogue.product(product_id)
        now = _Gallery.of(before)
        entries = self._known(now, images)
        wanted = list(entries)
        missing = [one for one in wanted if one not in now.alts]
        over = len(now.order) + len(missing) - MOST_MEDIA
        if missing and over > 0:
            words = _FULL.format(there=len(now.order), most=MOST_MEDIA, over=over)
            raise Rejected(words, code="PRODUCT_MEDIA_LIMIT_EXCEEDED")
        changed = self._attach(now, entries, missing)
        follows = {entry.instead_of: number for number, entry in entries.items()}
        leaving = {one: follows.get(one, "") for one in now.pictures if one not in entries}
        changed |= self._hand_over(now, leaving)
        changed |= self._reorder(now, wanted, leaving)
        self._files.update([{"id": now.media_gid(one), "referencesToRemove": [now.gid]} for one in leaving])
        changed |= bool(leaving) | self._mark(now, mark)
        return self._shown(product_id, wanted) if changed else before

    def set_variant_image(self, product_id: str, variant_id: str, image: ImageWrite | None) -> RemoteVariant:
        """The variant with this picture, which the product's list shows too from then on: at its end, where it did not.
        What the variant showed stays in the list."""
        product = self._catalogue.product(product_id)
        variant = next((v for v in product.variants if v.id == variant_id), None)
        if variant is None:
            raise NotFound("the variant is no longer in the store", status=404)
        now = _Gallery.of(product)
        if image is not None:
            entries = self._known(now, [image])
            [wanted] = entries
            self._attach(now, entries, [one for one in entries if one not in now.alts])
            self._show(now, {variant_id: wanted})
        elif now.variants.get(variant_id):
            self._pair("detach", now, {variant_id: now.variants[variant_id]})
        after = self._catalogue.product(product_id).variants
        return next((v for v in after if v.id == variant_id), variant)

    # -- what is wanted -----------------------------------------------------------------------------------

    def _known(self, now: _Gallery, images: Sequence[ImageWrite]) -> dict[str, ImageWrite]:
        """The entries by number, in order, each once; what has none yet is loaded from its address first. Raises
        Rejected for a number that no picture has: before anything is changed."""
        strange = [entry.id for entry in images if entry.id and entry.id not in now.alts]
        if strange:
            self._files.ready(list(dict.fromkeys(strange)))
        entries: dict[str, ImageWrite] = {}
        for entry in images:
            number = entry.id or self._files.download(entry.src, entry.alt).id
            entries.setdefault(number, entry)
        return entries

    # -- steps --------------------------------------------------------------------------------------------

    def _attach(self, now: _Gallery, entries: Mapping[str, ImageWrite], missing: Sequence[str]) -> bool:
        """Put what the product does not show yet at the end of its media, and give texts where there are new ones."""
        changes = []
        for number, entry in entries.items():
            alt = entry.alt[:MAX_ALT_CHARS] if entry.id else ""
            new_text = {"alt": alt} if alt and alt != now.alts.get(number) else {}
            new_place = {"referencesToAdd": [now.gid]} if number in missing else {}
            if new_text or new_place:
                changes.append({"id": now.media_gid(number), **new_place, **new_text})
        self._files.update(changes)
        if missing:
            now.order = self._order_with(now, missing)
        return bool(changes)

    def _order_with(self, now: _Gallery, missing: Sequence[str]) -> list[str]:
        """The product's media once these are among them."""
        for wait_s in (*LOOKS_S, None):
            order = self._order(now)
            if set(missing) <= set(order):
                return order
            if wait_s is not None:
                self._client.http.wait(wait_s)
        raise StillWorking("the store does not show the new picture yet")

    def _order(self, now: _Gallery) -> list[str]:
        found, after = list[str](), None
        while True:
            told = self._client.run("product_media", {"id": now.gid, "after": after}).get("product")
            if not isinstance(told, Mapping):
                raise NotFound("the product is no longer in the store", status=404)
            found += [mapping.number_of(node.get("id")) for node in mapping.nodes(told, "media")]
            after = mapping.rest_of(told, "media")
            if not after:
                return found

    def _hand_over(self, now: _Gallery, leaving: Mapping[str, str]) -> bool:
        """The variants of what leaves show what takes its place: taken off, it would leave them with nothing."""
        return self._show(now, {v: leaving[m] for v, m in now.variants.items() if leaving.get(m)})

    def _show(self, now: _Gallery, wanted: Mapping[str, str]) -> bool:
        """Give variants these pictures, which are attached. Shopify takes one away first."""
        change = {v: number for v, number in wanted.items() if now.variants.get(v) != number}
        pairs = list(change)
        for at in range(0, len(pairs), _MOST_PAIRS):
            some = pairs[at : at + _MOST_PAIRS]
            taken = {v: now.variants[v] for v in some if now.variants.get(v)}
            if taken:
                self._pair("detach", now, taken)
            self._pair("append", now, {v: change[v] for v in some})
        return bool(change)

    def _pair(self, how: str, now: _Gallery, pairs: Mapping[str, str]) -> None:
        told = [
            {"variantId": mapping.gid("ProductVariant", v), "mediaIds": [now.media_gid(number)]}
            for v, number in pairs.items()
        ]
        self._client.run(f"product_variant_{how}_media", {"product": now.gid, "pairs": told})

    def _reorder(self, now: _Gallery, wanted: Sequence[str], leaving: Mapping[str, str]) -> bool:
        """Bring the list into its order before anything is taken off, so that shoppers never see a gap."""
        moves = moves_to(now.order, target(now.order, wanted, leaving, {*now.alts, *wanted}))
        if not moves:
            return False
        told = [{"id": now.media_gid(n), "newPosition": str(place)} for n, place in moves]
        data = self._client.run("product_reorder_media", {"id": now.gid, "moves": told})
        job = part(data, "productReorderMedia").get("job")
        if isinstance(job, Mapping) and job.get("done") is not True:
            self._finished(mapping.text(job.get("id")))
        return True

    def _finished(self, job: str) -> None:
        for wait_s in LOOKS_S:
            told = self._client.run("job", {"id": job}).get("job")
            if not isinstance(told, Mapping) or told.get("done") is True:
                return  # one that is over may be forgotten
            self._client.http.wait(wait_s)
        raise StillWorking("the store is still putting the pictures in order")

    def _mark(self, now: _Gallery, mark: str | None) -> bool:
        if mark is None or mark == now.mark:
            return False
        place = {"ownerId": now.gid, "namespace": NAMESPACE, "key": KEY}
        if mark:
            value = {"type": "single_line_text_field", "value": mark}
            self._client.run("metafields_set", {"metafields": [{**place, **value}]})
        else:
            self._client.run("metafields_delete", {"metafields": [place]})
        return True

    def _shown(self, product_id: str, wanted: Sequence[str]) -> RemoteProduct:
        """The product afterwards; what it shows may run behind for a moment."""
        for wait_s in (*LOOKS_S, None):
            after = self._catalogue.product(product_id)
            if [image.id for image in after.images] == list(wanted):
                return after
            if wait_s is not None:
                self._client.http.wait(wait_s)
        raise Unavailable("the store took the change and shows other pictures than those")


def target(
    order: Sequence[str], wanted: Sequence[str], leaving: Mapping[str, str], pictures: set[str]
) -> list[str]:
    """All media of a product in the order that they are to have until something leaves.

    What is no picture keeps its place. `leaving` names for each that leaves the one that takes its place, or "": behind
    that it stays, or else at the end. So the same comes of it wherever an earlier try broke off.
    """
    queue, seen, final = list(wanted), set[str](), list[str]()
    for one in order:
        place = leaving.get(one) or one  # the two of them have one place, where the first of them is
        if one not in pictures:
            final.append(one)
        elif place not in seen and queue:
            final.append(queue.pop(0))
        seen.add(place)
    final += queue
    for one, follows in leaving.items():
        final.insert(final.index(follows) + 1 if follows else len(final), one)
    return final


def moves_to(order: Sequence[str], wanted: Sequence[str]) -> list[tuple[str, int]]:
    """The moves that make `wanted` of `order`, to be made one after the other: number and place counted from 0."""
    now, moves = list(order), list[tuple[str, int]]()
    for place, one in enumerate(wanted):
        if now[place] != one:
            now.remove(one)
            now.insert(place, one)
            moves.append((one, place))
    return moves


def _id_of(node: Mapping[str, Any]) -> tuple[str, str]:
    return mapping.kind_and_number(node.get("id"))
