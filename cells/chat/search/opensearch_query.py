"""A question in OpenSearch's query language (https://docs.opensearch.org/latest/query-dsl/)."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from cells.chat.search.hits import TOTAL_MAX, Order, Question
from cells.chat.search.query import Match, Needle, Sought

FRESHNESS_PIVOT = "90d"
FRESHNESS_WEIGHT = 1.0
_Clause = dict[str, Any]
Within = Mapping[str, Sequence[str]]
NO_WORDS: Within = MappingProxyType({})


def search_body(question: Question, kind: str, threads: list[str] | None = None, within: Within = NO_WORDS) -> dict[str, Any] | None:
    """None where nothing can be found. Counted exactly to one past TOTAL_MAX, as everywhere. `within`: for parts of words, all the words
    that have them.
    """
    needle = question.needle
    if any(not marks for marks in needle.marks) or (kind == "message" and not question.seen):
        return None
    conditions = conditions_of(needle, kind)
    if kind == "message":
        conditions.append({"terms": {"place": sorted(question.seen)}})
    if threads is not None:
        channels = sorted(frozenset.intersection(*(company.channels for company in needle.company)))
        conditions.append({"bool": {"should": [{"terms": {"place": channels}}, {"terms": {"thread": threads}}]}})
    words = [_clause(sought, within) for sought in needle.sought if not sought.negated]
    unwanted = [_clause(sought, within) for sought in needle.sought if sought.negated]
    by_score = question.order is Order.SCORE and bool(needle.weighed)
    return {
        "query": {
            "bool": {
                "filter": conditions if by_score else [*conditions, *words],
                "must": words if by_score else [],
                "must_not": [*unwanted, {"terms": {"marks": sorted(needle.without)}}],
                "should": [_FRESHNESS] if by_score else [],
            }
        },
        "sort": _sort(by_score, "asc" if question.ascending else "desc"),
        "from": question.first,
        "size": question.size,
        "track_total_hits": TOTAL_MAX + 1,
        "docvalue_fields": [],
    }


_FRESHNESS = {"distance_feature": {"field": "at", "origin": "now", "pivot": FRESHNESS_PIVOT, "boost": FRESHNESS_WEIGHT}}


def conditions_of(needle: Needle, kind: str) -> list[_Clause]:
    conditions: list[_Clause] = [{"term": {"kind": kind}}, *({"terms": {"marks": sorted(marks)}} for marks in needle.marks)]
    if needle.since_us > 0 or needle.until_us < (1 << 61):
        conditions.append({"range": {"ts": {"gte": needle.since_us, "lte": needle.until_us}}})
    return conditions


def threads_body(user_mark: str, most: int) -> dict[str, Any]:
    """In which threads somebody took part lately."""
    return {
        "query": {"bool": {"filter": [{"terms": {"marks": [user_mark]}}, {"term": {"marks": "is:thread"}}]}},
        "size": 0,
        "aggs": {
            "threads": {
                "terms": {"field": "thread", "size": most, "order": {"latest": "desc"}},
                "aggs": {"latest": {"max": {"field": "ts"}}},
            }
        },
    }


def _clause(sought: Sought, within: Within) -> _Clause:
    """A part is asked for by its words where they are known: otherwise each segment's words are all looked through."""
    *whole, last = sought.terms
    match sought.match:
        case Match.WITHIN if last in within:
            return {"terms": {"words": sorted(within[last])}}
        case Match.WITHIN:
            return {"wildcard": {"words": {"value": f"*{_escaped(last)}*"}}}
        case Match.PREFIX if not whole:
            return {"prefix": {"words": {"value": last}}}
        case Match.PREFIX:
            return {"match_phrase_prefix": {"words": {"query": " ".join(sought.terms), "max_expansions": 1_000}}}
    return {"match_phrase": {"words": " ".join(sought.terms)}} if whole else {"term": {"words": {"value": last}}}


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?")


def _sort(by_score: bool, direction: str) -> list[dict[str, str]]:
    return [{"_score": direction}, {"ts": direction}] if by_score else [{"ts": direction}]
