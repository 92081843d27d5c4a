from cells.chat.domain.errors import DomainError


class BadQuery(DomainError):
    """Not GraphQL, or not a query of this schema."""

    code = "invalid_query"


class TooDeep(DomainError):
    code = "depth_limit"


class TooCostly(DomainError):
    code = "cost_limit"
