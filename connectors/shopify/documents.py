"""The documents that are sent, one operation per file beside this one; none is put together from pieces of text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

# The documents are written for this version. A version that is no longer served falls forward to another without a
# word, so every answer is asked which one it is of.
API_VERSION = "2026-10"

_FOLDER = files("connectors.shopify") / "documents"


@dataclass(frozen=True)
class Document:
    """A document to send. `writes` tells a mutation, which is never repeated by itself."""

    name: str
    text: str

    @property
    def writes(self) -> bool:
        return bool(re.search(r"^mutation\b", self.text, re.MULTILINE))


@cache
def document(name: str) -> Document:
    """The document in ``documents/NAME.graphql``, read once, without its comments."""
    lines = (_FOLDER / f"{name}.graphql").read_text(encoding="utf-8").splitlines()
    return Document(name, "\n".join(line for line in lines if not line.lstrip().startswith("#")))


def names() -> list[str]:
    """Of all documents, in order."""
    return sorted(
        entry.name.removesuffix(".graphql") for entry in _FOLDER.iterdir() if entry.name.endswith(".graphql")
    )
