"""The ends of sanctions in the database: inserted once, never updated."""

from sqlalchemy import Connection, bindparam, select

from almeno_grpc.domain.loan import Loan, LoanState, SanctionEnd
from almeno_grpc.storage.compiled import CompiledStatement, Row
from almeno_grpc.storage.table_write import TableWrite
from almeno_grpc.storage.tables import sanction_end as table

INSERT = TableWrite(table, tuple(table.c))
_OF_LOAN = CompiledStatement(
    select(table).where(table.c.customer_id == bindparam("customer_id"), table.c.loan_id == bindparam("loan_id")),
    "customer_id",
    "loan_id",
)


def of_loan(connection: Connection, loan: Loan) -> SanctionEnd | None:
    """How the sanction of a loan ended, if it did."""
    row = _OF_LOAN.row(connection, loan.customer_id, loan.loan_id)
    if row is None:
        return None
    customer_id, loan_id, state, *others = row
    return SanctionEnd(customer_id, loan_id, LoanState(state), *others)


def row_of(end: SanctionEnd) -> Row:
    """The row of the end of a sanction, for `INSERT`."""
    return (
        end.customer_id,
        end.loan_id,
        end.state.value,
        end.end_date,
        end.reason,
        end.external_reference,
        end.create_time,
    )
