"""What comes of the rows of a batch."""

from dataclasses import dataclass, field

from almeno_grpc.domain.imports import IssueOutcome, RowIssue


@dataclass
class BatchResult:
    """What a batch has come to so far."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    issues: list[RowIssue] = field(default_factory=list)

    def reject(self, row_number: int, column: str, message: str) -> None:
        """Notes why a row is not taken."""
        self.issues.append(RowIssue(row_number, IssueOutcome.REJECTED, column, message))

    def adjust(self, row_number: int, column: str, message: str) -> None:
        """Notes with what change a row was taken."""
        self.issues.append(RowIssue(row_number, IssueOutcome.ADJUSTED, column, message))
