"""Where a picture goes in a product, by its mode, and the list that puts it there. Nothing here talks to a store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from apps.publishing.models import Mode, Publication
from connectors.errors import NotFound
from connectors.types import ImageWrite, RemoteImage, RemoteProduct


@dataclass(frozen=True)
class Place:
    """What a picture takes the place of, if of anything, and which variants show it from then on."""

    replaced: RemoteImage | None
    in_list: bool
    variants: tuple[str, ...] = ()


def place(remote: RemoteProduct, mode: str, candidates: Iterable[str]) -> Place:
    """The place of a picture in the product as it is. `candidates` are the media ids that its photo may have, the
    photo's own first, then those of our earlier pictures of it.

    Raises NotFound where the photo is shown nowhere any more, or by no variation where one should get the picture.
    """
    if mode in {Mode.ADD, Mode.FIRST}:
        return Place(None, in_list=True)
    shown = {image.id: image for image in remote.images}
    for media_id in candidates:
        variants = tuple(v.id for v in remote.variants if v.image and v.image.id == media_id)
        by_variant = next((v.image for v in remote.variants if v.image and v.image.id == media_id), None)
        if mode == Mode.VARIATION:
            if by_variant:
                return Place(by_variant, in_list=False, variants=variants)
        elif media_id in shown or by_variant:
            return Place(shown.get(media_id) or by_variant, in_list=media_id in shown, variants=variants)
    if mode == Mode.VARIATION:
        raise NotFound("no variation of this product shows that photo, so none was given the picture")
    raise NotFound("the photo was taken off the product meanwhile, so it was not replaced")


def wanted(
    remote: RemoteProduct, going: Sequence[Publication], writes: dict[int, ImageWrite]
) -> list[ImageWrite]:
    """The product's list with these publications in it, each where its mode says.

    `writes` has, by publication, the entry of its picture: by media id, or by the address it is downloaded from. A
    store that writes a list in several steps may have broken off between them, so a picture that is there already is
    moved to its place; one whose photo has left the list stays where it is. Pictures that go first or last keep the
    order of their photos.
    """
    there = {p.pk: image.id for p in going if (image := shown(remote.images, p))}
    images = {image.id for image in remote.images}
    swaps = {
        p.snapshot.replaced_id: replace(writes[p.pk], instead_of=p.snapshot.replaced_id)
        for p in going
        if p.mode == Mode.REPLACE and p.snapshot.replaced_id in images
    }
    moving = [p for p in going if p.mode == Mode.FIRST or p.snapshot.replaced_id in swaps]
    moved = {there[p.pk] for p in moving if p.pk in there}
    in_order = sorted(going, key=lambda p: (p.photo.position, p.pk))
    kept = [swaps.get(i.id) or ImageWrite(id=i.id) for i in remote.images if i.id not in moved]
    first = [writes[p.pk] for p in in_order if p.mode == Mode.FIRST]
    last = [writes[p.pk] for p in in_order if p.mode == Mode.ADD and p.pk not in there]
    return [*first, *kept, *last]


def shown(images: Iterable[RemoteImage], publication: Publication) -> RemoteImage | None:
    """Our picture among these images: by its media id, or where that is not known yet by its file's name."""
    return next((image for image in images if is_ours(image, publication)), None)


def shown_anywhere(remote: RemoteProduct, publication: Publication) -> RemoteImage | None:
    """As `shown`, in the list or on a variant."""
    on_variants = [v.image for v in remote.variants if v.image]
    return shown([*remote.images, *on_variants], publication)


def is_ours(image: RemoteImage, publication: Publication) -> bool:
    name = PurePosixPath(urlsplit(image.src).path).name
    # WordPress may add to a name (-1, -scaled), never take away from it.
    by_name = bool(publication.stem) and name.lower().startswith(publication.stem.lower())
    return image.id == publication.media_id or by_name
