"""What comes of the rows of an import while they land."""

from dataclasses import dataclass, field

from almeno_grpc.domain.imports import CustomerRows, IssueOutcome, RowIssue


@dataclass
class BatchResult:
    """What a batch has come to so far."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    issues: list[RowIssue] = field(default_factory=list)
    check_existing: bool = False
    """Whether each customer is looked up before it is added."""
    without_phone_numbers: list[CustomerRows] = field(default_factory=list)
    """Customers who were added, and whose phone numbers are still to be taken."""
    mostly_existing: bool = False
    """Whether the latest loans looked at had numbers most of which were taken: those that follow are likely alike."""

    def reject(self, row_number: int, column: str, message: str) -> None:
        """Notes why a row is not taken."""
        self.issues.append(RowIssue(row_number, IssueOutcome.REJECTED, column, message))

    def adjust(self, row_number: int, column: str, message: str) -> None:
        """Notes with what change a row was taken."""
        self.issues.append(RowIssue(row_number, IssueOutcome.ADJUSTED, column, message))
