"""API keys: `Authorization: Bearer vtr_…`. The key's workspace is the only one it sees."""

from __future__ import annotations

from dataclasses import dataclass

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from apps.accounts import services as accounts
from apps.accounts.models import ApiKey


@dataclass
class KeyHolder:
    """Who a request with an API key is: a program, not a user."""

    key: ApiKey
    is_authenticated: bool = True
    is_active: bool = True
    pk: None = None


class ApiKeyAuthentication(BaseAuthentication):
    keyword = b"bearer"

    def authenticate(self, request: Request) -> tuple[KeyHolder, ApiKey] | None:
        parts = get_authorization_header(request).split()
        if not parts or parts[0].lower() != self.keyword:
            return None
        if len(parts) != 2:
            raise AuthenticationFailed("Send the key as `Authorization: Bearer vtr_…`.")
        key = accounts.key_for(parts[1].decode("latin-1"))
        if key is None:
            raise AuthenticationFailed("This API key is unknown or was revoked.")
        return KeyHolder(key), key

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class ApiKeyScheme(OpenApiAuthenticationExtension):
    """How the key stands in the OpenAPI document."""

    target_class = ApiKeyAuthentication
    name = "apiKey"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}
