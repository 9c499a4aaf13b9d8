"""What a bulk query writes: a line per object, worked out without the weight of a general executor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLObjectType,
    OperationType,
    SelectionSetNode,
    get_named_type,
    is_abstract_type,
    is_composite_type,
    parse,
    validate,
)
from graphql.execution.values import get_argument_values
from graphql.utilities import get_operation_ast

from connectors.sandbox.shopify.engine import PAGING, Call, value_of
from connectors.sandbox.shopify.fields import FIELDS, LISTS
from connectors.sandbox.shopify.memory import Doc
from connectors.sandbox.shopify.payloads import gid

MOST_CONNECTIONS, MOST_DEPTH = 5, 2
PARENTS_TOGETHER = 20


class BadBulkQuery(ValueError):
    """A query that can't be run in bulk."""


class Plan:
    """What is wanted of an object, worked out once per type instead of once per object."""

    def __init__(self, call: Call, selections: list[SelectionSetNode], fragments: dict[str, Any]) -> None:
        self._call, self._selections, self._fragments = call, selections, fragments
        self._by_type: dict[str, tuple[list[Any], list[Any]]] = {}

    @classmethod
    def of_query(cls, call: Call, text: str) -> Plan:
        """The plan of a whole query. Raises `BadBulkQuery`."""
        schema = call.rules[0]
        try:
            document = parse(text)
        except GraphQLError as error:
            raise BadBulkQuery(str(error.message)) from None
        errors = validate(schema, document)
        if errors:
            raise BadBulkQuery(errors[0].message)
        operation = get_operation_ast(document)
        if operation is None or operation.operation is not OperationType.QUERY:
            raise BadBulkQuery("Bulk queries are queries")
        fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        plan = cls(call, [operation.selection_set], fragments)
        assert schema.query_type is not None
        plain, lists = plan._compiled(schema.query_type)
        if plain or not lists:
            raise BadBulkQuery("The query must contain at least one connection, and nothing else at the top")
        depths = list(plan._depths(schema.query_type, 0))
        if len(depths) > MOST_CONNECTIONS:
            raise BadBulkQuery(f"Bulk queries cannot contain more than {MOST_CONNECTIONS} connections")
        if max(depths) > MOST_DEPTH:
            raise BadBulkQuery(f"Bulk queries cannot nest connections deeper than {MOST_DEPTH} levels")
        return plan

    def lines(self, grouped: bool) -> Iterator[tuple[bool, Doc]]:
        """(is a root, line) of the whole answer."""
        root = self._call.rules[0].query_type
        assert root is not None
        for name, given, inner, kind in self._compiled(root)[1]:
            rows = iter(LISTS["QueryRoot"][name](None, self._call, **given))
            while parents := list(islice(rows, PARENTS_TOGETHER)):
                yield from inner.family([(row, "") for row in parents], kind, grouped, root=True)

    def family(
        self, rows: list[tuple[Doc, str]], kind: Any, grouped: bool, *, root: bool = False
    ) -> Iterator[tuple[bool, Doc]]:
        """Lines of objects (each with its parent's id) and of all that is below them."""
        together = [[row] for row in rows] if grouped else [rows]
        for batch in together:
            for row, parent in batch:
                line = self.value(row, kind)
                yield root, line | {"__parentId": parent} if parent else line
            yield from self._children(batch, kind, grouped)

    def _children(self, batch: list[tuple[Doc, str]], kind: Any, grouped: bool) -> Iterator[tuple[bool, Doc]]:
        by_type: dict[str, list[Doc]] = {}
        for row, _ in batch:
            by_type.setdefault(self._concrete(row, kind).name, []).append(row)
        for name, rows in by_type.items():
            for field_name, given, inner, element in self._by_type[name][1]:
                listed = LISTS[name][field_name]
                below = [
                    (child, gid(name, row["id"]))
                    for row in rows
                    for child in listed(row, self._call, **given)
                ]
                yield from inner.family(below, element, grouped)

    def value(self, row: Any, kind: Any) -> Doc:
        """An object's own fields."""
        line: Doc = {}
        for alias, read, inner, inner_kind in self._compiled(self._concrete(row, kind))[0]:
            value = read(row)
            if inner is not None and value is not None:
                if isinstance(value, list):
                    value = [inner.value(one, inner_kind) for one in value]
                else:
                    value = inner.value(value, inner_kind)
            line[alias] = value
        return line

    def element(self, parent: GraphQLObjectType, name: str) -> Any:
        """The type of a connection's objects."""
        listed: Any = get_named_type(parent.fields[name].type)
        return get_named_type(get_named_type(listed.fields["edges"].type).fields["node"].type)

    def _concrete(self, row: Any, kind: Any) -> GraphQLObjectType:
        if isinstance(kind, GraphQLObjectType):
            return kind
        found = self._call.rules[0].type_map[row["__typename"]]
        assert isinstance(found, GraphQLObjectType)
        return found

    def _compiled(self, kind: GraphQLObjectType) -> tuple[list[Any], list[Any]]:
        """(own fields, connections) of a type, allowed or refused."""
        if kind.name not in self._by_type:
            plain: list[Any] = []
            lists: list[Any] = []
            for selection in self._selections:
                self._collect(selection, kind, plain, lists)
            self._by_type[kind.name] = plain, lists
        return self._by_type[kind.name]

    def _collect(
        self, selection: SelectionSetNode, kind: GraphQLObjectType, plain: list[Any], lists: list[Any]
    ) -> None:
        for node in selection.selections:
            if not isinstance(node, FieldNode):
                fragment: Any = (
                    self._fragments[node.name.value] if isinstance(node, FragmentSpreadNode) else node
                )
                if self._meets(fragment, kind):
                    self._collect(fragment.selection_set, kind, plain, lists)
                continue
            name, alias = node.name.value, (node.alias or node.name).value
            if name == "__typename":
                plain.append((alias, lambda row, kind=kind: kind.name, None, None))
                continue
            definition = kind.fields[name]
            inner_kind = get_named_type(definition.type)
            given = get_argument_values(definition, node)
            self._call.allow(kind.name, name, inner_kind.name)
            inner = None
            if inner_kind.name.endswith("Connection"):
                own = {k: v for k, v in given.items() if k not in PAGING}
                below = Plan(self._call, list(_nodes(node)), self._fragments)
                lists.append((name, own, below, self.element(kind, name)))
                continue
            if is_composite_type(inner_kind):
                assert node.selection_set is not None
                inner = Plan(self._call, [node.selection_set], self._fragments)
            plain.append((alias, self._reader(kind.name, name, given), inner, inner_kind))

    def _reader(self, kind: str, name: str, given: dict[str, Any]) -> Callable[[Any], Any]:
        """How a field's value is had of an object."""
        found = FIELDS.get(kind, {}).get(name)
        if found is None:
            return lambda row: value_of(row, self._call, kind, name, given)
        return lambda row: found(row, self._call, **given)

    def _meets(self, fragment: Any, kind: GraphQLObjectType) -> bool:
        condition = fragment.type_condition
        if condition is None or condition.name.value == kind.name:
            return True
        schema = self._call.rules[0]
        wanted = schema.type_map[condition.name.value]
        return bool(is_abstract_type(wanted) and schema.is_sub_type(wanted, kind))

    def _depths(self, kind: GraphQLObjectType, depth: int) -> Iterator[int]:
        """How deep each connection below here lies."""
        for _, _, inner, element in self._compiled(kind)[1]:
            yield depth
            kinds = (
                self._call.rules[0].get_possible_types(element) if is_abstract_type(element) else [element]
            )
            for found in kinds:
                yield from inner._depths(found, depth + 1)


def _nodes(node: FieldNode) -> Iterable[SelectionSetNode]:
    """What is asked of a connection's objects, under `nodes` or `edges { node }`."""
    assert node.selection_set is not None
    for entry in node.selection_set.selections:
        if isinstance(entry, FieldNode) and entry.selection_set is not None:
            if entry.name.value == "nodes":
                yield entry.selection_set
            elif entry.name.value == "edges":
                yield from (
                    inner.selection_set
                    for inner in entry.selection_set.selections
                    if isinstance(inner, FieldNode)
                    and inner.name.value == "node"
                    and inner.selection_set is not None
                )
