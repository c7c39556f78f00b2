"""Partitions of tables, as PostgreSQL has them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Partition:
    """A partition of a table, attached or not. Instants are microseconds since the epoch."""

    table: str
    name: str
    start: int | None
    """None where it has all of before."""
    end: int
    rows: int
    """As the planner knows it."""
    size_bytes: int
    """With its indexes."""
    is_attached: bool = True
