"""Files that go out as the field of a form (RFC 7578), and what the place that they are put says to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from urllib3 import encode_multipart_formdata

from connectors.errors import ConnectorError, NotJson, Rejected, Unavailable

_BUSY = frozenset({408, 425, 429})


@dataclass(frozen=True)
class Form:
    """The fields in their order, and the file behind them: object stores read no field that comes after it."""

    fields: Mapping[str, str]
    filename: str
    content_type: str
    data: bytes = field(repr=False)

    def encoded(self) -> tuple[bytes, dict[str, str]]:
        """The body, and the header that tells how it is divided."""
        file = (self.filename, self.data, self.content_type)
        body, content_type = encode_multipart_formdata([*self.fields.items(), ("file", file)])
        return body, {"Content-Type": content_type, "Accept": "*/*"}


def form_error_for(status: int, headers: Mapping[str, str]) -> ConnectorError | None:
    """The error that the answer to an uploaded form stands for, or None where it was taken."""
    if headers.get("Content-Type", "").lower().startswith(("text/html", "application/xhtml")):
        # Object stores answer with nothing or with XML: somebody else is in the way, and may let us through later.
        return NotJson(f"a web page where the file was to go: status {status}", status=status)
    if 200 <= status < 300:
        return None
    if status >= 500 or status in _BUSY:
        return Unavailable(f"the place for uploads answered with status {status}", status=status)
    return Rejected(
        f"the place for uploads did not take the file: status {status}", status=status, code=f"http_{status}"
    )
