"""Keeps secrets out of texts: exceptions, log lines, addresses that a person may see."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

HIDDEN = "***"

_SECRET_PARAMS = re.compile(
    r"(?i)\b(consumer_key|consumer_secret|oauth_[a-z_]+|password|access_token|hmac|signature|secret)=[^&\s'\"<>]*"
)
_USERINFO = re.compile(r"(?i)\b(https?://)[^/@\s]+@")


class Scrubber:
    """Replaces known secrets, in every spelling they travel in, and any secret-looking query parameter."""

    def __init__(self, secrets: Iterable[str] = (), pairs: Iterable[tuple[str, str]] = ()) -> None:
        spellings: set[str] = set()
        for secret in secrets:
            spellings |= _spelled(secret)
        for user, password in pairs:
            if user or password:
                spellings.add(base64.b64encode(f"{user}:{password}".encode()).decode())
        self._spellings = sorted(spellings, key=len, reverse=True)

    def learn(self, secret: str) -> None:
        """One more that is hidden from now on."""
        self._spellings = sorted({*self._spellings, *_spelled(secret)}, key=len, reverse=True)

    def clean(self, text: str) -> str:
        """`text` without secrets."""
        for spelling in self._spellings:
            text = text.replace(spelling, HIDDEN)
        text = _SECRET_PARAMS.sub(lambda match: f"{match.group(1)}={HIDDEN}", text)
        return _USERINFO.sub(rf"\1{HIDDEN}@", text)


def _spelled(secret: str) -> set[str]:
    # Replacing shorter texts would only garble the message.
    return {secret, quote(secret, safe=""), quote_plus(secret)} if len(secret) >= 4 else set()
