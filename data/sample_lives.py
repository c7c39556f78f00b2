"""What happens in the sample book: lives of loans, each an iterator of the days on which it goes on.

The loans of the files are repaid, by most borrowers in time; new customers come, ask, are declined or borrow; and one
life at least leads to each state and each asset class on the last day. Chance comes from generators with fixed seeds.
"""

import random
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from make_sample_book import FIRST_NAMES, LAST_NAMES

from almeno_grpc.domain.charge import ChargeKind
from almeno_grpc.domain.decision import LoanRequest
from almeno_grpc.domain.loan import Loan
from almeno_grpc.domain.months import due_date
from almeno_grpc.domain.repayment import PrepaymentEffect

RUPEE = 100
LAKH = 100_000 * RUPEE
FIRST_PHONE_NUMBER = 9_000_000_001
"""The numbers in the files begin with 6, 7 and 8."""
LATE_CUSTOMER = 100_025
"""Has paid nothing since the files were loaded; the tour looks at this one."""
NEW_BORROWERS = 40
SEED = 2026

Life = Iterator[date]
Lender = Any
"""`make_sample_database.Lender`."""


def all_lives(lender: Lender, today: date) -> Iterator[Life]:
    """Every life of the sample book, those of the files first."""
    yield from (repays_loan_of_book(lender, loan) for loan in list(lender.loans_of_book()))
    phone_numbers = iter(range(FIRST_PHONE_NUMBER, FIRST_PHONE_NUMBER + 1_000))
    people = random.Random(f"{SEED} people")

    def register(monthly_income: int = 85_000 * RUPEE) -> int:
        names = people.choice(FIRST_NAMES), people.choice(LAST_NAMES)
        customer = lender.register(*names, people.randint(21, 60), monthly_income, f"+91{next(phone_numbers)}")
        return customer.customer_id

    for days, paid in ((0, 3), (12, 2), (44, 2), (73, 2), (130, 1)):
        yield falls_behind(lender, register, today, days, paid)
    for effect in PrepaymentEffect:
        yield prepays(lender, register, today, effect)
    yield has_a_debit_returned(lender, register, today)
    yield catches_up(lender, register, today, months_to_pay=5)
    yield catches_up(lender, register, today, months_to_pay=2)
    yield pays_off(lender, register, today)
    yield repays_to_the_end(lender, register, today)
    yield takes_the_loan_later(lender, register, today)
    yield sanctioned(lender, register, today - timedelta(5))
    yield sanctioned(lender, register, today - timedelta(45))
    yield cancels(lender, register, today)
    yield exits(lender, register, today)
    yield earns_more(lender, register, today)
    yield asks_for_too_much(lender, register, today)
    yield owes_more_than_the_limit(lender, register, today)
    yield late_customer_asks(lender, today)
    chances = random.Random(f"{SEED} borrowers")
    for _ in range(NEW_BORROWERS):
        yield borrows(lender, register, today - timedelta(chances.randint(0, 200)), chances.randrange(10**9))
    for loan in lender.loans_of_book():
        if chances.random() < 0.1:
            yield asks_again(lender, loan, today - timedelta(chances.randint(0, 200)), chances.randint(1, 8) * LAKH)


def repays_loan_of_book(lender: Lender, loan: Loan) -> Life:
    """A loan of the files: most are repaid in time, some late, on some nothing is paid from some instalment on."""
    chances = random.Random(f"{SEED} loan {loan.loan_id}")
    habit = chances.random()
    missed = 0 if loan.customer_id == LATE_CUSTOMER else chances.randint(0, 6) if habit < 0.08 else None
    yield from repays(lender, loan, chances, is_late=habit > 0.9, missed=missed)


def repays(
    lender: Lender, loan: Loan, chances: random.Random, *, is_late: bool = False, missed: int | None = None
) -> Life:
    """Repays the rest of a loan, instalment by instalment.

    Args:
        lender: The lender.
        loan: The loan as it stands.
        chances: Says how late.
        is_late: Whether each instalment is paid some days after it fell due.
        missed: After so many instalments nothing is paid any more; None for never.
    """
    amounts = [row.amount for row in loan.rows()]
    for number in range(loan.emis_paid + 1, loan.tenure_months + 1):
        if missed == number - loan.emis_paid - 1:
            return
        yield due_date(loan.schedule_begin, number) + timedelta(chances.randint(2, 25) if is_late else 0)
        lender.repay(loan.loan_id, amounts[number - 1])


def months_ago(day: date, months: int) -> date:
    """The day that so many months later is that day, or one close to it at the end of a month."""
    return due_date(day, -months)


def lend(lender: Lender, customer_id: int, amount: int = 5 * LAKH, months: int = 60, *, later: bool = False) -> Loan:
    """Lends to a new customer, whose first request always passes."""
    request = LoanRequest(customer_id, amount, Decimal("10.5"), months)
    loan: Loan = lender.apply(request, disburse_later=later)
    return loan


def falls_behind(lender: Lender, register: Any, today: date, days: int, paid: int) -> Life:
    """Pays some instalments; the next one fell due so many days before the last day, and is not paid."""
    yield months_ago(today - timedelta(days), paid + 1)
    loan = lend(lender, register())
    yield from repays(lender, loan, random.Random(SEED), missed=paid)


def prepays(lender: Lender, register: Any, today: date, effect: PrepaymentEffect) -> Life:
    """Pays in time, and a lakh more in the middle of the fourth period."""
    yield months_ago(today, 5)
    loan = lend(lender, register())
    chances = random.Random(SEED)
    yield from repays(lender, loan, chances, missed=3)
    yield due_date(loan.approval_date, 3) + timedelta(15)
    lender.prepay(loan.loan_id, 1 * LAKH, effect)


def has_a_debit_returned(lender: Lender, register: Any, today: date) -> Life:
    """The third debit is returned and charged; it is paid late, and a part of the charges is waived."""
    yield months_ago(today - timedelta(20), 3)
    loan = lend(lender, register())
    emi = loan.monthly_installment
    yield from repays(lender, loan, random.Random(SEED), missed=2)
    yield due_date(loan.approval_date, 3)
    debit = lender.debit(loan.loan_id, emi, "NACH-000003")
    yield lender.day + timedelta(2)
    lender.reverse(debit, "04")
    lender.charge(loan.loan_id, ChargeKind.BOUNCE, 590 * RUPEE, "Debit returned: balance insufficient")
    yield lender.day + timedelta(7)
    lender.repay(loan.loan_id, emi + 200 * RUPEE)
    yield lender.day + timedelta(3)
    lender.charge(loan.loan_id, ChargeKind.WAIVER, 150 * RUPEE, "First returned debit of a good customer")


def catches_up(lender: Lender, register: Any, today: date, months_to_pay: int) -> Life:
    """Is non-performing and then pays: five instalments, which makes it standard, or a part, which does not."""
    yield months_ago(today - timedelta(15), 5)
    loan = lend(lender, register())
    yield today - timedelta(10)
    lender.repay(loan.loan_id, months_to_pay * loan.monthly_installment)


def pays_off(lender: Lender, register: Any, today: date) -> Life:
    """Pays two instalments, then all that is owed."""
    yield months_ago(today, 4)
    loan = lend(lender, register())
    yield from repays(lender, loan, random.Random(SEED), missed=2)
    yield today - timedelta(40)
    lender.pay_off(loan.loan_id)


def repays_to_the_end(lender: Lender, register: Any, today: date) -> Life:
    """Repays a loan of three months."""
    yield months_ago(today, 5)
    yield from repays(lender, lend(lender, register(), LAKH, 3), random.Random(SEED))


def takes_the_loan_later(lender: Lender, register: Any, today: date) -> Life:
    """Is lent to ten days after the approval."""
    yield months_ago(today, 4)
    loan = lend(lender, register(), later=True)
    yield lender.day + timedelta(10)
    yield from repays(lender, lender.disburse(loan), random.Random(SEED))


def sanctioned(lender: Lender, register: Any, day: date) -> Life:
    """A loan is approved, and nobody comes for it."""
    yield day
    lend(lender, register(), later=True)


def cancels(lender: Lender, register: Any, today: date) -> Life:
    """A loan is approved and not wanted any more."""
    yield today - timedelta(20)
    loan = lend(lender, register(), later=True)
    yield lender.day + timedelta(4)
    lender.cancel(loan)


def exits(lender: Lender, register: Any, today: date) -> Life:
    """A loan is given back within the days of cooling off."""
    yield today - timedelta(30)
    loan = lend(lender, register())
    yield lender.day + timedelta(2)
    lender.exit(loan)


def earns_more(lender: Lender, register: Any, today: date) -> Life:
    """A customer earns more, has another phone number and asks for a higher limit."""
    yield today - timedelta(60)
    customer_id = register()
    yield today - timedelta(15)
    lender.update(customer_id, monthly_income=92_000 * RUPEE, phone_number=f"+91{FIRST_PHONE_NUMBER + 1_000}")
    lender.set_limit(customer_id, None, "Higher income, payslips seen")


def asks_for_too_much(lender: Lender, register: Any, today: date) -> Life:
    """Is declined for the limit, for the burden, and for a rate above the one that is accepted."""
    yield today - timedelta(75)
    customer_id = register()
    lender.apply(LoanRequest(customer_id, 40 * LAKH, Decimal(11), 240))
    yield today - timedelta(50)
    lender.apply(LoanRequest(customer_id, 20 * LAKH, Decimal(11), 24))
    yield today - timedelta(25)
    lender.apply(LoanRequest(customer_id, 2 * LAKH, Decimal(14), 24, max_interest_rate=Decimal(12)))


def owes_more_than_the_limit(lender: Lender, register: Any, today: date) -> Life:
    """The limit of a customer is cut below the debt; then the customer asks for another loan."""
    yield months_ago(today, 3)
    loan = lend(lender, register())
    yield lender.day + timedelta(20)
    lender.set_limit(loan.customer_id, 4 * LAKH, "Lost the job")
    yield from repays(lender, loan, random.Random(SEED), missed=2)
    yield today - timedelta(6)
    lender.apply(LoanRequest(loan.customer_id, 1 * LAKH, Decimal(11), 24))


def late_customer_asks(lender: Lender, today: date) -> Life:
    """The customer who is late asks for a loan, on a day whose policy has a gate for it."""
    yield today
    if lender.policies.in_effect(today).gates.max_days_past_due is not None:
        lender.apply(LoanRequest(LATE_CUSTOMER, 1 * LAKH, Decimal(12), 12))


def borrows(lender: Lender, register: Any, day: date, seed: int) -> Life:
    """A new customer asks for a loan and, if it is approved, repays it: most in time."""
    chances = random.Random(seed)
    yield day
    customer_id = register(chances.randint(30, 180) * 1_000 * RUPEE)
    rate = Decimal(chances.randint(36, 72)) / 4
    loan = lender.apply(LoanRequest(customer_id, chances.randint(1, 25) * LAKH, rate, chances.randint(2, 20) * 6))
    if loan is not None:
        habit = chances.random()
        missed = chances.randint(0, 4) if habit < 0.1 else None
        yield from repays(lender, loan, chances, is_late=habit > 0.85, missed=missed)


def asks_again(lender: Lender, loan: Loan, day: date, amount: int) -> Life:
    """A customer of the files asks for one more loan and, if it is approved, repays it in time."""
    yield day
    if loan.customer_id != LATE_CUSTOMER:
        again = lender.apply(LoanRequest(loan.customer_id, amount, Decimal("12.5"), 48))
        if again is not None:
            yield from repays(lender, again, random.Random(SEED))
