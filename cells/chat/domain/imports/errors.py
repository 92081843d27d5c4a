from cells.chat.domain.errors import DomainError


class ImportElsewhere(DomainError):
    """Somebody else has taken this import further meanwhile."""

    code = "import_conflict"


class BadArchivePart(DomainError):
    """What the reader of the archive sent cannot be followed."""

    code = "invalid_import"
