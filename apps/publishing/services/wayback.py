"""What taking pictures back makes of a product's list of images. Looks and decides; carries nothing out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from apps.publishing.models import Publication, Snapshot
from apps.stores import selectors as stores
from connectors.types import ImageWrite, RemoteImage, RemoteProduct

AS_IT_WAS = "Everything is as it was before."
MERGED = "The product was changed by somebody else meanwhile; only this picture was taken back."
BY_HAND = "Somebody had already put the original back."
TAKEN_OFF = "Somebody had taken our picture off the product; the original stands where it was before."
UPLOADED_AGAIN = "The original file was no longer in the store and was uploaded again from our copy."
COVERED = (
    "A newer picture of ours stands in its place and stays; when that one is taken back, the original comes."
)


@dataclass(frozen=True)
class Family:
    """The publications of a product by what the store calls their pictures, and `again`: originals that were uploaded
    again → what they were called before."""

    of: dict[str, Publication]
    again: dict[str, str]


def family_of(publications: Sequence[Publication]) -> Family:
    """The publications of the same products that got a picture into the store; the given objects are among them."""
    products = {publication.product_id for publication in publications}
    given = [publication.pk for publication in publications]
    others = Publication.objects.filter(product__in=products).exclude(media_id="").exclude(pk__in=given)
    rows = others.select_related("snapshot")
    family = {row.media_id: row for row in rows if hasattr(row, "snapshot")}
    family |= {row.media_id: row for row in publications if row.media_id and hasattr(row, "snapshot")}
    known = {row.pk: row.snapshot.replaced_id for row in family.values()}
    put_back = stores.put_back(publications[0].store_id, known) if publications else {}
    return Family(family, {media: known[publication] for media, publication in put_back.items()})


def plan(
    remote: RemoteProduct, snapshot: Snapshot, ours: str, grounds: Mapping[str, str]
) -> tuple[list[ImageWrite] | None, str]:
    """The list that takes our picture back, and in words what it does; None where nothing needs to be written.

    Only our picture changes places with the original, so what others added, removed or moved stays. `grounds`: our
    pictures of this product → the photo that each stands upon; what we did besides is nobody else's change.
    """
    before = [i["id"] for i in snapshot.images]
    now = [i.id for i in remote.images]
    original = snapshot.replaced_id
    untouched = [grounds.get(i, i) for i in now] == [grounds.get(i, i) for i in before]
    if original in now and ours not in now:
        return None, AS_IT_WAS if untouched else BY_HAND
    if ours in now:
        wanted = [original if i == ours else i for i in now if i != original]
        return [ImageWrite(id=i) for i in wanted], AS_IT_WAS if untouched else MERGED
    at = min(before.index(original), len(now))
    return [ImageWrite(id=i) for i in [*now[:at], original, *now[at:]]], TAKEN_OFF


def grounds_of(family: Family) -> dict[str, str]:
    """What we put into the store → the photo at the bottom of what it stands upon, as it was called first."""
    under = {ours: p.snapshot.replaced_id for ours, p in family.of.items()} | family.again
    grounds = {}
    for ours in under:
        ground = ours
        for _ in under:
            ground = under.get(ground, ground)
        grounds[ours] = ground
    return grounds


@dataclass(frozen=True)
class Step:
    """What one undo makes of the list that the undos before it left. `before` is what it goes back to."""

    publication: Publication
    before: Snapshot
    wanted: list[ImageWrite] | None
    outcome: str
    after: RemoteProduct


def step(shown: RemoteProduct, publication: Publication, family: Family) -> Step:
    """The next step from the list `shown`, as if nothing else would happen."""
    before = ground(publication, family)
    if covered(publication, family, {i.id for i in shown.images}):
        return Step(publication, before, None, COVERED, shown)
    wanted, outcome = plan(shown, before, publication.media_id, grounds_of(family))
    if wanted is None:
        return Step(publication, before, None, outcome, shown)
    known = {i.id: i for i in shown.images}
    after = replace(shown, images=tuple(known.get(w.id) or RemoteImage(w.id, "") for w in wanted))
    return Step(publication, before, wanted, outcome, after)


def steps(shown: RemoteProduct, publications: Sequence[Publication], family: Family) -> list[Step]:
    """All of them one after the other, in the given order: the latest picture first."""
    taken: list[Step] = []
    for publication in publications:
        taken.append(step(taken[-1].after if taken else shown, publication, family))
    return taken


def ground(publication: Publication, family: Family) -> Snapshot:
    """What stood there before. Where that was an earlier picture of ours which was taken back meanwhile: what stood
    there before that one."""
    snapshot = publication.snapshot
    for _ in family.of:
        earlier = family.of.get(snapshot.replaced_id)
        if earlier is None or earlier.undone_at is None:
            break
        below = earlier.snapshot
        original = next((i for i in below.images if i["id"] == below.replaced_id), {"id": below.replaced_id})
        snapshot = Snapshot(
            publication=publication,
            images=[original if i["id"] == snapshot.replaced_id else i for i in snapshot.images],
            replaced_id=below.replaced_id,
            replaced_src=below.replaced_src,
            replaced_key=below.replaced_key,
            replaced_sha256=below.replaced_sha256,
        )
    return snapshot


def covered(publication: Publication, family: Family, shown: set[str]) -> bool:
    """Whether a newer picture of ours, or a newer one of that, is shown in place of this one."""
    ours = publication.media_id
    for _ in family.of:
        if ours in shown:
            return False
        newer = next((p for p in family.of.values() if p.snapshot.replaced_id == ours), None)
        if newer is None:
            return False
        if newer.media_id in shown:
            return True
        ours = newer.media_id
    return False
