"""What a call costs, and the bucket that it is paid from.

An object costs one point, a mutation ten, a scalar nothing. A connection costs two and the square root of what is in
it: that curve is read from a published example (250 variants with their inventory items in one product: 25), not from
a rule.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_named_type,
    is_composite_type,
)
from graphql.execution.values import VariableValues, get_argument_values

RATES = {
    "standard": 100,
    "advanced": 200,
    "plus": 1000,
    "enterprise": 2000,
}  # points that come back each second
FULL_S = 20  # a full bucket is what so many seconds bring
MOST_PER_CALL = 1000
MUTATION, CONNECTION = 10, 2
ROUNDING = 0.001  # seconds since 1970 leave that much of a point open
MISSING = object()
Fragments = Mapping[str, FragmentDefinitionNode]


class Cost:
    """The cost of one operation: at most (`requested`), and of an answer (`actual`)."""

    def __init__(
        self,
        schema: GraphQLSchema,
        operation: OperationDefinitionNode,
        fragments: Fragments,
        variables: VariableValues,
    ) -> None:
        self._schema, self._operation = schema, operation
        self._fragments, self._variables = fragments, variables

    @property
    def requested(self) -> int:
        """Before anything is looked up: every list as long as it may be."""
        return self._whole(MISSING)

    def actual(self, data: Any) -> int:
        """Of what came out."""
        return self._whole(data)

    def _whole(self, data: Any) -> int:
        mutation = self._operation.operation is OperationType.MUTATION
        root = self._schema.mutation_type if mutation else self._schema.query_type
        assert root is not None
        return max(
            1,
            math.floor(
                self._selected(self._operation.selection_set, root, data, MUTATION if mutation else 1)
            ),
        )

    def _selected(self, selection: SelectionSetNode, parent: Any, data: Any, each: float = 1) -> float:
        """Of all fields; where types differ, of the dearest."""
        total, branches = 0.0, [0.0]
        for node in selection.selections:
            if isinstance(node, FieldNode):
                total += self._field(node, parent, data, each)
                continue
            fragment: Any = self._fragments[node.name.value] if isinstance(node, FragmentSpreadNode) else node
            condition = fragment.type_condition
            kind = self._schema.type_map[condition.name.value] if condition else parent
            if data is not MISSING and isinstance(data, dict) and isinstance(kind, GraphQLObjectType):
                known = data.get("__typename")
                if known and known != kind.name:
                    continue
            branches.append(self._selected(fragment.selection_set, kind, data, each))
        return total + max(branches)

    def _field(self, node: FieldNode, parent: Any, data: Any, each: float) -> float:
        if node.selection_set is None or not isinstance(
            parent, GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType
        ):
            return 0.0
        definition = getattr(parent, "fields", {}).get(node.name.value)
        kind = get_named_type(definition.type) if definition else None
        if definition is None or not is_composite_type(kind):
            return 0.0
        value = MISSING
        if data is not MISSING:
            name = node.alias.value if node.alias else node.name.value
            value = data.get(name) if isinstance(data, dict) else None
        if kind.name.endswith("Connection"):
            given = get_argument_values(definition, node, self._variables)
            return CONNECTION + math.sqrt(self._listed(node.selection_set, kind, given, value))
        if isinstance(value, list):
            return sum(
                each + self._selected(node.selection_set, kind, one) for one in value if one is not None
            )
        if value is None:
            return each
        return each + self._selected(node.selection_set, kind, value)

    def _listed(self, selection: SelectionSetNode, kind: Any, given: Mapping[str, Any], value: Any) -> float:
        """What the things in a connection cost together."""
        total = 0.0
        for node in selection.selections:
            if not isinstance(node, FieldNode) or node.name.value not in {"nodes", "edges"}:
                continue
            assert node.selection_set is not None
            inner = get_named_type(kind.fields[node.name.value].type)
            if value is MISSING:
                size = given.get("first") or given.get("last") or 0
                total += size * self._thing(node, inner, MISSING)
            elif isinstance(value, dict):
                name = node.alias.value if node.alias else node.name.value
                total += sum(self._thing(node, inner, one) for one in value.get(name, ()))
        return total

    def _thing(self, node: FieldNode, kind: Any, data: Any) -> float:
        """One entry: the object, or the edge that holds it and costs nothing itself."""
        assert node.selection_set is not None
        if node.name.value == "nodes":
            return 1 + self._selected(node.selection_set, kind, data)
        return self._selected(node.selection_set, kind, data)


class Bucket:
    """The points of one app in one shop: they come back at a rate, up to a brim."""

    def __init__(self, now: Callable[[], float], per_s: float) -> None:
        self._now, self.per_s, self.most = now, per_s, per_s * FULL_S
        self._left, self._at = self.most, now()
        self.spent, self.refused = 0.0, 0  # points that calls cost; calls there were too few points for
        self._lock = threading.Lock()

    @property
    def left(self) -> float:
        """What there is now."""
        with self._lock:
            self._refill()
            return self._left

    def take(self, points: float) -> bool:
        """Pay, if there is enough."""
        with self._lock:
            self._refill()
            if points > self._left + ROUNDING:
                self.refused += 1
                return False
            self._left -= points
            self.spent += points
            return True

    def give_back(self, points: float) -> None:
        """What was paid too much."""
        with self._lock:
            self._left = min(self.most, self._left + points)
            self.spent -= points

    def drain(self, left: float = 0.0) -> None:
        """Leave so much: another process of the app was busy."""
        with self._lock:
            self._refill()
            self._left = left

    def status(self) -> dict[str, float]:
        """As `throttleStatus` tells it."""
        return {
            "maximumAvailable": float(self.most),
            "currentlyAvailable": math.floor(self.left),
            "restoreRate": float(self.per_s),
        }

    def _refill(self) -> None:
        now = self._now()
        self._left = min(self.most, self._left + max(0.0, now - self._at) * self.per_s)
        self._at = now
