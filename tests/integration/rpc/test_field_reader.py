"""Every field of every request: what is bad is refused by the field's path, what is at the limit is taken."""

import pytest
from google.protobuf import json_format

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.api import portfolio_service_pb2

GOOD = {
    "RegisterCustomer": {
        "firstName": "Asha",
        "lastName": "Rao",
        "age": 30,
        "monthlyIncome": {"units": "50000"},
        "phoneNumber": "9000000000",
    },
    "GetCustomer": {"customerId": "7"},
    "ListCustomers": {},
    "CheckEligibility": {
        "customerId": "7",
        "loanAmount": {"units": "100000"},
        "interestRate": {"value": "10.5"},
        "tenureMonths": 12,
    },
    "CreateLoan": {
        "customerId": "7",
        "loanAmount": {"units": "100000"},
        "interestRate": {"value": "10.5"},
        "tenureMonths": 12,
    },
    "GetLoan": {"loanId": "5"},
    "ListLoans": {"customerId": "7"},
    "GetRepaymentSchedule": {"loanId": "5"},
    "RecordRepayment": {"loanId": "5", "amount": {"units": "100"}},
    "ListRepayments": {"loanId": "5"},
    "GetPayoff": {"loanId": "5"},
    "GetImport": {"importId": "i"},
    "CancelImport": {"importId": "i"},
    "ListImports": {},
    "WatchImport": {"importId": "i"},
    "ListImportIssues": {"importId": "i"},
}

NUMBERS_OF_THINGS = ["0", "-1", str(-(2**63))]
AMOUNTS = [
    ({"currencyCode": "USD", "units": "100000"}, ".currency_code"),
    ({"currencyCode": "inr", "units": "100000"}, ".currency_code"),
    ({"currencyCode": "₹", "units": "100000"}, ".currency_code"),
    ({"units": "100000", "nanos": 1}, ".nanos"),
    ({"units": "100000", "nanos": 5_000_000}, ".nanos"),
    ({"units": "100000", "nanos": 999_999_999}, ".nanos"),
    ({"units": "100000", "nanos": 1_000_000_000}, ".nanos"),
    ({"units": "100000", "nanos": 2**31 - 1}, ".nanos"),
    ({"units": "100000", "nanos": -10_000_000}, ".nanos"),
    ({"units": "100000", "nanos": -(2**31)}, ".nanos"),
    ({"units": "-100000", "nanos": 10_000_000}, ".nanos"),
    ({"units": "-100000", "nanos": -10_000_000}, ""),
    ({"units": "-1"}, ""),
    ({"units": str(2**63 - 1)}, ""),
    ({"units": str(-(2**63))}, ""),
    ({"units": "1000000001"}, ""),
    ({"units": "1000000000", "nanos": 10_000_000}, ""),
    ({}, ""),
    (None, ""),
]
HUGE = [value for value, part in AMOUNTS if value and not part and int(value["units"]) > 0]
"""No more than a field with a bound takes; what a loan takes at most is no matter of the field."""
DATES = [
    *({}, {"year": 2026}, {"year": 2026, "month": 4}, {"month": 4, "day": 10}, {"year": 2026, "month": 2, "day": 29}),
    *({"year": 2026, "month": 13, "day": 1}, {"year": 2026, "month": 4, "day": 31}, {"year": -1, "month": 1, "day": 1}),
    *({"year": 10_000, "month": 1, "day": 1}, {"year": 2**31 - 1, "month": 2**31 - 1, "day": -(2**31)}),
]
RATES = [
    *("", "abc", "ten", "10,5", "10.5%", " 10.5", "10.5 ", "--1", "+-1", ".", "e5", "1e", "1e+", "NaN", "Infinity"),
    *("-Infinity", "sNaN", "0x10", "1_0", "१०", "10.12345", "0.00001", "1e-5", "-0.0001", "-1", "100.0001", "101"),
    *("1e3", "1e999", "1e9999", "1e-999", "9" * 65, "10.5" + "0" * 61, "10.50000000000000000000000000000000000001"),
    *("99.99999999999999999999999999999999", "1\u0000"),
]
PAGE_SIZES = [-1, -(2**31)]
REQUEST_IDS = [
    *("x", "123e4567e89b42d3a456426614174000", "{123e4567-e89b-42d3-a456-426614174000}", "0" * 36),
    *(
        "123e4567-e89b-42d3-a456-42661417400g",
        "123e4567-e89b-42d3-a456-426614174000 ",
        "\uff1123e4567-e89b-42d3-a456-426614174000",
    ),
    "a" * 100_000,
]
NAMES = ["", "   ", "a" * 101, "a" * 1_000_000, "A\u0000", "A\nB", "A\u2028B", "\t", "\u200b", "\u3164", "Asha\u202e"]
PHONE_NUMBERS = [
    "",
    "12",
    "phone",
    "+",
    "+91",
    "9000000000 ext. 5",
    "9" * 100_000,
    "\uff19\uff10\uff10\uff10\uff10\uff10\uff10\uff10\uff10\uff10",
    "90\u000000000000",
]
IMPORT_IDS = ["", "x" * 65, "x" * 1_000_000, "a\u0000b", "a\nb", "\u200f"]

BAD = [
    *(("RegisterCustomer", {"firstName": name}, "first_name") for name in NAMES),
    *(("RegisterCustomer", {"lastName": name}, "last_name") for name in NAMES),
    *(("RegisterCustomer", {"age": age}, "age") for age in (0, 17, 121, -1, 2**31 - 1, -(2**31))),
    *(("RegisterCustomer", {"monthlyIncome": value}, f"monthly_income{part}") for value, part in AMOUNTS),
    *(("RegisterCustomer", {"phoneNumber": number}, "phone_number") for number in PHONE_NUMBERS),
    *(("RegisterCustomer", {"requestId": value}, "request_id") for value in REQUEST_IDS),
    *(("GetCustomer", {"customerId": value}, "customer_id") for value in NUMBERS_OF_THINGS),
    *(("ListCustomers", {"pageSize": value}, "page_size") for value in PAGE_SIZES),
    *(
        (method, changes, field)
        for method in ("CheckEligibility", "CreateLoan")
        for changes, field in (
            *(({"customerId": value}, "customer_id") for value in NUMBERS_OF_THINGS),
            *(({"loanAmount": value}, f"loan_amount{part}") for value, part in AMOUNTS),
            ({"loanAmount": {"units": "999", "nanos": 990_000_000}}, "loan_amount"),
            *(({"interestRate": {"value": value}}, "interest_rate") for value in RATES),
            ({"interestRate": None}, "interest_rate"),
            *(({"tenureMonths": value}, "tenure_months") for value in (0, -1, 601, 2**31 - 1, -(2**31))),
        )
    ),
    *(("CreateLoan", {"maxInterestRate": {"value": value}}, "max_interest_rate") for value in RATES),
    *(("CreateLoan", {"requestId": value}, "request_id") for value in REQUEST_IDS),
    *(("GetLoan", {"loanId": value}, "loan_id") for value in NUMBERS_OF_THINGS),
    *(("GetRepaymentSchedule", {"loanId": value}, "loan_id") for value in NUMBERS_OF_THINGS),
    *(
        (method, {"loanId": value}, "loan_id")
        for method in ("RecordRepayment", "ListRepayments", "GetPayoff")
        for value in NUMBERS_OF_THINGS
    ),
    *(("RecordRepayment", {"requestId": value}, "request_id") for value in REQUEST_IDS),
    *(("RecordRepayment", {"amount": value}, f"amount{part}") for value, part in AMOUNTS if value not in HUGE),
    *(("RecordRepayment", {"amount": {"nanos": value}}, "amount.nanos") for value in (1, 9_999_999, 10_000_001)),
    *(("RecordRepayment", {"paymentDate": value}, "payment_date") for value in DATES),
    *(("GetPayoff", {"payoffDate": value}, "payoff_date") for value in DATES),
    *(("ListRepayments", {"pageSize": value}, "page_size") for value in PAGE_SIZES),
    *(("ListLoans", {"customerId": value}, "customer_id") for value in NUMBERS_OF_THINGS),
    *(("ListLoans", {"state": value}, "state") for value in (7, -1, 2**31 - 1)),
    *(("ListLoans", {"pageSize": value}, "page_size") for value in PAGE_SIZES),
    *(
        (method, {"importId": value}, "import_id")
        for method in ("GetImport", "CancelImport", "WatchImport", "ListImportIssues")
        for value in IMPORT_IDS
    ),
    *(("CancelImport", {"requestId": value}, "request_id") for value in REQUEST_IDS),
    *(("ListImports", {"pageSize": value}, "page_size") for value in PAGE_SIZES),
    *(("ListImportIssues", {"pageSize": value}, "page_size") for value in PAGE_SIZES),
]


@pytest.fixture(scope="module")
def call(shared_stubs):
    """Sends a request, the method's good one with changes, and gives all answers."""

    def send(method, changes):
        module, stub = (
            (pb, shared_stubs.credit)
            if hasattr(pb, f"{method}Request")
            else (portfolio_service_pb2, shared_stubs.portfolio)
        )
        request = json_format.ParseDict(GOOD[method] | changes, getattr(module, f"{method}Request")())
        answer = getattr(stub, method)(request, timeout=20)
        return list(answer) if method == "WatchImport" else [answer]

    return send


@pytest.fixture
def with_book(shared_stubs, rows_of):
    """The server with customer 7 and loan 5."""
    shared_stubs.book.upsert([rows_of.customer(7)])
    shared_stubs.book.upsert([rows_of.loan(7, 5)])
    return shared_stubs


@pytest.mark.parametrize("method", {method: None for method, _, _ in BAD})
def test_bad_field_is_refused_by_its_path(shared_stubs, call, method):
    for changes, field in [(changes, field) for of, changes, field in BAD if of == method]:
        refusal = shared_stubs.refusal(lambda changes=changes: call(method, changes))
        told = (refusal.code, refusal.reason, refusal.fields)
        assert told == ("INVALID_ARGUMENT", "INVALID_FIELD", [field]), changes


def test_every_bad_field_of_a_request_is_named_at_once(shared_stubs, call):
    changes = {"firstName": "", "age": 5, "monthlyIncome": {"currencyCode": "EUR"}, "phoneNumber": "", "requestId": "x"}
    refusal = shared_stubs.refusal(lambda: call("RegisterCustomer", changes))
    assert sorted(refusal.fields) == [
        "age",
        "first_name",
        "monthly_income",
        "monthly_income.currency_code",
        "phone_number",
        "request_id",
    ]
    refusal = shared_stubs.refusal(lambda: call("CancelImport", {"importId": "", "requestId": "x"}))
    assert sorted(refusal.fields) == ["import_id", "request_id"]
    refusal = shared_stubs.refusal(lambda: call("ListImportIssues", {"importId": "", "pageSize": -1}))
    assert sorted(refusal.fields) == ["import_id", "page_size"]


def test_refusal_does_not_repeat_what_a_person_gave(shared_stubs, call):
    for changes in ({"firstName": "Ramanujan\u0000"}, {"phoneNumber": "97531975319753197531"}):
        refusal = shared_stubs.refusal(lambda changes=changes: call("RegisterCustomer", changes))
        assert "Ramanujan" not in refusal.message
        assert "97531" not in refusal.message


@pytest.mark.parametrize(
    ("changes", "income_paise"),
    [
        ({"age": 18}, 5_000_000),
        ({"age": 120}, 5_000_000),
        ({"firstName": "a" * 100, "lastName": "b" * 100}, 5_000_000),
        ({"firstName": "\U0001d49c" * 100, "lastName": "👩🏽‍🚀" * 20}, 5_000_000),
        ({"firstName": "\u200fمحمد\u200f", "lastName": "अनि\u200dल"}, 5_000_000),
        ({"monthlyIncome": {"nanos": 10_000_000}}, 1),
        ({"monthlyIncome": {"units": "1000000000", "currencyCode": "INR"}}, 100_000_000_000),
        ({"monthlyIncome": {"units": "1", "nanos": 10_000_000}}, 101),
        ({"monthlyIncome": {"units": "99999999", "nanos": 990_000_000}}, 9_999_999_999),
    ],
)
def test_field_at_its_limit_is_taken(shared_stubs, call, changes, income_paise):
    number = 9_200_000_000 + len(shared_stubs.book.rows("customer"))
    (answer,) = call("RegisterCustomer", {"phoneNumber": str(number)} | changes)
    income = answer.customer.monthly_income
    assert (income.units, income.nanos) == (income_paise // 100, income_paise % 100 * 10_000_000)
    assert answer.customer.first_name == changes.get("firstName", "Asha")


@pytest.mark.usefixtures("with_book")
@pytest.mark.parametrize(
    ("written", "read"),
    [
        *(("0", "0"), ("-0", "0"), ("+0", "0"), ("0.0000", "0"), ("0e5", "0"), ("100", "100"), ("100.0000", "100")),
        *(("1e2", "100"), ("1E+2", "100"), ("1000e-1", "100"), ("10.5", "10.5"), ("+10.5", "10.5"), ("010.50", "10.5")),
        *((".5", "0.5"), ("5.", "5"), ("0.0001", "0.0001"), ("1e-4", "0.0001"), ("99.9999", "99.9999")),
        *(("10.50000", "10.5"), ("1050000000e-8", "10.5"), ("0" * 60 + "12", "12"), ("12." + "0" * 61, "12")),
    ],
)
def test_rate_is_read_however_it_is_written(call, written, read):
    (answer,) = call("CheckEligibility", {"interestRate": {"value": written}})
    assert answer.decision.interest_rate.value == read


@pytest.mark.usefixtures("with_book")
@pytest.mark.parametrize(
    "changes",
    [
        {"loanAmount": {"units": "1000"}, "tenureMonths": 1},
        {"loanAmount": {"units": "1000000000"}, "tenureMonths": 1},
        {"loanAmount": {"units": "1000000000"}, "tenureMonths": 60, "interestRate": {"value": "100"}},
        {"loanAmount": {"units": "1000000000"}, "tenureMonths": 600, "interestRate": {"value": "0"}},
        {"loanAmount": {"units": "1200"}, "tenureMonths": 600, "interestRate": {"value": "0"}},
    ],
)
def test_terms_at_their_limits_are_decided(call, changes):
    (answer,) = call("CheckEligibility", changes)
    assert answer.decision.monthly_installment.units > 0
