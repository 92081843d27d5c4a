"""How deep and how large a query may be, decided before anything is asked of the database. Pure."""

from collections.abc import Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
)

from cells.chat.graphql.errors import TooCostly, TooDeep

DEPTH_MAX = 6
INTROSPECTION_DEPTH_MAX = 16
"""The standard introspection query goes 13 deep."""
COST_MAX = 250_000
"""Values in the answer at most: a field counts as often as the lists above it say it can stand there."""
LISTS = {"channels": 500, "members": 5_000}
"""Fields that answer lists, and how long those are without `first`."""
NODES_MAX = 20_000
"""Fields looked at, fragments spread out."""


def check_limits(document: DocumentNode, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> None:
    """Raises TooDeep or TooCostly, which say how much it would be and how much may be. The document must be valid."""
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    _Measure(fragments, variables).cost(operation.selection_set, 1, 1, DEPTH_MAX)


class _Measure:
    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode], variables: Mapping[str, Any]) -> None:
        self._fragments = fragments
        self._variables = variables
        self._nodes = 0
        self._cost = 0

    def cost(self, selections: SelectionSetNode, times: int, depth: int, depth_max: int) -> None:
        if depth > depth_max:
            raise TooDeep(f"the query is more than {depth_max} levels deep")
        for node in selections.selections:
            self._nodes += 1
            if self._nodes > NODES_MAX:
                raise TooCostly(f"the query names more than {NODES_MAX} fields")
            if isinstance(node, FragmentSpreadNode):
                self.cost(self._fragments[node.name.value].selection_set, times, depth, depth_max)
            elif isinstance(node, FieldNode):
                self._field(node, times, depth, depth_max)
            elif isinstance(node, InlineFragmentNode):
                self.cost(node.selection_set, times, depth, depth_max)

    def _field(self, node: FieldNode, times: int, depth: int, depth_max: int) -> None:
        name = node.name.value
        within = times * self._length(node, name)
        self._cost += within
        if self._cost > COST_MAX:
            raise TooCostly(f"the query costs more than {COST_MAX:,}: ask for fewer fields, or for less with `first`")
        if node.selection_set is not None:
            self.cost(node.selection_set, within, depth + 1, INTROSPECTION_DEPTH_MAX if name.startswith("__") else depth_max)

    def _length(self, node: FieldNode, name: str) -> int:
        if name not in LISTS:
            return 1
        first = next((argument.value for argument in node.arguments or () if argument.name.value == "first"), None)
        match first:
            case IntValueNode():
                given: object = first.value
            case VariableNode():
                given = self._variables.get(first.name.value, LISTS[name])
            case _:
                given = LISTS[name]
        return max(1, int(given)) if isinstance(given, int) or (isinstance(given, str) and given.isdigit()) else LISTS[name]
