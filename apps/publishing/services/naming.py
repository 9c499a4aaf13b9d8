"""What a published picture is called and what is said of it, from the recipe's patterns."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from apps.publishing.models import Publication
from apps.recipes.publishing import DEFAULTS

# Search engines read the first words of a file name; the rest of WordPress's 255 bytes is for sizes and suffixes.
NAME_CHARACTERS = 80
# What is ours in a file name: the publication and the beginning of its bytes' hash. The merchant's name stands before.
TOKEN = re.compile(r"(?:^|-)v(?:itrine-)?\d+-[0-9a-f]{10}(?![0-9a-f])")
_LONGEST = {"alt": 500, "title": 200, "caption": 1000}


def choose_stem(publication: Publication) -> str:
    """The file name without extension: readable words, then what makes it ours and finds it again.

    The bytes' hash is part of it: a picture that is rendered anew never takes the name of an older one that a browser
    may still keep.
    """
    main = publication.render.file("main") or {}
    readable = _slug(_said(publication, "file_name"))[:NAME_CHARACTERS].strip("-") or "photo"
    return f"{readable}-v{publication.pk}-{main.get('sha256', '')[:10] or 'none'}"


def filename(publication: Publication) -> str:
    """The whole name under which the picture goes to the store."""
    main = publication.render.file("main") or {}
    return publication.stem + (PurePosixPath(main.get("key", "")).suffix or ".jpg")


def texts(publication: Publication) -> dict[str, str]:
    """`alt`, `title` and `caption` of the picture."""
    return {name: _said(publication, name)[:longest].strip() for name, longest in _LONGEST.items()}


def _said(publication: Publication, what: str) -> str:
    wanted = {**DEFAULTS, **(publication.item.job.recipe_version.body.get("publish") or {})}
    return string.Formatter().vformat(wanted[what], (), _words(publication))


def _words(publication: Publication) -> Mapping[str, Any]:
    """What may stand in a pattern (`apps.recipes.publishing.WORDS`)."""
    product, photo = publication.product, publication.photo
    return {
        "product": product.title,
        "sku": product.sku,
        "vendor": product.vendor,
        "category": product.categories[0] if product.categories else "",
        "photo": _without_token(PurePosixPath(unquote(urlsplit(photo.src).path)).stem),
        "alt": photo.alt or product.title,
        "position": str(photo.position + 1),
    }


def _without_token(stem: str) -> str:
    """The merchant's own part of a name, without WordPress's mark of a photo that it made smaller."""
    return TOKEN.split(stem, maxsplit=1)[0].removesuffix("-scaled") or stem


def _slug(text: str) -> str:
    # Case folding first: it spells ß as ss, which the decomposition would drop.
    plain = unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
