"""The headings of the book's two files, and finding their columns."""

from collections.abc import Sequence

from almeno_grpc.domain.imports import ImportKind
from almeno_grpc.imports.errors import FileRefusedError

CUSTOMER_ID = "Customer ID"
FIRST_NAME = "First Name"
LAST_NAME = "Last Name"
AGE = "Age"
PHONE_NUMBER = "Phone Number"
MONTHLY_SALARY = "Monthly Salary"
APPROVED_LIMIT = "Approved Limit"

LOAN_ID = "Loan ID"
LOAN_AMOUNT = "Loan Amount"
TENURE = "Tenure"
INTEREST_RATE = "Interest Rate"
MONTHLY_PAYMENT = "Monthly payment"
EMIS_PAID_ON_TIME = "EMIs paid on Time"
DATE_OF_APPROVAL = "Date of Approval"
END_DATE = "End Date"

HEADINGS = {
    ImportKind.CUSTOMERS: (CUSTOMER_ID, FIRST_NAME, LAST_NAME, AGE, PHONE_NUMBER, MONTHLY_SALARY, APPROVED_LIMIT),
    ImportKind.LOANS: (
        CUSTOMER_ID,
        LOAN_ID,
        LOAN_AMOUNT,
        TENURE,
        INTEREST_RATE,
        MONTHLY_PAYMENT,
        EMIS_PAID_ON_TIME,
        DATE_OF_APPROVAL,
        END_DATE,
    ),
}

KEYS = {ImportKind.CUSTOMERS: (CUSTOMER_ID,), ImportKind.LOANS: (CUSTOMER_ID, LOAN_ID)}
"""The columns by which a row is known."""


def find_columns(kind: ImportKind, cells: Sequence[object]) -> list[int]:
    """Finds where the columns of the kind stand in the row of headings; others do not matter.

    Upper and lower case, spaces and underscores do not matter.

    Raises:
        FileRefusedError: Headings are missing, or stand twice; the message names them all.
    """
    found: dict[str, list[int]] = {}
    for position, cell in enumerate(cells):
        found.setdefault(_plain(str(cell)), []).append(position)
    headings = HEADINGS[kind]
    missing = [heading for heading in headings if _plain(heading) not in found]
    if missing:
        raise FileRefusedError(
            f"the file has no column headed {_listed(missing)}; a file of {kind.lower()} needs the headings "
            f"{_listed(headings)} in its first row"
        )
    twice = [heading for heading in headings if len(found[_plain(heading)]) > 1]
    if twice:
        raise FileRefusedError(f"more than one column is headed {_listed(twice)}; each heading may stand only once")
    return [found[_plain(heading)][0] for heading in headings]


def _plain(heading: str) -> str:
    return "".join(heading.replace("_", " ").split()).casefold()


def _listed(headings: Sequence[str]) -> str:
    return ", ".join(f"'{heading}'" for heading in headings)
