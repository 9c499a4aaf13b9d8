"""How WordPress puts things on the wire: JSON with PHP's escapes, errors, paging, `_fields`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from flask import Response, request

JSON_TYPE = "application/json; charset=UTF-8"


class WpError(Exception):
    """An error that travels to the caller as WordPress's ``{code, message, data}``."""

    def __init__(self, status: int, code: str, message: str, **data: Any) -> None:
        self.status = status
        self.code = code
        self.text = message
        self.data = data
        super().__init__(f"{status} {code}: {message}")

    def body(self) -> dict[str, Any]:
        """The JSON object."""
        return {"code": self.code, "message": self.text, "data": {"status": self.status, **self.data}}


def php_json(value: Any) -> bytes:
    """JSON as PHP writes it: compact, ASCII, slashes escaped. Webhooks sign exactly these bytes."""
    return json.dumps(value, separators=(",", ":")).replace("/", "\\/").encode("ascii")


def answer(
    value: Any, status: int = 200, *, allow: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    """A REST answer. `allow` is what WordPress's Allow header tells this caller it may do here."""
    response = Response(php_json(value), status=status, content_type=JSON_TYPE)
    if allow:
        response.headers["Allow"] = allow
    for name, text in (headers or {}).items():
        response.headers[name] = text
    return response


def picked(value: dict[str, Any], *, keep_links: bool = False) -> dict[str, Any]:
    """`value` with only the `_fields` asked for. A single item keeps its `_links`, a list's do not."""
    wanted = request.args.get("_fields", "")
    if not wanted:
        return value
    names = {name.strip().partition(".")[0] for name in wanted.split(",")}
    return {k: v for k, v in value.items() if k in names or (keep_links and k == "_links")}


def listed(
    rows: Sequence[dict[str, Any]], total: int, page: int, per_page: int, base_url: str, allow: str
) -> Response:
    """One page of a collection with WordPress's counting and Link headers."""
    pages = -(-total // per_page)
    headers = {"X-WP-Total": str(total), "X-WP-TotalPages": str(pages)}
    links = []
    if page > 1 and pages:
        links.append((min(page - 1, pages), "prev"))
    if page < pages:
        links.append((page + 1, "next"))
    args = {k: v for k, v in request.args.items() if not k.startswith(("oauth_", "consumer_"))}
    if links:
        headers["Link"] = ", ".join(
            f'<{base_url}?{urlencode({**args, "page": number})}>; rel="{rel}"' for number, rel in links
        )
    return answer([picked(row) for row in rows], allow=allow, headers=headers)


def paging() -> tuple[int, int]:
    """(page, per_page) of the request; out of bounds is 400 as in WordPress."""
    return int_param("page", 1, 1, None), int_param("per_page", 10, 1, 100)


def int_param(name: str, default: int, low: int, high: int | None) -> int:
    """An integer query parameter within bounds."""
    text = request.args.get(name, "")
    if not text:
        return default
    try:
        value = int(text)
    except ValueError:
        raise bad_param(name, f"{name} is not of type integer.", "rest_invalid_type") from None
    if value < low or (high is not None and value > high):
        upper = f" and {high} (inclusive)" if high is not None else ""
        message = (
            f"{name} must be between {low} (inclusive){upper}" if upper else f"{name} must be at least {low}"
        )
        raise bad_param(name, message, "rest_out_of_bounds")
    return value


def bad_param(name: str, message: str, code: str) -> WpError:
    """The 400 that names a parameter."""
    return WpError(
        400,
        "rest_invalid_param",
        f"Invalid parameter(s): {name}",
        params={name: message},
        details={name: {"code": code, "message": message, "data": None}},
    )


def flag(name: str) -> bool:
    """A boolean parameter, from the query or a JSON body, in any of the spellings WordPress takes."""
    value = request.args.get(name)
    if value is None and request.is_json:
        body = request.get_json(silent=True)
        value = str(body.get(name, "")) if isinstance(body, dict) else ""
    return str(value or "").lower() in {"true", "1", "yes"}


def json_body() -> dict[str, Any]:
    """The request's parameters: a JSON object, or a form."""
    if request.form:
        return request.form.to_dict()
    if not request.get_data(cache=True):
        return {}
    body = request.get_json(silent=True, force=True)
    if not isinstance(body, dict):
        raise WpError(400, "rest_invalid_json", "Invalid JSON body passed.")
    return body
