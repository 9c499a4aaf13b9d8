"""Every document that is sent, held against Shopify's published schemas and against what merchants let us do."""

from __future__ import annotations

import re
from typing import Any

import pytest
from graphql import (
    ArgumentNode,
    DocumentNode,
    EnumValueNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    ObjectFieldNode,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    parse,
    print_ast,
    validate,
    visit,
)

from connectors.shopify.documents import API_VERSION, document, names
from connectors.shopify.oauth import SCOPES, missing_scopes
from tests.connectors.shopify.conftest import VERSIONS, schema, scopes

MOST_POINTS = 1000  # that one query may cost
BULK = "catalogue"


def problems(text: str, version: str) -> list[str]:
    """What is wrong with a document: unknown, mistyped, deprecated, or closed to us."""
    parsed = parse(text)
    return [error.message for error in validate(schema(version), parsed)] or outdated_or_closed(
        parsed, version
    )


def outdated_or_closed(parsed: DocumentNode, version: str) -> list[str]:
    """Everything deprecated, and every field and type that needs a scope which we do not ask for.

    Walked here: the library's own rule needs a schema that was written, not one that was asked for.
    """
    granted, found, types = ",".join(SCOPES), set[str](), TypeInfo(schema(version))

    class Walk(Visitor):
        def enter_field(self, node: FieldNode, *_: Any) -> None:
            parent, returned = types.get_parent_type(), get_named_type(types.get_type())
            self.outdated(types.get_field_def(), f"{parent}.{node.name.value}")
            for name in (f"{parent}.{node.name.value}", str(returned), str(parent)):
                needed = scopes(version).get(name, [])
                if needed and len(missing_scopes(granted, needed)) == len(needed):
                    found.add(f"{name} needs {' or '.join(needed)}")

        def enter_argument(self, node: ArgumentNode, *_: Any) -> None:
            self.outdated(types.get_argument(), node.name.value)

        def enter_object_field(self, node: ObjectFieldNode, *_: Any) -> None:
            around = get_named_type(types.get_parent_input_type())
            self.outdated(getattr(around, "fields", {}).get(node.name.value), node.name.value)

        def enter_enum_value(self, node: EnumValueNode, *_: Any) -> None:
            self.outdated(types.get_enum_value(), node.value)

        def outdated(self, definition: Any, name: str) -> None:
            if definition is not None and definition.deprecation_reason is not None:
                found.add(f"{name} is deprecated")

    visit(parsed, TypeInfoVisitor(types, Walk()))
    return sorted(found)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", names())
def test_a_document_is_as_published_up_to_date_and_open_to_us(name: str, version: str) -> None:
    assert problems(document(name).text, version) == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{shop{nickname}}", "Cannot query field"),
        ("query($id:ID!){product(id:$id,version:1){id}}", "Unknown argument"),
        ("query($id:String!){product(id:$id){id}}", "used in position expecting type"),
        ("{products(first:1,sortKey:NEWEST){nodes{id}}}", "does not exist"),
        ("query($id:ID!){product(id:$id){images(first:1){nodes{id}}}}", "deprecated"),
        (
            "mutation($id:ID!,$m:[CreateMediaInput!]!){productCreateMedia(productId:$id,media:$m){media{id}}}",
            "deprecated",
        ),
        ("mutation($i:ProductInput!){productUpdate(input:$i){product{id}}}", "deprecated"),
        (
            "query($id:ID!){product(id:$id){images(first:1,crop:CENTER){nodes{id}}}}",
            "crop is deprecated",
        ),
        ("{orders(first:1){nodes{id}}}", "needs read_orders"),
        ("query($id:ID!){product(id:$id){publishedInContext(context:{})}}", "needs read_publications"),
    ],
)
def test_a_document_that_is_none_of_it_is_found_out(text: str, why: str) -> None:
    assert any(why in problem for problem in problems(text, API_VERSION))


def test_the_version_that_is_sent_is_one_of_those_checked() -> None:
    assert VERSIONS[-1] == API_VERSION


@pytest.mark.parametrize("name", names())
def test_a_file_holds_one_operation_that_bears_its_name(name: str) -> None:
    operation, *fragments = parse(document(name).text).definitions
    assert isinstance(operation, OperationDefinitionNode)
    assert all(isinstance(one, FragmentDefinitionNode) for one in fragments)
    assert document(name).writes == (operation.operation.value == "mutation")
    if name == BULK:
        assert operation.name is None and not operation.variable_definitions
        return
    assert operation.name is not None
    assert re.sub(r"(?<!^)([A-Z])", r"_\1", operation.name.value).lower() == name


def test_there_are_documents_and_each_is_read_once() -> None:
    assert BULK in names() and "product" in names()
    assert document("product") is document("product")
    assert "#" not in "".join(document(name).text for name in names()), "comments stay here"


def points(node: Any, fragments: dict[str, Any]) -> int:
    """The most that a selection may cost when nothing is forgiven: an object one point, a connection its size times
    what is in it, and two."""
    total = 0
    for field in node.selection_set.selections if node.selection_set else ():
        if not isinstance(field, FieldNode):
            spread = fragments[field.name.value] if isinstance(field, FragmentSpreadNode) else field
            total += points(spread, fragments)
            continue
        size = next((int(a.value.value) for a in field.arguments or () if a.name.value == "first"), None)
        if size is not None:
            total += 2 + size * (1 + points(_nodes(field), fragments))
        elif field.selection_set and field.name.value != "pageInfo":
            total += 1 + points(field, fragments)
    return total


def _nodes(connection: FieldNode) -> Any:
    assert connection.selection_set is not None
    return next(
        f for f in connection.selection_set.selections if isinstance(f, FieldNode) and f.name.value == "nodes"
    )


@pytest.mark.parametrize("name", [name for name in names() if name != BULK])
def test_no_query_costs_more_than_one_may(name: str) -> None:
    operation, *fragments = parse(document(name).text).definitions
    named = {one.name.value: one for one in fragments if isinstance(one, FragmentDefinitionNode)}
    assert points(operation, named) <= MOST_POINTS


def test_the_catalogue_keeps_to_the_rules_of_bulk_operations() -> None:
    """Five connections at most, none more than two below the first, no sizes."""
    deepest, connections = 0, 0

    class Walk(Visitor):
        depth = -1

        def enter_field(self, node: FieldNode, *_: Any) -> None:
            nonlocal deepest, connections
            if _is_connection(node):
                connections += 1
                self.depth += 1
                deepest = max(deepest, self.depth)

        def leave_field(self, node: FieldNode, *_: Any) -> None:
            self.depth -= _is_connection(node)

    visit(parse(document(BULK).text), Walk())
    assert connections <= 5
    assert deepest <= 2
    assert "first:" not in document(BULK).text


def _is_connection(node: FieldNode) -> bool:
    return "edges" in print_ast(node).splitlines()[1] if node.selection_set else False
