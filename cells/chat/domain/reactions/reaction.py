from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reaction:
    name: str
    user_ids: tuple[str, ...]
    """In the order they reacted."""
