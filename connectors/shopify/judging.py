"""What an answer of the Admin API means: most of its errors come with status 200. Pure functions.

https://shopify.dev/docs/api/admin-graphql#status_and_error_codes
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.base import Budget
from connectors.errors import (
    AuthExpired,
    ConnectorError,
    NotFound,
    NotJson,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    StillWorking,
    Unavailable,
    Unsupported,
)
from connectors.http import Answer
from connectors.shopify.documents import API_VERSION

# Where nothing is told of the budget: a shop of the smallest plan has 100 points a second.
THROTTLED_WAIT_S = 2.0
# Another of our writes, or the shop itself, is still at it.
NOT_YET = frozenset(
    {"NON_READY_STATE", "NON_READY_MEDIA", "FILE_LOCKED", "MEDIA_CANNOT_BE_MODIFIED", "LIMIT_REACHED"}
) | {"OPERATION_IN_PROGRESS"}
NOT_YET_WAIT_S = 5.0
_GONE = frozenset(
    {
        "PRODUCT_DOES_NOT_EXIST",
        "FILE_DOES_NOT_EXIST",
        "MEDIA_DOES_NOT_EXIST",
        "MEDIA_DOES_NOT_EXIST_ON_PRODUCT",
    }
)
_OUR_SIDE_IS_FINE = frozenset({"INTERNAL_SERVER_ERROR", "TIMEOUT", "SERVICE_UNAVAILABLE"})
_MESSAGE_CHARS = 300
_FROZEN = "the store is frozen until its owner settles Shopify's bill; then connect it again"
_LOCKED = "Shopify has locked this store; its owner has to ask Shopify's support why"


@dataclass
class Verdict:
    """What one answer said: the data, the error, the budget, and what a question of this kind may cost."""

    data: Mapping[str, Any] = field(default_factory=dict)
    error: ConnectorError | None = None
    budget: Budget | None = None
    requested: float = 0.0


def judged(answer: Answer, error: ConnectorError | None, *, writes: bool) -> Verdict:
    """`error` is what status and body alone stand for. `writes`: the document may have changed something."""
    told = _object(answer.body)
    cost = _mapping(_mapping(told.get("extensions")).get("cost"))
    verdict = Verdict(budget=_budget(cost), requested=_amount(cost.get("requestedQueryCost")))
    if error is not None:
        verdict.error = _by_status(error, verdict)
        return verdict
    data = told.get("data")
    verdict.data = data if isinstance(data, Mapping) else {}
    verdict.error = (
        _other_version(answer, writes)
        or _by_errors(told.get("errors"), verdict, writes)
        or (None if verdict.data else _empty(writes))
    )
    return verdict


def _by_status(error: ConnectorError, verdict: Verdict) -> ConnectorError:
    status = error.status
    if status == 429 and verdict.budget is not None:
        return RateLimited(error.detail, retry_after_s=_wait_s(verdict))
    if status == 401 and not isinstance(error, AuthExpired):
        return AuthExpired(error.detail, status=status)
    if status == 402:
        return Rejected(_FROZEN, status=status, code="shop_frozen")
    if status == 423:
        return Unavailable(_LOCKED, status=status, code="shop_locked")
    if status in {404, 410}:
        # The address, never a product: those are told missing with status 200.
        return Unavailable("Shopify has no store or no API at this address", status=status)
    if status == 430:
        return Unavailable("Shopify held back the call for its safety", status=status)
    return error


def _other_version(answer: Answer, writes: bool) -> ConnectorError | None:
    version = answer.headers.get("X-Shopify-API-Version", API_VERSION)
    if version == API_VERSION:
        return None
    words = (
        f"Shopify answers in version {version[:20]}, and this Vitrine speaks {API_VERSION}: update Vitrine"
    )
    return OutcomeUnknown(words) if writes else Unsupported(words, code="api_version")


def _by_errors(errors: Any, verdict: Verdict, writes: bool) -> ConnectorError | None:
    """Of several errors the one that says most about what to do."""
    if isinstance(errors, str) and errors:
        return Rejected(errors[:_MESSAGE_CHARS], code="graphql")
    found = [error for error in errors if isinstance(error, Mapping)] if isinstance(errors, list) else []
    by_code = {_code(error): error for error in reversed(found)}
    if "THROTTLED" in by_code:
        return RateLimited("the shop's points are used up", retry_after_s=_wait_s(verdict), status=200)
    if "ACCESS_DENIED" in by_code:
        return AuthExpired(_denied(by_code["ACCESS_DENIED"]), status=200, code="ACCESS_DENIED")
    if not found:
        return None
    code, words = _code(found[0]), _words(found[0])
    if code in _OUR_SIDE_IS_FINE:
        return OutcomeUnknown(words, status=200) if writes else Unavailable(words, status=200, code=code)
    if code == "SHOP_INACTIVE":
        return Rejected("the store is closed or paused", status=200, code=code)
    if writes and any("path" in error for error in found) and verdict.data:
        # Something failed on the way to the answer, behind the change.
        return OutcomeUnknown(words, status=200)
    return Rejected(words, status=200, code=code or "graphql")


def _empty(writes: bool) -> ConnectorError:
    words = "an answer with neither data nor errors in it"
    return OutcomeUnknown(words) if writes else NotJson(words)


def _denied(error: Mapping[str, Any]) -> str:
    """The scope that is missing, by name, where the shop says which."""
    needed = _mapping(error.get("extensions")).get("requiredAccess")
    words = needed if isinstance(needed, str) else _words(error)
    scopes = re.findall(r"`((?:read|write)_[a-z_]+)`", words)
    if not scopes:
        return words or "the store did not give access to this"
    return f"the store did not give access to this; what is missing: {' or '.join(dict.fromkeys(scopes))}"


def user_error(errors: Any) -> ConnectorError | None:
    """The error that a mutation's `userErrors` or `mediaUserErrors` stand for; none for an empty list."""
    found = [error for error in errors if isinstance(error, Mapping)] if isinstance(errors, list) else []
    if not found:
        return None
    codes = [_text(error.get("code")) for error in found]
    words = _joined(_text(error.get("message")) for error in found)
    final = next((code for code in codes if code not in NOT_YET), None)
    if final is None:
        not_yet = StillWorking(words, retry_after_s=NOT_YET_WAIT_S)
        not_yet.code = codes[0]
        return not_yet
    kind: type[NotFound] | type[Rejected] = NotFound if final in _GONE else Rejected
    return kind(words, status=200, code=final or "user_error")


def _wait_s(verdict: Verdict) -> float:
    """Until the shop's points suffice for what was asked."""
    budget = verdict.budget
    if budget is None or budget.per_s <= 0:
        return THROTTLED_WAIT_S
    wanted = min(verdict.requested or budget.most, budget.most)
    return min(max((wanted - budget.available) / budget.per_s, 0.1), 600.0)


def _budget(cost: Mapping[str, Any]) -> Budget | None:
    left = _mapping(cost.get("throttleStatus"))
    if not left:
        return None
    return Budget(
        cost=_amount(cost.get("actualQueryCost")),
        available=_amount(left.get("currentlyAvailable")),
        most=_amount(left.get("maximumAvailable")),
        per_s=_amount(left.get("restoreRate")),
    )


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        return _mapping(json.loads(body))
    except (ValueError, RecursionError):
        return {}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _amount(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def _code(error: Mapping[str, Any]) -> str:
    return _text(_mapping(error.get("extensions")).get("code"))[:100]


def _words(error: Mapping[str, Any]) -> str:
    return _joined([_text(error.get("message"))])


def _joined(words: Iterable[str]) -> str:
    return " ".join("; ".join(dict.fromkeys(filter(None, words))).split())[:_MESSAGE_CHARS]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
