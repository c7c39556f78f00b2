"""Terms files and the fees that follow from them."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

import almeno_grpc
from almeno_grpc.domain.errors import FeesExceedAmount
from almeno_grpc.domain.rule_file import RuleFileError
from almeno_grpc.domain.terms import Fees, Terms, fees_of, net_disbursed
from almeno_grpc.domain.terms_file import parse_terms

FILE = (Path(almeno_grpc.__file__).parent / "terms" / "2026-12.toml").read_text(encoding="utf-8")
RUPEE = 100


def terms_with(*changes: tuple[str, str]) -> Terms:
    text = FILE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return parse_terms(text.encode())


def fee_of(percent: str, minimum: str = "0", maximum: str = "25000", gst: str = "18") -> Terms:
    return terms_with(
        ('processing_percent = "0"', f'processing_percent = "{percent}"'),
        ('processing_min = "0"', f'processing_min = "{minimum}"'),
        ('processing_max = "25000"', f'processing_max = "{maximum}"'),
        ('gst_percent = "18"', f'gst_percent = "{gst}"'),
    )


def test_terms_of_the_package_charge_nothing():
    terms = parse_terms(FILE.encode())
    assert (terms.version, terms.effective_date) == ("2026-12", date(2026, 12, 1))
    assert (terms.valid_days, terms.cooling_off_days, terms.grace_days) == (30, 3, 3)
    assert (terms.processing_percent, terms.processing_min, terms.processing_max) == (0, 0, 25_000 * RUPEE)
    assert (terms.gst_percent, terms.refunded_on_exit) == (18, False)
    assert (terms.charge_percent_a_year, terms.charge_max_percent_of_installment) == (0, 10)
    assert terms.toml == FILE
    assert fees_of(terms, 100_000_000 * RUPEE) == Fees(0, 0)


def test_sanction_is_valid_for_its_days_after_the_approval():
    assert terms_with().valid_until(date(2027, 1, 15)) == date(2027, 2, 14)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("valid_days = 30", "valid_days = 3651", "sanction.valid_days must be a whole number from 0 to 3650"),
        ("valid_days = 30\n", "", "sanction.valid_days is missing"),
        ("grace_days = 3", "grace_days = 3\ngrace = 4", "late.grace is not a key of this file"),
        ("[late]", "[lat]", "late is missing"),
        ('percent = "0"', 'percent = "100.01"', "fees.processing_percent must be 0 to 100 with at most four"),
        ('percent = "0"', "percent = 0", "fees.processing_percent must be a number written as text"),
        ('min = "0"', 'min = "25000.01"', "fees.processing_min must not be above processing_max"),
        ('max = "25000"', 'max = "0.001"', "fees.processing_max must be rupees written as text"),
        ('max = "25000"', 'max = "1000000001"', "fees.processing_max must be at most ₹1,00,00,00,000"),
        ("refunded_on_exit = false", 'refunded_on_exit = "no"', "fees.refunded_on_exit must be true or false"),
        ('version = "2026-12"', 'version = ""', "version must be text of 1 to 64"),
    ],
)
def test_unsound_terms_are_refused_with_the_key_at_fault(old, new, said):
    with pytest.raises(RuleFileError, match=f"^{said}"):
        terms_with((old, new))


@pytest.mark.parametrize(
    ("terms", "amount", "fee", "gst"),
    [
        (fee_of("1"), 500_000, "5000.00", "900.00"),
        (fee_of("1", minimum="7500.50"), 500_000, "7500.50", "1350.09"),
        (fee_of("1", maximum="4999.99"), 500_000, "4999.99", "900.00"),
        (fee_of("1"), 100_000_000, "25000.00", "4500.00"),
        (fee_of("0", minimum="499"), 1_000, "499.00", "89.82"),
        (fee_of("0.0005", gst="0"), 1_000, "0.01", "0.00"),  # half a paisa, rounded up
        (fee_of("0.0004", gst="0"), 1_000, "0.00", "0.00"),
        (fee_of("0.0025", gst="18"), 1_000, "0.03", "0.01"),  # the tax is that of the rounded fee
    ],
)
def test_fee_is_a_share_within_its_bounds_and_the_tax_a_share_of_the_fee(terms, amount, fee, gst):
    expected = Fees(int(Decimal(fee) * 100), int(Decimal(gst) * 100))
    assert fees_of(terms, amount * RUPEE) == expected


def test_loan_without_terms_has_no_fees():
    assert fees_of(None, 500_000 * RUPEE) == Fees(0, 0)


def test_borrower_gets_the_amount_less_the_fees():
    assert net_disbursed(500_000 * RUPEE, Fees(5_000 * RUPEE, 900 * RUPEE)) == 494_100 * RUPEE
    assert net_disbursed(100_000, Fees(99_999)) == 1


@pytest.mark.parametrize("fees", [Fees(84_746, 15_254), Fees(100_000, 1)])
def test_fees_that_leave_nothing_to_disburse_are_refused(fees):
    with pytest.raises(FeesExceedAmount, match="leave nothing of ₹1,000 to disburse") as refusal:
        net_disbursed(100_000, fees)
    assert [violation.field for violation in refusal.value.violations] == ["loan_amount"]
