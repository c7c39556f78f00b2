"""Changes of loans: what is written of a field is read back as it was."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import reduce

from support.accounts import loan_of_2027

from almeno_grpc.domain import customer_change
from almeno_grpc.domain.customer_change import before_change, changes_of_loan


def test_loan_is_as_before_once_each_change_is_taken_back():
    before = loan_of_2027(interest_rate=Decimal("10.0625"))
    after = replace(
        before,
        loan_amount=400_000_01,
        interest_rate=Decimal(9),
        tenure_months=48,
        monthly_installment=9_000_05,
        emis_paid=3,
        emis_paid_on_time=2,
        outstanding_principal=390_000_10,
        approval_date=date(2027, 1, 1),
    )
    changes = list(changes_of_loan(before, after))
    assert {change.field for change in changes} == set(customer_change._LOAN_FIELDS)
    assert reduce(before_change, changes, after) == before
