"""Look at what shoppers get: the picture itself and every size that the store made of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from apps.lib import blobs
from apps.publishing.models import Publication
from connectors.base import Connector
from connectors.errors import ConnectorError, NotFound, Rejected
from connectors.types import ImageSize, RemoteImage
from gpu_worker import pixels

# How far a shopper's picture may be from ours after the store's own compression and resizing (same_picture).
SAME_TOLERANCE = 0.1
# A size with another shape than the picture is a crop: what it shows can't be compared.
_SAME_SHAPE = 0.02

BROKEN = (
    "Of the smaller versions that the store made, {sizes} can't be read by shoppers. Have it make them anew."
)
OTHER = "Of the smaller versions that the store made, {sizes} show something else than the picture."
SHRUNK = "Of the smaller versions that the store made, {sizes} are not as large as the store says."
UNMARKED = "The store removed from {what} the note inside the file that says how the picture was made."


@dataclass
class _Seen:
    """What was found, by the store's words for each size."""

    broken: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)
    shrunk: list[str] = field(default_factory=list)
    unmarked: list[str] = field(default_factory=list)


def look(connector: Connector, publication: Publication, image: RemoteImage) -> list[str]:
    """Sentences about what is not as it should be with the smaller files; none where all is well.

    Raises Rejected where the picture itself is not the one that was approved, Retry where it can't be loaded yet.
    """
    main = publication.render.file("main") or {}
    ours = blobs.read(main["key"])
    sizes = _sizes(connector, image)
    seen = connector.fetch(image.src)
    try:
        same = pixels.same_picture(seen, ours, SAME_TOLERANCE)
    except pixels.BadImage as error:
        raise Rejected(f"what the store shows is no readable picture: {error}") from error
    if not same:
        raise Rejected("what the store shows is another picture than the one that was approved")
    found = _Seen()
    marked = pixels.says_how_it_was_made(ours)
    if marked and not pixels.says_how_it_was_made(seen):
        found.unmarked.append("")
    for size in sizes:
        if size.src != image.src:
            _look_at(connector, size, ours, marked, found)
    return _sentences(found)


def _sizes(connector: Connector, image: RemoteImage) -> tuple[ImageSize, ...]:
    try:
        return connector.sizes(image)
    except ConnectorError as error:
        if error.retry:
            raise
        return ()  # these keys may not see them: the picture itself is looked at


def _look_at(connector: Connector, size: ImageSize, ours: bytes, marked: bool, found: _Seen) -> None:
    name = f"{size.width_px} × {size.height_px}" if size.height_px else size.src.rpartition("/")[2]
    try:
        data = connector.fetch(size.src)
        about = pixels.describe(data)
        same_shape = abs(about.width_px / about.height_px / _shape(ours) - 1) < _SAME_SHAPE
        if same_shape and not pixels.same_picture(data, ours, SAME_TOLERANCE):
            found.other.append(name)
    except (NotFound, pixels.BadImage):
        found.broken.append(name)
        return
    # A list of addresses tells widths only.
    told = (size.width_px, size.height_px or about.height_px)
    if size.width_px and (about.width_px, about.height_px) != told:
        found.shrunk.append(name)
    if marked and not pixels.says_how_it_was_made(data):
        found.unmarked.append(name)


def _shape(data: bytes) -> float:
    about = pixels.describe(data)
    return about.width_px / about.height_px


def _sentences(found: _Seen) -> list[str]:
    told = [
        sentence.format(sizes=", ".join(sizes))
        for sentence, sizes in ((BROKEN, found.broken), (OTHER, found.other), (SHRUNK, found.shrunk))
        if sizes
    ]
    if found.unmarked:
        what = "the picture" if "" in found.unmarked else "its smaller versions"
        told.append(UNMARKED.format(what=what))
    return told
