"""The headings of the book's two files, and what is taken as the same."""

import unicodedata

from almeno_grpc.domain.imports import ImportKind

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

INSTALLMENTS_PAID = "Installments Paid"
PAID_TOWARD_NEXT = "Paid toward Next Installment"
INSTALLMENT_METHOD = "Installment Method"

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

EXPORT_HEADINGS = (INSTALLMENTS_PAID, PAID_TOWARD_NEXT, INSTALLMENT_METHOD)
"""What a sheet of loans that was exported says besides: it is known by all of them together."""

KEYS = {ImportKind.CUSTOMERS: (CUSTOMER_ID,), ImportKind.LOANS: (CUSTOMER_ID, LOAN_ID)}
"""The columns by which a row is known."""


SYNONYMS = {
    MONTHLY_SALARY: ("Monthly Income", "Salary"),
    DATE_OF_APPROVAL: ("Approval Date", "Start Date"),
    MONTHLY_PAYMENT: ("Monthly Repayment", "Monthly Installment", "Monthly Instalment", "EMI"),
    EMIS_PAID_ON_TIME: ("EMIs paid", "EMIs on Time"),
}
"""Headings taken as the same, where the file has not the book's own."""


def plain_heading(heading: str) -> str:
    """What of a heading matters."""
    characters = (character for character in heading if unicodedata.category(character) != "Cf")
    return "".join("".join(characters).replace("_", " ").split()).casefold()
