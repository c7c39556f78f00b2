"""The general ledger of a loan: what is booked when, and that it agrees with the book whatever happens.

`ALMENO_ACCOUNT_TRIALS` says how many loans live.
"""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis.stateful import invariant
from support.accounts import Ledger, loan_of_2027, terms_of_2027
from support.lives import tell_lives
from support.lives_of_accounts import LivesOfAccounts
from support.trials import ACCOUNT_TRIALS

from almeno_grpc.domain.charge import LateTerms
from almeno_grpc.domain.cooling_off import exit_amount
from almeno_grpc.domain.customer_change import FieldChange
from almeno_grpc.domain.installments import InstallmentMethod
from almeno_grpc.domain.journal import JournalAccount as A
from almeno_grpc.domain.journal import JournalEntry, JournalEntryKind, LoanJournal
from almeno_grpc.domain.loan import LoanState
from almeno_grpc.domain.postings import account_on
from almeno_grpc.domain.repayment import PrepaymentEffect, RepaymentKind
from almeno_grpc.domain.replay import History, replay
from almeno_grpc.domain.sheet_versions import SheetChange, SheetVersion, sheet_versions

EMI = 10_746_95
CLOSED = (A.LOANS, A.INTEREST_RECEIVABLE, A.BORROWER_ADVANCES)


def entries_of(ledger: Ledger, begin=date.min, end=date(2027, 12, 31), terms=None) -> list[JournalEntry]:
    return list(LoanJournal(ledger.loan, ledger.history, ledger.late_terms, terms).entries(begin, end))


def lines_of(entry: JournalEntry) -> dict[str, int]:
    return {line.account: line.amount for line in entry.lines}


def balances(entries: list[JournalEntry]) -> Counter[A]:
    sums: Counter[A] = Counter()
    for entry in entries:
        for line in entry.lines:
            sums[line.account] += line.amount
    return sums


def test_loan_is_disbursed_less_its_fee_and_the_tax_on_it():
    [entry] = entries_of(Ledger(loan_of_2027()), end=date(2027, 1, 30), terms=terms_of_2027())
    assert (entry.entry_id, entry.entry_date, entry.kind) == ("1-disbursement", date(2027, 1, 15), "DISBURSEMENT")
    assert lines_of(entry) == {
        A.LOANS: 500_000_00,
        A.BANK: -494_100_00,
        A.FEE_INCOME: -5_000_00,
        A.GST_PAYABLE: -900_00,
    }


def test_interest_is_accrued_at_the_end_of_the_month_and_on_the_due_date():
    [_, january, february] = entries_of(Ledger(loan_of_2027()), end=date(2027, 2, 15))
    assert [entry.entry_id for entry in (january, february)] == ["1-accrual-20270131", "1-accrual-20270215"]
    assert lines_of(january) == {A.INTEREST_RECEIVABLE: 2_258_06, A.INTEREST_INCOME: -2_258_06}
    assert lines_of(february) == {A.INTEREST_RECEIVABLE: 2_116_94, A.INTEREST_INCOME: -2_116_94}


def test_instalment_paid_on_its_due_date_repays_interest_and_principal():
    ledger = Ledger(loan_of_2027())
    ledger.pay(EMI, date(2027, 2, 15))
    *_, entry = entries_of(ledger, end=date(2027, 2, 15))
    assert entry.entry_id == "1-repayment-1"
    assert lines_of(entry) == {A.BANK: EMI, A.LOANS: -6_371_95, A.INTEREST_RECEIVABLE: -4_375_00}


def test_instalment_paid_ahead_is_earned_day_by_day_all_the_same():
    ledger = Ledger(loan_of_2027())
    ledger.pay(EMI, date(2027, 1, 31))
    entries = entries_of(ledger, end=date(2027, 2, 15))
    assert lines_of(entries[2]) == {
        A.BANK: EMI,
        A.LOANS: -6_371_95,
        A.INTEREST_RECEIVABLE: -2_258_06,
        A.BORROWER_ADVANCES: -2_116_94,
    }
    assert lines_of(entries[3]) == {A.BORROWER_ADVANCES: 2_116_94, A.INTEREST_INCOME: -2_116_94}


def test_period_that_ends_before_a_payment_has_the_entries_of_its_days_in_a_longer_one():
    ledger = Ledger(loan_of_2027())
    ledger.pay(EMI, date(2027, 1, 25))
    day = date(2027, 1, 20)
    assert entries_of(ledger, end=day) + entries_of(ledger, begin=day + timedelta(days=1)) == entries_of(ledger)


def test_reversal_posted_behind_an_exit_though_clocks_differ_leaves_nothing():
    """The server that recorded the reversal was some time ahead of the one that recorded the exit."""
    ledger = Ledger(loan_of_2027())
    ledger.pay(EMI, date(2027, 1, 16))
    ledger.reverse(1, date(2027, 1, 17))
    due = exit_amount(ledger.account, date(2027, 1, 17), terms_of_2027()).due
    ledger.pay(due, date(2027, 1, 17), kind=RepaymentKind.EXIT)
    first, given_back = ledger.history.repayments
    ahead = replace(first, reversal=replace(first.reversal, create_time=given_back.create_time + 1))
    sums = balances(entries_of(replace(ledger, history=History([ahead, given_back])), terms=terms_of_2027()))
    assert {account for account in CLOSED if sums[account]} == set()
    assert sums[A.BANK] == due - 494_100_00


def test_part_payment_is_an_advance_until_the_instalment_is_whole():
    ledger = Ledger(loan_of_2027())
    ledger.pay(1_000_00, date(2027, 1, 15))
    assert lines_of(entries_of(ledger, end=date(2027, 1, 15))[-1]) == {A.BANK: 1_000_00, A.BORROWER_ADVANCES: -1_000_00}


def test_reversal_is_booked_on_its_day_and_leaves_what_was_booked_before():
    ledger = Ledger(loan_of_2027())
    for month in (2, 3, 4):
        ledger.pay(EMI, date(2027, month, 15))
    before = entries_of(ledger, end=date(2027, 4, 19))
    ledger.reverse(2, date(2027, 4, 20))
    entries = entries_of(ledger, end=date(2027, 4, 20))
    assert entries[: len(before)] == before
    assert entries[-1].entry_id == "1-reversal-2"
    assert lines_of(entries[-1])[A.BANK] == -EMI
    assert balances(entries)[A.LOANS] == ledger.loan.outstanding_principal


def test_prepayment_repays_principal_and_its_own_interest():
    ledger = Ledger(loan_of_2027())
    day = date(2027, 1, 15)
    for _ in range(12):
        day = (day.replace(day=1) + timedelta(days=31)).replace(day=15)
        ledger.pay(EMI, day)
    ledger.pay(1_00_000_00, date(2028, 1, 30), PrepaymentEffect.LOWER_INSTALLMENT)
    [entry] = [each for each in entries_of(ledger, end=date(2028, 1, 30)) if each.kind == "PREPAYMENT"]
    # What is left of the running instalment's interest is rounded anew, which here takes a paisa off.
    assert lines_of(entry) == {
        A.BANK: 1_00_000_00,
        A.LOANS: -99_578_40,
        A.INTEREST_RECEIVABLE: -421_61,
        A.INTEREST_INCOME: 1,
    }


@pytest.mark.parametrize("refunded", [False, True])
def test_exit_in_the_cooling_off_period_leaves_nothing(refunded):
    terms = terms_of_2027(refunded_on_exit=refunded)
    ledger = Ledger(loan_of_2027())
    due = exit_amount(ledger.account, date(2027, 1, 18), terms).due
    ledger.pay(due, date(2027, 1, 18), kind=RepaymentKind.EXIT)
    sums = balances(entries_of(ledger, terms=terms))
    assert {account for account in CLOSED if sums[account]} == set()
    assert sums[A.INTEREST_INCOME] == -423_39
    assert (sums[A.FEE_INCOME], sums[A.GST_PAYABLE]) == ((0, 0) if refunded else (-5_000_00, -900_00))
    assert sums[A.BANK] == 423_39 + (0 if refunded else 5_900_00)


def test_refund_above_the_payoff_is_owed_to_the_borrower():
    terms = terms_of_2027(refunded_on_exit=True)
    ledger = Ledger(loan_of_2027())
    ledger.pay(500_000_00 - 100_00, date(2027, 1, 15))
    assert exit_amount(ledger.account, date(2027, 1, 15), terms) == (0, 5_800_00)
    ledger.pay(0, date(2027, 1, 15), kind=RepaymentKind.EXIT)
    sums = balances(entries_of(ledger, terms=terms))
    # It paid out 4,94,100.00, and got 4,99,900.00.
    assert {account: amount for account, amount in sums.items() if amount} == {
        A.BANK: 5_800_00,
        A.BORROWER_ADVANCES: -5_800_00,
    }
    ledger.reverse(2, date(2027, 1, 16))
    *_, back = entries_of(ledger, end=date(2027, 1, 16), terms=terms)
    assert (back.kind, A.BANK in lines_of(back)) == ("REVERSAL", False)


def test_charge_and_its_waiver_are_booked_on_their_days():
    ledger = Ledger(loan_of_2027())
    ledger.charge(590_00, date(2027, 1, 20))
    ledger.waive(90_00, date(2027, 1, 21))
    charge, waiver = [each for each in entries_of(ledger, end=date(2027, 1, 21)) if each.kind != "ACCRUAL"][1:]
    assert (charge.entry_id, waiver.entry_id) == ("1-charge-1", "1-waiver-2")
    assert lines_of(charge) == {A.CHARGES_RECEIVABLE: 590_00, A.CHARGE_INCOME: -590_00}
    assert lines_of(waiver) == {A.CHARGES_RECEIVABLE: -90_00, A.CHARGE_INCOME: 90_00}


def test_late_charge_is_accrued_like_interest():
    ledger = Ledger(loan_of_2027(), LateTerms(Decimal(24), 3, Decimal(10)))
    ledger.pay(5_000_00, date(2027, 2, 20))
    ledger.pay(5_746_95, date(2027, 3, 10))
    assert balances(entries_of(ledger, end=date(2027, 3, 10)))[A.CHARGE_INCOME] == -103_35


def test_imported_loan_opens_with_the_principal_that_its_sheet_has_left():
    loan = loan_of_2027(
        installment_method=InstallmentMethod.ANNUAL_COMPOUND,
        decision_id=None,
        source_loan_id=1,
        emis_paid=6,
        outstanding_principal=450_000_00,
    )
    opening, accrual, *_ = entries_of(Ledger(loan))
    assert (opening.entry_id, opening.entry_date) == ("1-opening", date(2027, 1, 15))
    assert lines_of(opening) == {A.LOANS: 450_000_00, A.OPENING_BALANCES: -450_000_00}
    # The first six instalments are none of the ledger's: the seventh is the first that earns.
    assert accrual.entry_date == date(2027, 7, 31)


def test_sheet_that_is_loaded_again_is_booked_on_its_book_date_and_what_was_earned_stays():
    first = loan_of_2027(
        installment_method=InstallmentMethod.ANNUAL_COMPOUND,
        decision_id=None,
        source_loan_id=1,
        interest_rate=Decimal(12),
    )
    second = replace(first, emis_paid=2, outstanding_principal=480_000_00)
    third = replace(first, emis_paid=60, outstanding_principal=0)
    days = [date(2027, 3, 20), date(2027, 4, 30)]
    changes = [
        SheetChange(days[0], FieldChange("emis_paid", "0", "2")),
        SheetChange(days[0], FieldChange("outstanding_principal", "500000.00", "480000.00")),
        SheetChange(days[1], FieldChange("emis_paid", "2", "60")),
        SheetChange(days[1], FieldChange("outstanding_principal", "480000.00", "0.00")),
    ]
    versions = sheet_versions(third, History(), changes)
    assert versions == [SheetVersion(days[0], first), SheetVersion(days[1], second)]
    entries = list(LoanJournal(third, History(), None, None, versions).entries(date.min, date(2027, 12, 31)))
    assert all(sum(line.amount for line in entry.lines) == 0 for entry in entries)
    opened = [entry for entry in entries if entry.kind == "OPENING"]
    assert [(entry.entry_id, entry.entry_date) for entry in opened] == [
        ("1-opening", date(2027, 1, 15)),
        ("1-opening-1", days[0]),
        ("1-opening-2", days[1]),
    ]
    assert [lines_of(entry)[A.LOANS] for entry in opened] == [500_000_00, -20_000_00, -480_000_00]
    assert all(A.INTEREST_INCOME not in lines_of(entry) for entry in opened)
    earned = [balances([each for each in entries if each.entry_date <= day])[A.INTEREST_INCOME] for day in days]
    assert 0 > earned[0] > earned[1] == balances(entries)[A.INTEREST_INCOME]
    sums = balances(entries)
    assert {account for account in (A.LOANS, A.INTEREST_RECEIVABLE) if sums[account]} == set()
    april = list(LoanJournal(third, History(), None, None, versions).entries(date(2027, 4, 1), date(2027, 4, 30)))
    assert april == [entry for entry in entries if entry.entry_date.month == 4]


def test_sheets_that_are_loaded_out_of_their_order_count_from_the_earlier_day():
    loan = loan_of_2027(decision_id=None, source_loan_id=1, emis_paid=3)
    changes = [
        SheetChange(date(2027, 4, 1), FieldChange("emis_paid", "1", "2")),
        SheetChange(date(2027, 3, 1), FieldChange("emis_paid", "2", "3")),
    ]
    [version] = sheet_versions(loan, History(), changes)
    assert (version.until, version.loan.emis_paid) == (date(2027, 3, 1), 1)


def test_sanctioned_loan_is_in_no_account_until_it_is_disbursed():
    sanctioned = loan_of_2027(valid_until=date(2027, 2, 14))
    assert entries_of(Ledger(sanctioned)) == []
    disbursed = replace(sanctioned, disbursed_on=date(2027, 1, 20))
    assert entries_of(Ledger(disbursed))[0].entry_date == date(2027, 1, 20)


def test_nothing_is_earned_between_payments_behind_the_last_due_date():
    ledger = Ledger(loan_of_2027())
    ledger.pay(EMI, date(2032, 2, 1))
    ledger.pay(EMI, date(2032, 3, 1))
    entries = entries_of(ledger, begin=date(2032, 1, 16), end=date(2032, 4, 30))
    assert [entry.entry_id for entry in entries] == ["1-repayment-1", "1-repayment-2"]


def test_entry_that_does_not_balance_is_never_given():
    journal = LoanJournal(loan_of_2027(), History(), None, None)
    with pytest.raises(ValueError, match="does not balance"):
        list(journal._entry(JournalEntryKind.ACCRUAL, "", date(2027, 1, 31), (0,) * len(A), (1,) * len(A)))


class BookedLives(LivesOfAccounts):
    """Whatever happens to a loan, its ledger agrees with its account."""

    terms = terms_of_2027()

    @invariant()
    def ledger_agrees_with_the_account(self) -> None:
        ledger, today = self.ledger, self.today
        self.looks = getattr(self, "looks", 0) + 1
        if self.looks % 5:
            return
        journal = LoanJournal(ledger.loan, ledger.history, ledger.late_terms, self.terms)
        entries = list(journal.entries(date.min, today))
        assert all(sum(line.amount for line in entry.lines) == 0 for entry in entries)
        assert len({entry.entry_id for entry in entries}) == len(entries)
        days = [entry.entry_date for entry in entries]
        assert days == sorted(days)
        sums = balances(entries)
        assert sums[A.LOANS] == ledger.loan.outstanding_principal
        assert sums[A.INTEREST_RECEIVABLE] >= 0
        assert sums[A.CHARGES_RECEIVABLE] >= 0
        assert sums[A.BORROWER_ADVANCES] <= 0
        if ledger.loan.state in (LoanState.CLOSED, LoanState.EXITED):
            assert {account for account in CLOSED if sums[account]} == set()
            # What was recorded behind the day of an exit stays open.
            assert sums[A.CHARGES_RECEIVABLE] == sum(charge.open for charge in ledger.account.charges_on(today))
            self.result["ended"] += 1
        self.assert_no_income_by_payment(entries)
        begin = today - timedelta(days=self.looks * 7 % 120)
        assert list(journal.entries(begin, today)) == [entry for entry in entries if entry.entry_date >= begin]
        split = begin + (today - begin) * (self.looks % 3) / 2
        parts = [*journal.entries(date.min, split), *journal.entries(split + timedelta(days=1), today)]
        assert parts == entries
        self.assert_accounts_of_days(begin, split)
        for day in {*days[-4:], *(today - timedelta(days=n) for n in (0, 1, 17, 45, 200))}:
            if day >= self.begin:
                booked = balances([entry for entry in entries if entry.entry_date <= day])[A.LOANS]
                account = account_on(ledger.loan, ledger.history, ledger.late_terms, day)
                assert booked == account.loan.outstanding_principal

    def assert_accounts_of_days(self, *days) -> None:
        """Of a day counts what is dated on it or before: without reversals that is the beginning by dates."""
        ledger = self.ledger
        if any(each.reversal for each in ledger.history.repayments):
            return
        for day in days:
            if day >= self.begin:
                dated = History(
                    [each for each in ledger.history.repayments if each.payment_date <= day],
                    [each for each in ledger.history.charges if each.entry_date <= day],
                )
                of_day = replay(ledger.loan, dated, ledger.late_terms).account
                assert account_on(ledger.loan, ledger.history, ledger.late_terms, day).rows == of_day.rows
                assert account_on(ledger.loan, ledger.history, ledger.late_terms, day).charges == of_day.charges

    def assert_no_income_by_payment(self, entries) -> None:
        """Interest is earned by the day: to pay it earns none, but for the paisa that a prepayment rounds."""
        paid_on = {str(each.number): each.payment_date for each in self.ledger.history.repayments}
        for entry in entries:
            if entry.kind in (JournalEntryKind.REPAYMENT, JournalEntryKind.PREPAYMENT, JournalEntryKind.EXIT):
                if paid_on[entry.entry_id.rpartition("-")[2]] != entry.entry_date:
                    continue
                rounded = 1 if entry.kind == JournalEntryKind.PREPAYMENT else 0
                assert abs(lines_of(entry).get(A.INTEREST_INCOME, 0)) <= rounded


def test_ledger_agrees_with_the_account_whatever_happens(request) -> None:
    tell_lives(request, BookedLives, ("repaid", "ended"), ACCOUNT_TRIALS)
