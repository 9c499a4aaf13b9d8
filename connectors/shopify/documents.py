"""The documents that are sent, one operation per file beside this one. What several of them ask of a product stands in
`fragments/` and follows the operation; else none is put together from pieces of text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

# The documents are written for this version. A version that is no longer served falls forward to another without a
# word, so every answer is asked which one it is of.
API_VERSION = "2026-10"

_FOLDER = files("connectors.shopify") / "documents"
_SPREAD = re.compile(r"\.\.\.([A-Z]\w*)")


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
    """The document in ``documents/NAME.graphql`` with the fragments that it names, read once, without comments."""
    operation = _read(_FOLDER / f"{name}.graphql")
    named = dict.fromkeys(_SPREAD.findall(operation))
    fragments = [_read(_FOLDER / "fragments" / f"{_snake(one)}.graphql") for one in named]
    return Document(name, "\n".join([operation, *fragments]))


def _read(file: Traversable) -> str:
    lines = file.read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()


def names() -> list[str]:
    """Of all documents, in order."""
    return sorted(
        entry.name.removesuffix(".graphql") for entry in _FOLDER.iterdir() if entry.name.endswith(".graphql")
    )
