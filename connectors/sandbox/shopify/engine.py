"""Answers GraphQL: parse, validate against the schema, scopes, cost, execute. Knows nothing of HTTP.

With a published schema a document, field or argument that does not exist fails as it would at Shopify; what exists and
is not played here fails too, and says so.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    build_client_schema,
    build_schema,
    execute_sync,
    get_named_type,
    parse,
    validate,
)
from graphql.execution.values import get_variable_values
from graphql.utilities import get_operation_ast

from connectors.sandbox.shopify import scopes as scoping
from connectors.sandbox.shopify.cost import MOST_PER_CALL, Bucket, Cost
from connectors.sandbox.shopify.fields import FIELDS, LISTS
from connectors.sandbox.shopify.published import schema_file, scopes_file

if TYPE_CHECKING:
    from connectors.sandbox.shopify.site import Site

Rules = tuple[GraphQLSchema, Mapping[str, tuple[str, ...]]]
MOST_LISTED = 250
PAGING = frozenset({"first", "last", "after", "before", "reverse"})
_DOCUMENTATION = "https://shopify.dev/api/usage/response-codes"


@dataclass
class Call:
    """One question of the app: in which shop, with which scopes, under which version's rules."""

    site: Site
    shop: str
    granted: tuple[str, ...]
    version: str
    rules: Rules
    bucket: Bucket

    def allow(self, parent: str, name: str, kind: str) -> None:
        """Raise `Denied` unless the scopes open this field."""
        needed = scoping.wanted(self.rules[1], parent, name, kind)
        if needed and not scoping.covered(self.granted) & set(needed):
            told = " or ".join(f"`{scope}`" for scope in needed)
            raise refused(
                f"Access denied for {name} field. Required access: {told} access scope.",
                "ACCESS_DENIED",
                documentation=_DOCUMENTATION,
                requiredAccess=f"{told} access scope.",
            )


def refused(words: str, code: str, **more: Any) -> GraphQLError:
    """An error as it stands in an answer."""
    return GraphQLError(words, extensions={"code": code, **more})


def not_played(what: str) -> GraphQLError:
    """Exists at Shopify, and not here."""
    return refused(f"the sandbox does not play {what}", "NOT_PLAYED")


@lru_cache(maxsize=8)
def rules(version: str, folder: Path | None) -> Rules:
    """Schema and scopes of a version: the published ones in `folder`, else the part that lies here."""
    if folder is None:
        parts = [Path(__file__).with_name(f"{name}.graphql") for name in ("schema", "billing")]
        return build_schema("\n".join(part.read_text(encoding="utf-8") for part in parts)), scoping.PLAYED
    told = json.loads(schema_file(folder, version).read_bytes())
    # graphql-core finds the published schema wrong in six places that are deprecated twice over.
    schema = build_client_schema(told, assume_valid=True)
    needs = json.loads(scopes_file(folder, version).read_bytes())
    return schema, {name: tuple(any_of) for name, any_of in needs.items() if any_of}


@lru_cache(maxsize=256)
def _checked(schema: GraphQLSchema, text: str) -> tuple[DocumentNode | None, tuple[GraphQLError, ...]]:
    try:
        document = parse(text)
    except GraphQLError as error:
        return None, (error,)
    return document, tuple(validate(schema, document))


def answer(call: Call, query: str, variables: Mapping[str, Any] | None, name: str | None) -> dict[str, Any]:
    """What the API says to one request, as JSON would have it."""
    schema = call.rules[0]
    document, errors = _checked(schema, query)
    operation = get_operation_ast(document, name) if document else None
    if document is None or errors or operation is None:
        wrong = errors or (GraphQLError("An operation name is required"),)
        return {"errors": [_invalid(error) for error in wrong]}
    known = get_variable_values(schema, operation.variable_definitions or (), dict(variables or {}))
    if isinstance(known, list):
        return {"errors": [_formatted(error, "INVALID_VARIABLE") for error in known]}
    return _paid(call, document, operation, dict(variables or {}), known)


def _paid(
    call: Call,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: dict[str, Any],
    known: Any,
) -> dict[str, Any]:
    """The answer, if there are points enough for what it may cost at most."""
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    cost = Cost(call.rules[0], operation, fragments, known)
    requested = cost.requested
    if requested > MOST_PER_CALL:
        words = f"Query cost is {requested}, which exceeds the single query max cost limit ({MOST_PER_CALL})."
        error = refused(words, "MAX_COST_EXCEEDED", cost=requested, maxCost=MOST_PER_CALL)
        return {"errors": [_formatted(error, "")]}
    if not call.bucket.take(requested):
        error = refused("Throttled", "THROTTLED", documentation="https://shopify.dev/api/usage/rate-limits")
        return {"errors": [_formatted(error, "")], "extensions": _told(call, requested, None)}
    result = execute_sync(
        call.rules[0],
        document,
        root_value={},
        context_value=call,
        variable_values=variables,
        operation_name=operation.name.value if operation.name else None,
        field_resolver=_resolve,
        type_resolver=lambda value, info, kind: value["__typename"],
    )
    actual = min(requested, cost.actual(result.data or {}))
    call.bucket.give_back(requested - actual)
    said: dict[str, Any] = {"data": result.data}
    if result.errors:
        said["errors"] = [_formatted(error, "INTERNAL_SERVER_ERROR") for error in result.errors]
    said["extensions"] = _told(call, requested, actual)
    return said


def _resolve(source: Any, info: GraphQLResolveInfo, **given: Any) -> Any:
    """Any field: of our tables, else what the object holds."""
    call: Call = info.context
    parent, name = info.parent_type.name, info.field_name
    call.allow(parent, name, get_named_type(info.return_type).name)
    return value_of(source, call, parent, name, given)


def value_of(source: Any, call: Call, parent: str, name: str, given: Mapping[str, Any]) -> Any:
    """The value of a field; of a connection, the page that was asked for."""
    found = FIELDS.get(parent, {}).get(name)
    if found is not None:
        return found(source, call, **given)
    rows = LISTS.get(parent, {}).get(name)
    if rows is not None:
        own = {key: value for key, value in given.items() if key not in PAGING}
        return page(list(rows(source, call, **own)), given)
    if isinstance(source, dict) and name in source:
        return source[name]
    raise not_played(f"{parent}.{name}")


def page(rows: list[Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """A connection over a short list."""
    if given.get("reverse"):
        rows = rows[::-1]
    size = size_of(given)
    start = _place(given.get("after"), -1) + 1
    end = _place(given.get("before"), len(rows))
    inside = range(start, min(end, len(rows)))
    chosen = inside[:size] if given.get("first") is not None else inside[max(0, len(inside) - size) :]
    entries = [(base64.b64encode(f"at:{n}".encode()).decode(), rows[n]) for n in chosen]
    return connection(
        entries, more=bool(chosen) and chosen[-1] + 1 < len(rows), before=bool(chosen) and chosen[0] > 0
    )


def size_of(given: Mapping[str, Any]) -> int:
    """How many were asked for. Raises what Shopify says where none or too many were."""
    asked = [given[key] for key in ("first", "last") if given.get(key) is not None]
    if len(asked) != 1:
        raise refused("you must provide one of first or last", "BAD_REQUEST")
    if not 0 <= asked[0] <= MOST_LISTED:
        raise refused(f"first and last are at most {MOST_LISTED}", "BAD_REQUEST")
    return int(asked[0])


def connection(entries: Iterable[tuple[str, Any]], *, more: bool, before: bool) -> dict[str, Any]:
    """A connection of (cursor, object)."""
    listed = list(entries)
    return {
        "edges": [{"cursor": cursor, "node": node} for cursor, node in listed],
        "nodes": [node for _, node in listed],
        "pageInfo": {
            "hasNextPage": more,
            "hasPreviousPage": before,
            "startCursor": listed[0][0] if listed else None,
            "endCursor": listed[-1][0] if listed else None,
        },
    }


def _place(cursor: str | None, default: int) -> int:
    if not cursor:
        return default
    try:
        word, _, number = base64.b64decode(cursor).decode().partition(":")
        if word == "at":
            return int(number)
    except ValueError:
        pass
    raise refused("Invalid cursor for current pagination sort.", "BAD_REQUEST")


def _told(call: Call, requested: int, actual: int | None) -> dict[str, Any]:
    status = call.bucket.status()
    return {"cost": {"requestedQueryCost": requested, "actualQueryCost": actual, "throttleStatus": status}}


def _invalid(error: GraphQLError) -> dict[str, Any]:
    """Of a document that the schema does not know; Shopify's words differ, its codes are not told."""
    return {**_formatted(error, ""), "path": ["query"]}


def _formatted(error: GraphQLError, code: str) -> dict[str, Any]:
    told = dict(error.formatted)
    if code and "extensions" not in told:
        told["extensions"] = {"code": code, "requestId": str(uuid.uuid4())}
    return told
