"""What the last action had to say, for the next page. Pages in a frame have no cookies, so theirs wait on our side."""

from __future__ import annotations

from typing import Any

from django.contrib.messages.storage.fallback import FallbackStorage
from django.core.cache import cache

# Long enough for the redirect that follows an action.
KEPT_S = 120


class Sayings(FallbackStorage):
    """Cookies and sessions as ever; inside a frame by the session that its token names."""

    def _key(self) -> str:
        inside = getattr(self.request, "inside", None)
        return f"vitrine:said:{inside.member.pk}:{inside.session_id}" if inside is not None else ""

    def _get(self, *args: Any, **kwargs: Any) -> Any:
        key = self._key()
        return (cache.get(key, []), True) if key else super()._get(*args, **kwargs)  # type: ignore[misc]

    def _store(self, messages: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        key = self._key()
        if not key:
            return super()._store(messages, response, *args, **kwargs)  # type: ignore[misc]
        if messages:
            cache.set(key, list(messages), KEPT_S)
        else:
            cache.delete(key)
        return []
