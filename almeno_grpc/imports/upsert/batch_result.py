"""What comes of the rows of a batch."""

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
    """Whether each customer is looked up before it is inserted."""
    without_phone_numbers: list[CustomerRows] = field(default_factory=list)
    """Customers who were inserted, and whose phone numbers are still to be taken."""
    mostly_existing: bool = False
    """Whether most of the latest Loan IDs looked up were taken: those that follow are likely alike."""

    def reject(self, row_number: int, column: str, message: str) -> None:
        """Notes why a row is not taken."""
        self.issues.append(RowIssue(row_number, IssueOutcome.REJECTED, column, message))

    def adjust(self, row_number: int, column: str, message: str) -> None:
        """Notes with what change a row was taken."""
        self.issues.append(RowIssue(row_number, IssueOutcome.ADJUSTED, column, message))
