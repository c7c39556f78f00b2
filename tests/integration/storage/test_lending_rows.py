"""What becomes of a loan after its booking, as a transaction writes it and another reads it, on either database."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from hashlib import sha256

import pytest
from support.audit_trail import edit, findings
from support.store_rows import TODAY, customer_of, decision_of, loan_of, repaid

from almeno_grpc.bootstrap import load_norms
from almeno_grpc.clock import Clock
from almeno_grpc.domain.audit import AuditEntry, AuditEventKind
from almeno_grpc.domain.charge import ChargeEntry, ChargeKind
from almeno_grpc.domain.loan import Loan, LoanState, SanctionEnd, Segment
from almeno_grpc.domain.repayment import (
    PrepaymentEffect,
    Repayment,
    RepaymentChannel,
    RepaymentKind,
    Reversal,
    ReversalReason,
)
from almeno_grpc.service.store import Changes, SegmentRecord

VALID_UNTIL = TODAY + timedelta(days=30)
EMPTY = sha256(b"{}").hexdigest()
RETURNED = Reversal(TODAY, ReversalReason.RETURNED, "01", 12)


def write(store, **changes) -> None:
    """Writes changes, vouched for by an event."""
    event = AuditEntry(AuditEventKind.WRITE, Clock.now_microseconds(), "", "", "m")
    store.write(lambda tx: tx.write(Changes(event=event, on=TODAY, **changes)))


def update(store, before: Loan, after: Loan, **changes) -> Loan:
    """Writes changes after which a loan stands otherwise."""
    write(store, loans_before=[before], updated_loans=[after], **changes)
    return after


@pytest.fixture
def book_loan(store):
    """Books loans of one customer."""
    [customer_id] = store.write(lambda tx: tx.customers.reserve_ids(1))
    write(store, customers=[customer_of(customer_id, 919_000_000_000)])

    def book_loan(**terms) -> Loan:
        [loan_id] = store.write(lambda tx: tx.loans.reserve_ids(1))
        loan = replace(loan_of(loan_id, customer_id, f"d{loan_id}"), **terms)
        write(
            store,
            decisions=[decision_of(f"d{loan_id}", customer_id, snapshot="{}", snapshot_sha256=EMPTY)],
            loans=[loan],
        )
        return loan

    return book_loan


@pytest.fixture
def pay(store):
    """Records payments: the repayment and the loan after it."""

    def pay(loan: Loan, *, changes=None, **payment) -> tuple[Repayment, Loan]:
        repayment, after = repaid(loan, **(changes or {}))
        repayment = replace(repayment, **payment)
        update(store, loan, after, repayments=[repayment])
        return repayment, after

    return pay


def stored(store, loan: Loan) -> Loan | None:
    """A loan as it is read in each way, which all agree."""
    with store.read() as tx:
        found = tx.loans.get(loan.loan_id)
        assert tx.loans.get_many([(loan.customer_id, loan.loan_id)]) == {loan.loan_id: found}
        assert [each for each in tx.loans.page(loan.customer_id, None, 0, 100, TODAY) if each == found]
        return found


def test_sanctioned_loan_is_disbursed_and_keeps_both_dates(store, book_loan):
    sanctioned = book_loan(valid_until=VALID_UNTIL, terms_version="2026-12")
    assert stored(store, sanctioned) == sanctioned
    assert sanctioned.next_due is None
    disbursed = replace(sanctioned, disbursed_on=TODAY + timedelta(days=20))
    end = SanctionEnd(
        sanctioned.customer_id, sanctioned.loan_id, LoanState.ACTIVE, TODAY + timedelta(days=20), "", "UTR-1", 13
    )
    update(store, sanctioned, disbursed, sanction_ends=[end])
    assert stored(store, sanctioned) == disbursed
    assert (disbursed.approval_date, disbursed.next_due) == (TODAY, date(2026, 5, 30))
    with store.read() as tx:
        assert tx.loans.sanction_end(disbursed) == end
    assert findings(store) == []


def test_loan_that_was_never_sanctioned_has_no_end_of_a_sanction(store, book_loan):
    loan = book_loan()
    assert stored(store, loan) == loan
    with store.read() as tx:
        assert tx.loans.sanction_end(loan) is None


def test_loan_may_be_disbursed_on_the_day_of_its_approval_after_a_sanction(store, book_loan):
    sanctioned = book_loan(valid_until=VALID_UNTIL)
    disbursed = update(store, sanctioned, replace(sanctioned, disbursed_on=TODAY))
    assert stored(store, sanctioned) == disbursed


def test_loans_are_listed_by_their_state_on_the_business_date(store, book_loan, pay):
    active = book_loan()
    sanctioned = book_loan(valid_until=VALID_UNTIL)
    waiting = book_loan(valid_until=VALID_UNTIL)
    cancelled = update(store, waiting, replace(waiting, ended_as=LoanState.CANCELLED, outstanding_principal=0))
    paid = {"emis_paid": 12, "emis_paid_on_time": 12, "outstanding_principal": 0}
    _, closed = pay(book_loan(), changes=paid)
    _, charged = pay(book_loan(), changes=paid | {"open_charges": 5}, closes_loan=False)
    given_back = {"ended_as": LoanState.EXITED, "outstanding_principal": 0}
    _, exited = pay(book_loan(), changes=given_back, kind=RepaymentKind.EXIT, amount=0)

    def listed(on: date) -> dict[LoanState, list[Loan]]:
        with store.read() as tx:
            pages = {state: tx.loans.page(active.customer_id, state, 0, 100, on) for state in LoanState}
            return {state: page for state, page in pages.items() if page}

    others = {
        LoanState.ACTIVE: [active, charged],
        LoanState.CLOSED: [closed],
        LoanState.CANCELLED: [cancelled],
        LoanState.EXITED: [exited],
    }
    assert listed(VALID_UNTIL) == others | {LoanState.SANCTIONED: [sanctioned]}
    assert listed(VALID_UNTIL + timedelta(days=1)) == others | {LoanState.EXPIRED: [sanctioned]}
    [norms] = load_norms()
    with store.read() as tx:
        for day, state in ((VALID_UNTIL, LoanState.SANCTIONED), (VALID_UNTIL + timedelta(days=1), LoanState.EXPIRED)):
            counted = Counter({group.state: 0 for group in tx.statistics.loans(day, norms)})
            for group in tx.statistics.loans(day, norms):
                counted[group.state] += group.loans
            assert counted == {each: len(loans) for each, loans in others.items()} | {state: 1}
    assert findings(store) == []


def test_repayment_is_reversed_and_stays(store, book_loan, pay):
    loan = book_loan()
    first, once = pay(
        loan,
        changes={"emis_paid": 1, "emis_paid_on_time": 1, "outstanding_principal": 9_200_000},
        channel=RepaymentChannel.NACH,
        external_reference="M-1",
        charges_paid=700,
    )
    second, twice = pay(once, changes={"paid_toward_next": 5}, external_reference="M-2")
    back = replace(once, repayment_count=2, latest_repayment=1)
    returned = replace(second, reversal=RETURNED)
    update(store, twice, back, reversals=[returned])
    with store.read() as tx:
        assert tx.loans.get(loan.loan_id) == back
        assert tx.repayments.of_loan(back) == tx.repayments.page(back, 0, 10) == [first, returned]
        assert tx.repayments.first_and_latest([back]) == {loan.loan_id: (first, first)}
        assert tx.repayments.find(second.repayment_id) == returned
        assert tx.repayments.find("nowhere") is None
        assert tx.repayments.standing_with_reference(back, "M-1") == first
        assert tx.repayments.standing_with_reference(back, "M-2") is None
    update(store, back, replace(loan, repayment_count=2), reversals=[replace(first, reversal=RETURNED)])
    with store.read() as tx:
        found = tx.loans.get(loan.loan_id)
        assert found == replace(loan, repayment_count=2)
        assert tx.repayments.first_and_latest([found]) == {loan.loan_id: (replace(first, reversal=RETURNED), None)}
        assert tx.repayments.of_loan(replace(found, repayment_count=0)) == []
    assert findings(store) == []


def test_reversal_that_is_none_is_not_written(store, book_loan, pay):
    repayment, _ = pay(book_loan(), changes={"paid_toward_next": 1})
    with pytest.raises(ValueError, match="is not reversed"):
        write(store, reversals=[repayment])


def test_segments_stand_as_long_as_their_prepayments(store, book_loan, pay):
    plain, loan = book_loan(), book_loan()
    segment = Segment(2, 8_000_000, Decimal("12.5"), 11, 777_777)
    prepayment, prepaid = pay(
        loan,
        changes={
            "segments": (loan.booked_terms, segment),
            "outstanding_principal": 8_000_000,
            "monthly_installment": 777_777,
        },
        kind=RepaymentKind.PREPAYMENT,
        effect=PrepaymentEffect.LOWER_INSTALLMENT,
    )
    key = (loan.customer_id, loan.loan_id)
    records = [SegmentRecord(*key, 1, loan.booked_terms, None), SegmentRecord(*key, 2, segment, prepayment.number)]
    write(store, segments=records)
    assert stored(store, loan) == prepaid
    with store.read() as tx:
        assert tx.loans.segments(prepaid) == records
        assert tx.loans.segments(plain) == []
        # With another that has none.
        assert tx.loans.get_many([key, (plain.customer_id, plain.loan_id)]) == {
            plain.loan_id: plain,
            loan.loan_id: prepaid,
        }
        assert tx.repayments.find(prepayment.repayment_id) == prepayment
    back = replace(loan, repayment_count=1)
    update(store, prepaid, back, reversals=[replace(prepayment, reversal=RETURNED)])
    assert stored(store, loan) == back
    # The next one finds the schedule as it was booked in its place.
    _, again = pay(
        back,
        changes={"segments": (loan.booked_terms, segment), "outstanding_principal": 8_000_000},
        kind=RepaymentKind.PREPAYMENT,
        effect=PrepaymentEffect.SHORTER_TENURE,
    )
    third = SegmentRecord(*key, 3, segment, 2)
    write(store, segments=[third])
    assert stored(store, loan) == again
    with store.read() as tx:
        assert tx.loans.segments(again) == [*records, third]
    assert findings(store) == []


def test_charges_and_waivers_are_read_in_their_order(store, book_loan):
    loan = book_loan()
    entries = [
        ChargeEntry(loan.customer_id, loan.loan_id, number, kind, 50_000, reason, TODAY, 0, 12)
        for number, kind, reason in ((1, ChargeKind.BOUNCE, "returned"), (2, ChargeKind.WAIVER, "लौटाया"))
    ]
    with store.read() as tx:
        assert tx.charges.of_loan(loan) == []
    charged = update(store, loan, replace(loan, charge_count=2), charge_entries=entries)
    with store.read() as tx:
        assert tx.loans.get(loan.loan_id) == charged
        assert tx.charges.of_loan(charged) == entries
    assert findings(store) == []


def test_class_of_a_customer_changes_twice_in_a_transaction(store, book_loan):
    customer_id = book_loan().customer_id
    event = AuditEntry(AuditEventKind.WRITE, Clock.now_microseconds(), "", "", "m")
    changes = [
        Changes(event=event, on=TODAY, non_performing_customers={customer_id: since})
        for since in (TODAY, date(2026, 2, 1))
    ]
    store.write(lambda tx: tx.write(*changes))
    with store.read() as tx:
        assert tx.customers.non_performing_since([customer_id, 7]) == {customer_id: date(2026, 2, 1)}
    assert findings(store) == []
    write(store, non_performing_customers={customer_id: None})
    with store.read() as tx:
        assert tx.customers.non_performing_since([customer_id]) == {}
    assert findings(store) == []


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE repayment_reversal SET reason = 'MISTAKE'", r"TAMPERED repayment_reversal"),
        ("UPDATE loan_segment SET installments = 9", r"TAMPERED loan_segment"),
        ("UPDATE loan_charge SET amount_paise = 1", r"TAMPERED loan_charge"),
        ("DELETE FROM sanction_end", r"TAMPERED sanction_end"),
        ("UPDATE customer SET non_performing_since_day = 739000", r"TAMPERED customer"),
        ("UPDATE loan SET terms_version = '2027-01'", r"TAMPERED loan "),
        ("UPDATE repayment SET channel = 'CASH'", r"TAMPERED repayment "),
    ],
)
def test_what_was_recorded_of_a_loan_cannot_be_edited_unseen(store, book_loan, pay, statement, found):
    loan = book_loan()
    key = (loan.customer_id, loan.loan_id)
    repayment, _ = pay(loan, changes={"paid_toward_next": 1}, channel=RepaymentChannel.UPI)
    write(
        store,
        reversals=[replace(repayment, reversal=RETURNED)],
        segments=[SegmentRecord(*key, 1, loan.booked_terms, None)],
        charge_entries=[ChargeEntry(*key, 1, ChargeKind.OTHER, 5, "", TODAY, 0, 12)],
        sanction_ends=[SanctionEnd(*key, LoanState.CANCELLED, TODAY, "LENDER", "", 12)],
    )
    assert findings(store) == []
    edit(store, statement)
    [finding] = findings(store)
    assert finding.startswith(found)


def test_event_of_changes_concerns_the_repayment_or_the_loan(book_loan, pay):
    repayment, after = pay(book_loan(), changes={"paid_toward_next": 1})
    reversed_ = Changes(reversals=[replace(repayment, reversal=RETURNED)], updated_loans=[after])
    assert reversed_.about == (after.customer_id, repayment.repayment_id)
    assert Changes(updated_loans=[after]).about == (after.customer_id, str(after.loan_id))
