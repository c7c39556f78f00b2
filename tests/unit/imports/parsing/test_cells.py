"""The rules for single cells: numbers as their 15 digits say, amounts and rates as displayed, phone numbers."""

import pytest

from almeno_grpc.imports.parsing.cells import (
    Adjusted,
    Amount,
    Fault,
    Fraction,
    WholeNumber,
    interest_rate,
    name,
    phone_number,
    quoted,
)

LOAN_AMOUNT, PAYMENT = Amount(100_000, 10**11), Amount(1, 10**11, rounds=True)


@pytest.mark.parametrize(
    ("cell", "paise"),
    [
        *((41083.270000000004, 4_108_327), ("41083.270000000004", None), (15728.5338, None), (1234.005, None)),
        *(
            ("5,00,000", 50_000_000),
            ("500,000", 50_000_000),
            ("₹3,00,000.00", 30_000_000),
            ("Rs. 5,00,000/-", 50_000_000),
        ),
        *(("1,00,00,000.50", 1_000_000_050), ("INR 5000", 500_000), ("₹ 5000", 500_000), ("rs 5,000", 500_000)),
        *(("5000.", 500_000), ("\u00a05000\u200b", 500_000), ("5,0000", None), ("50,00", None), ("5.000,00", None)),
        *(("1.500", None), ("₹5.000", None), ("1.500.000", None), ("1500.000", 150_000), (1500.000, 150_000)),
        *(
            ("00,5000", None),
            ("0,500", None),
            ("00,500", None),
            ("05,000", None),
            ("5'000", None),
            ("5\u00a0000", None),
        ),
        *(("5 lakh", None), ("5,00,000 Cr", None), ("500,00", None), ("५०००", None), ("Rs. 5000.50 ", 500_050)),
        *(("1.00E+05", None), ("$5000", None), ("5 000", None), ("(5000)", None), ("-5000", None), ("5,000,00", None)),
    ],
)
def test_amount_is_taken_as_it_is_displayed_or_rejected(cell, paise):
    outcome = LOAN_AMOUNT(cell)
    assert outcome == paise if paise else isinstance(outcome, Fault)


@pytest.mark.parametrize("cell", [15728.533824918265, "15728.533824918265", "₹15,728.5338"])
def test_payment_that_a_formula_has_worked_out_is_rounded_and_says_so(cell):
    outcome = PAYMENT(cell)
    assert isinstance(outcome, Adjusted)
    assert outcome.value == 1_572_853
    assert outcome.message.endswith("rounded to ₹15,728.53")


def test_payment_that_would_be_rounded_to_nothing_is_rejected():
    assert isinstance(PAYMENT(0.004), Fault)
    assert PAYMENT("0.0150") == Adjusted(2, "'0.0150' rounded to ₹0.02")


@pytest.mark.parametrize(
    ("cell", "rate_e4"),
    [
        *((57.699999999999996, 577_000), (8.299999999999999, 83_000), ("10.50%", 105_000), ("10.5 %", 105_000)),
        *(("0.5%", 5_000), (0.0, 0), ("0", 0), (1.0, 10_000), ("100%", 1_000_000), ("101%", None), ("10,5", None)),
        *((10.12345, None), (10.123400000000001, 101_234), ("%", None), ("10 % p.a.", None)),
    ],
)
def test_rate_is_per_cent_a_year_with_or_without_its_sign(cell, rate_e4):
    outcome = interest_rate(cell)
    assert isinstance(outcome, Fault) if rate_e4 is None else outcome == rate_e4


def test_rate_below_one_may_be_a_percentage():
    assert interest_rate(0.105) == Fraction(1_050, 105_000, "'0.105'")
    assert interest_rate("0.08255") == Fraction(0, 82_550, "'0.08255'")
    assert isinstance(interest_rate("0.1234567"), Fault)


@pytest.mark.parametrize("cell", [12.0, "12", "12.0", "012", "+12", 12.000000000000002])
def test_whole_number_is_one_in_any_form(cell):
    assert WholeNumber(1, 600)(cell) == 12


@pytest.mark.parametrize("cell", ["1e3", "1,000", "12.000", 12.00000000001, float("nan"), "²", "", None])
def test_what_is_no_whole_number_is_rejected(cell):
    assert isinstance(WholeNumber(1, 600)(cell), Fault)


@pytest.mark.parametrize("cell", [1_234_567_890_123_456.0, 2.0**53])
def test_number_of_more_than_fifteen_digits_has_to_be_text(cell):
    assert "write it as text" in WholeNumber(1, 10**18)(cell).message


@pytest.mark.parametrize(
    ("cell", "digits"),
    [
        *((9845012345.0, 919845012345), ("9845012345.0", 919845012345), ("9845012345.00", 919845012345)),
        *(("919845012345.0", 919845012345), ("+91 98450 12345\u200e", 919845012345), ("98450.5", None)),
        *(("14155552671", None), (14155552671.0, None), ("+14155552671", 14155552671), (919845012345.0, 919845012345)),
        *(("0091 9845012345", 919845012345), ("098450 12345", 919845012345), ("9845012345/9845054321", None)),
        *(("9845012345.5", None), ("9.845012345E9", None), (98765.5, None), ("0.0", None), (1e20, None), (True, None)),
    ],
)
def test_phone_number_that_a_program_wrote_as_a_fraction_gains_no_digit(cell, digits):
    outcome = phone_number(cell)
    assert isinstance(outcome, Fault) if digits is None else outcome == digits


def test_payment_with_a_comma_for_its_decimals_is_not_five_hundred():
    assert isinstance(PAYMENT("0,500"), Fault)
    assert isinstance(PAYMENT("9208,50"), Fault)


@pytest.mark.parametrize("cell", ["#N/A", "#REF!", " #DIV/0! ", "Jos\ufffd"])
def test_name_that_was_lost_on_the_way_into_the_file_is_rejected(cell):
    assert isinstance(name(cell), Fault)


@pytest.mark.parametrize("cell", ["Nan", "Null", "None", "O'Brien", "#1"])
def test_name_that_only_looks_like_a_mark_of_a_program_is_one(cell):
    assert name(cell) == cell


@pytest.mark.parametrize(
    ("cell", "shown"),
    [(8.299999999999999, "'8.3'"), (1e300, "'1" + "0" * 38 + "…'"), (5.0, "'5'"), (" a\x85b ", "'a?b'")],
)
def test_cell_is_quoted_as_a_spreadsheet_shows_it(cell, shown):
    assert quoted(cell) == shown
