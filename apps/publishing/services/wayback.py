"""What taking pictures back makes of a product: its list and its variants' images, planned without asking a store.

Only our pictures change places with what they replaced, so what others added, removed or moved stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from apps.publishing.models import Mode, Publication, Snapshot
from apps.stores import selectors as stores
from connectors.types import ImageWrite, RemoteImage, RemoteProduct

AS_IT_WAS = "Everything is as it was before."
MERGED = "The product was changed by somebody else meanwhile; only this picture was taken back."
BY_HAND = "Somebody had already put the original back."
TAKEN_OFF = "Somebody had taken our picture off the product; the original stands where it was before."
GONE_ALREADY = "Somebody had already taken our picture off the product."
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


@dataclass(frozen=True)
class Before:
    """What a picture goes back to: a snapshot, kept up to date. `replaced_…` are empty where nothing is replaced."""

    images: list[dict[str, str]]
    replaced_id: str
    replaced_src: str
    replaced_key: str
    replaced_sha256: str

    @classmethod
    def of(cls, snapshot: Snapshot) -> Before:
        return cls(
            snapshot.images,
            snapshot.replaced_id,
            snapshot.replaced_src,
            snapshot.replaced_key,
            snapshot.replaced_sha256,
        )

    def under(self, media_id: str, entry: dict[str, str]) -> list[dict[str, str]]:
        """The list with `entry` in the place of this image."""
        return [entry if i["id"] == media_id else i for i in self.images]


@dataclass(frozen=True)
class Step:
    """What one undo makes of the product that the undos before it left. `before` is what it goes back to; `wanted` is
    None where the list stays as it is, `variants` are those that get another image: their ids → its id."""

    publication: Publication
    before: Before
    wanted: list[ImageWrite] | None
    outcome: str
    after: RemoteProduct
    variants: dict[str, str] = field(default_factory=dict)

    @property
    def restores(self) -> bool:
        """Whether an original is shown again by it: not where nothing was replaced, or a newer picture stays."""
        return bool(self.before.replaced_id) and self.outcome != COVERED


def steps(shown: RemoteProduct, publications: Sequence[Publication], family: Family) -> list[Step]:
    """All of them one after the other, in the given order: the latest picture first."""
    taken: list[Step] = []
    for publication in publications:
        taken.append(step(taken[-1].after if taken else shown, publication, family))
    return taken


def step(shown: RemoteProduct, publication: Publication, family: Family) -> Step:
    """The next step from the product as `shown`, as if nothing else would happen."""
    known, ours = ground(publication, family), publication.media_id
    before = _uploaded_again(known, family)
    if covered(publication, family, {i.id for i in everything(shown)}):
        return Step(publication, before, None, COVERED, shown)
    if not before.replaced_id:
        wanted, outcome = _take_off(shown, before, ours, family)
        variants = dict[str, str]()
    else:
        variants = _variants_back(shown, publication, before)
        if publication.mode == Mode.VARIATION and {ours, before.replaced_id} <= {i.id for i in shown.images}:
            # A store whose variants show the list only has our picture there beside the original.
            wanted, outcome = _take_off(shown, before, ours, family)
        elif before.replaced_id in [i["id"] for i in before.images]:
            wanted, outcome = plan(shown, before, ours, grounds_of(family))
            if outcome == AS_IT_WAS and _by_others(shown, publication, before):
                outcome = MERGED
        else:
            wanted, outcome = None, _said_of_variants(shown, publication, before, variants)
    if before is not known:
        outcome = UPLOADED_AGAIN
    return Step(publication, before, wanted, outcome, _after(shown, wanted, variants), variants)


def plan(
    remote: RemoteProduct, was: Before, ours: str, grounds: Mapping[str, str]
) -> tuple[list[ImageWrite] | None, str]:
    """The list that takes our picture back, and in words what it does; None where nothing needs to be written.

    `grounds`: our pictures of this product → the photo that each stands upon; what we did besides is nobody else's
    change.
    """
    before = [i["id"] for i in was.images]
    now = [i.id for i in remote.images]
    original = was.replaced_id
    untouched = _on_ground(now, grounds) == _on_ground(before, grounds)
    if original in now and ours not in now:
        return None, AS_IT_WAS if untouched else BY_HAND
    if ours in now:
        wanted = [original if i == ours else i for i in now if i != original]
        return [ImageWrite(id=i) for i in wanted], AS_IT_WAS if untouched else MERGED
    at = min(before.index(original), len(now))
    return [ImageWrite(id=i) for i in [*now[:at], original, *now[at:]]], TAKEN_OFF


def _take_off(
    remote: RemoteProduct, was: Before, ours: str, family: Family
) -> tuple[list[ImageWrite] | None, str]:
    """As `plan`, for a picture that replaced nothing."""
    now, grounds = [i.id for i in remote.images], grounds_of(family)
    if ours not in now:
        return None, GONE_ALREADY
    left = [i for i in now if i != ours]
    untouched = _on_ground(left, grounds) == _on_ground([i["id"] for i in was.images], grounds)
    return [ImageWrite(id=i) for i in left], AS_IT_WAS if untouched else MERGED


def _on_ground(images: Sequence[str], grounds: Mapping[str, str]) -> list[str]:
    """The photos that a list stands upon, each once: while a list is written in several steps it may show a photo and
    our picture of it. One that we only added stands upon none."""
    return list(dict.fromkeys(ground for i in images if (ground := grounds.get(i, i))))


def _variants_back(shown: RemoteProduct, publication: Publication, before: Before) -> dict[str, str]:
    """The variants that we gave our picture, and that show it now, or nothing since it left the list. Those without one
    of their own follow the list."""
    given = _given(publication)
    return {
        v.id: before.replaced_id
        for v in shown.variants
        if v.id in given and (v.image is None or v.image.id == publication.media_id)
    }


def _given(publication: Publication) -> set[str]:
    return set(publication.snapshot.given)


def _by_others(shown: RemoteProduct, publication: Publication, before: Before) -> bool:
    """Whether a variant that got our picture shows another one than that and the original now."""
    given, ours = _given(publication), {publication.media_id, before.replaced_id}
    return any(v.id in given and v.image and v.image.id not in ours for v in shown.variants)


def _said_of_variants(
    shown: RemoteProduct, publication: Publication, before: Before, variants: Mapping[str, str]
) -> str:
    if variants:
        return MERGED if _by_others(shown, publication, before) else AS_IT_WAS
    back = any(v.image and v.image.id == before.replaced_id for v in shown.variants)
    return BY_HAND if back else GONE_ALREADY


def _after(
    shown: RemoteProduct, wanted: list[ImageWrite] | None, variants: Mapping[str, str]
) -> RemoteProduct:
    known = {i.id: i for i in everything(shown)}

    def image(media_id: str) -> RemoteImage:
        return known.get(media_id) or RemoteImage(media_id, "")

    images = shown.images if wanted is None else tuple(image(w.id) for w in wanted)
    changed = tuple(
        replace(v, image=image(variants[v.id])) if v.id in variants else v for v in shown.variants
    )
    return replace(shown, images=images, variants=changed)


def everything(product: RemoteProduct) -> list[RemoteImage]:
    """All images that a product shows: its list's, then its variants'."""
    return [*product.images, *(v.image for v in product.variants if v.image)]


def grounds_of(family: Family) -> dict[str, str]:
    """What we put into the store → the photo at the bottom of what it stands upon, as it was called first; empty for
    what stands upon none."""
    under = {ours: p.snapshot.replaced_id for ours, p in family.of.items()} | family.again
    grounds = {}
    for ours in under:
        ground = ours
        for _ in under:
            ground = under.get(ground, ground)
        grounds[ours] = ground
    return grounds


def ground(publication: Publication, family: Family) -> Before:
    """What stood there before. Where that was an earlier picture of ours which was taken back meanwhile: what stood
    there before that one."""
    before = Before.of(publication.snapshot)
    for _ in family.of:
        earlier = family.of.get(before.replaced_id)
        if earlier is None or earlier.undone_at is None or not earlier.snapshot.replaced_id:
            break
        below = Before.of(earlier.snapshot)
        lost = {"id": below.replaced_id}
        original = next((i for i in below.images if i["id"] == below.replaced_id), lost)
        before = replace(below, images=before.under(before.replaced_id, original))
    return before


def _uploaded_again(before: Before, family: Family) -> Before:
    """The same, with the original called as it is since its bytes went up again: an undo that broke off after that
    finds it so."""
    original = before.replaced_id
    again = next((media for media, first in family.again.items() if original and first == original), None)
    if again is None:
        return before
    entry = next((i for i in before.images if i["id"] == original), {})
    return replace(before, images=before.under(original, {**entry, "id": again}), replaced_id=again)


def covered(publication: Publication, family: Family, shown: set[str]) -> bool:
    """Whether a newer picture of ours, or a newer one of that, is shown in place of this one."""
    ours = publication.media_id
    for _ in family.of:
        if ours in shown:
            return False
        newer = next((p for p in family.of.values() if ours and p.snapshot.replaced_id == ours), None)
        if newer is None:
            return False
        if newer.media_id in shown:
            return True
        ours = newer.media_id
    return False
