"""Amounts as people type them at the command line, exact to the paisa."""

from decimal import Decimal

import pytest
from almeno_client.cli.amounts import parse_amount
from almeno_client.values import parse_rupees
from hypothesis import given
from hypothesis import strategies as st

from almeno_grpc.api import credit_service_pb2 as credit


@pytest.mark.parametrize(
    ("text", "rupees"),
    [
        ("5L", "500000"),
        ("5l", "500000"),
        ("1.2cr", "12000000"),
        ("1.2 Crore", "12000000"),
        ("2 crores", "20000000"),
        ("5 lakh", "500000"),
        ("5 lakhs", "500000"),
        ("2.5 lac", "250000"),
        ("2 lacs", "200000"),
        ("50k", "50000"),
        ("₹5L", "500000"),
        ("Rs. 1.5 L", "150000"),
        ("1,200 crore", "12000000000"),
        ("0.0000001L", "0.01"),
        ("1.2345678L", "123456.78"),
        ("10746.95", "10746.95"),
        ("5,00,000", "500000"),
    ],
)
def test_amount_may_be_in_thousands_lakhs_or_crores(text, rupees):
    assert parse_amount(text) == Decimal(rupees)


@pytest.mark.parametrize(
    "text",
    [
        "L", "cr", "5LL", "5Lcr", "5L cr", "5m", "5 lakhss", "five lakh", "-5L", "1e5L", "5L5", "5.L", "1,00L", "5 L,",
        "0.00000001L", "1.2345678912cr", "1.23456k1", "5c", "5 krore", "\u0665L", "5\uff2c",
        "123456789012345678.123456789012345678cr", "", " ", "99999999999999999999L",
    ],
)  # fmt: skip
def test_nonsense_and_parts_of_a_paisa_are_refused(text):
    with pytest.raises(ValueError, match=r"amount|paisa|digits"):
        parse_amount(text)


@pytest.mark.parametrize("text", ["-5L", "5,00L", "1e5 lakh", "five"])
def test_refusal_quotes_all_that_was_typed_and_tells_how_to_write_units(text):
    with pytest.raises(ValueError, match="is not an amount") as refused:
        parse_amount(text)
    assert repr(text) in str(refused.value)
    assert "5L, 1.2cr" in str(refused.value)


@pytest.mark.parametrize(
    "command",
    [
        ("prepay", "5", "{}", "--effect", "shorter-tenure", "--yes"),
        ("waive", "5", "{}", "--reason", "Illness"),
        ("waive", "5", "--reason", "Illness", "{}"),
    ],
)
@pytest.mark.parametrize("amount", ["-500", "-5", "-1L", "-₹500"])
def test_amount_below_zero_is_told_as_such_and_books_nothing(almeno, service, command, amount):
    refused = almeno(*(word.format(amount) for word in command))
    assert refused.exit_code == 2
    assert f"{amount} is below zero; amounts and ids are above it" in " ".join(refused.stderr.split())
    assert "No such option" not in refused.stderr
    assert not service.requests


def test_option_that_there_is_not_is_told_as_before(almeno):
    assert "No such option: -x" in almeno("waive", "5", "-x", "5").stderr


@given(st.decimals(0, 10**9, places=5), st.sampled_from([("k", 3), ("L", 5), ("cr", 7)]))
def test_amount_in_a_unit_is_exactly_that_many_rupees(number, unit):
    name, zeros = unit
    exact = number.scaleb(zeros)
    assert parse_amount(f"{number:f}{name}") == exact


def test_library_takes_no_units():
    with pytest.raises(ValueError, match="not an amount"):
        parse_rupees("5L")


def test_commands_take_units(almeno, service, sample):
    service.answers("CheckEligibility", credit.CheckEligibilityResponse(decision=sample.decision()))
    arguments = ("--rate", "10", "--tenure", "24", "--outside-obligations", "2.5k")
    assert almeno("check", "14", "--amount", "1.2cr", *arguments).exit_code == 0
    (request,) = service.requests["CheckEligibility"]
    assert request.loan_amount.units == 12_000_000
    assert request.outside.monthly_obligations.units == 2_500
    refused = almeno("check", "14", "--amount", "5Lk", *arguments)
    assert refused.exit_code == 2
    assert "5L, 1.2cr" in refused.stderr
