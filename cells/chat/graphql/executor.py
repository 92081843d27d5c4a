"""Long lists of plain objects, completed at once.

The library completes value by value: seconds for 5,000 people with ten fields each. Objects whose values are all there
already (`Rows`) need no more than to be picked from, once the selection is known.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import repeat
from operator import itemgetter
from typing import Any

from graphql import GraphQLObjectType, get_named_type, is_object_type
from graphql.execution.executor_throwing_on_incremental import ExecutorThrowingOnIncremental

Row = Mapping[str, Any]
Pick = Callable[[Row], Any]


class Rows(list[Row]):
    """Objects by the names of their fields in the schema. Each value is there, serialized; an object in one is a row or None."""


class Columns(ABC):
    """Objects that stand as columns: of thousands of people only what is asked for is made, a field at a time."""

    @abstractmethod
    def column(self, name: str) -> Sequence[Any]:
        """The values of one field, serialized; none of them is an object."""


class RowsExecutor(ExecutorThrowingOnIncremental):
    def complete_list_value(
        self, return_type: Any, field_details_list: Any, info: Any, path: Any, result: Any, position_context: Any
    ) -> Any:
        if isinstance(result, Columns):
            return self._from_columns(get_named_type(return_type), field_details_list, result)
        if not isinstance(result, Rows):
            return super().complete_list_value(return_type, field_details_list, info, path, result, position_context)
        of = get_named_type(return_type)
        assert is_object_type(of)
        pick = self._picker(of, field_details_list)
        return [pick(row) for row in result]

    def _from_columns(self, of: Any, details: Any, result: Columns) -> list[dict[str, Any]]:
        grouped = self.collect_subfields(of, details)[0]
        columns: list[Iterable[Any]] = []
        for fields in grouped.values():
            name = fields[0].node.name.value
            columns.append(repeat(of.name, len(result.column("id"))) if name == "__typename" else result.column(name))
        keys = tuple(grouped)
        return [dict(zip(keys, values, strict=True)) for values in zip(*columns, strict=True)]

    def _picker(self, of: GraphQLObjectType, details: Any) -> Pick:
        grouped = self.collect_subfields(of, details)[0]
        named = {key: fields[0].node.name.value for key, fields in grouped.items()}
        inner = {
            key: self._picker(kind, grouped[key])
            for key, name in named.items()
            if name in of.fields and is_object_type(kind := get_named_type(of.fields[name].type))
        }
        if not inner and len(named) > 1 and "__typename" not in named.values():
            keys, values_of = tuple(named), itemgetter(*named.values())
            return lambda row: dict(zip(keys, values_of(row), strict=True))
        plan = [(key, name, inner.get(key)) for key, name in named.items()]
        return lambda row: {key: _value(row, name, picked, of.name) for key, name, picked in plan}


def _value(row: Row, name: str, picked: Pick | None, type_name: str) -> Any:
    if name == "__typename":
        return type_name
    value = row[name]
    return picked(value) if picked is not None and value is not None else value
