"""How large a photo is, in classes: photos of one class take about as much memory and go into a chunk together."""

from __future__ import annotations

from apps.catalog.models import Photo

# The longest side in pixels up to which a photo is of class 1, 2, 3 …; what is larger is of the class after the last.
LONGEST_PX = (800, 1600, 3200, 6400)
UNKNOWN = 0


def size_class(photo: Photo) -> int:
    """Of a photo; 0 where the catalogue does not know how large it is."""
    longest_px = max(photo.width_px, photo.height_px)
    if not longest_px:
        return UNKNOWN
    return 1 + sum(longest_px > limit for limit in LONGEST_PX)
