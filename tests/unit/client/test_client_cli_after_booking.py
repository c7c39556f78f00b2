import json
import uuid

import grpc
import pytest
from support import portfolio_model

from almeno_grpc.api import credit_service_pb2 as credit
from almeno_grpc.api import decision_pb2
from almeno_grpc.api import portfolio_service_pb2 as portfolio


@pytest.fixture
def book(service, sample):
    """A service with one loan, repayments on it, a stored decision and two policies."""
    repayments = [sample.repayment(7), sample.repayment(9, emis_completed=0)]
    closing = sample.repayment(12, emis_completed=57, closes_loan=True, outstanding_principal=sample.rupees(0))
    service.answers(
        "RecordRepayment",
        credit.RecordRepaymentResponse(
            repayment=repayments[0], loan=sample.loan(emis_paid=1, paid_toward_next=sample.rupees(250))
        ),
    )
    service.answers("ListRepayments", credit.ListRepaymentsResponse(repayments=[*repayments, closing]))
    service.answers("GetPayoff", credit.GetPayoffResponse(payoff=sample.payoff()))
    service.answers("GetDecision", credit.GetDecisionResponse(decision=sample.stored_decision()))
    approved = sample.stored_decision(decision_id="d-0002", approved=True, reasons=[])
    service.answers("ListDecisions", credit.ListDecisionsResponse(decisions=[sample.stored_decision(), approved]))
    service.answers(
        "ReplayDecision",
        credit.ReplayDecisionResponse(outcome="REPLAY_OUTCOME_MATCH", decision=sample.stored_decision()),
    )
    policies = [portfolio_model.policy(), portfolio_model.policy("2026-07")]
    service.answers("ListPolicies", portfolio.ListPoliciesResponse(policies=policies))
    service.answers("GetPolicy", portfolio.GetPolicyResponse(policy=policies[1]))
    return service


def shows(result, *texts):
    assert result.exit_code == 0, result.output
    assert [text for text in texts if text not in result.stdout] == [], result.stdout


def test_repay_shows_the_repayment_and_the_loan_after_it(almeno, book):
    shown = almeno("repay", "5", "--amount", "₹10,746.95", "--on", "2026-03-07")
    shows(shown, "Repayment on loan 1000000001", "₹10,746.95", "2026-03-07", "1 instalment paid off wholly", "r-0007")
    shows(shown, "Toward the next", "₹250.00 paid", "₹4,93,628.05")
    (request,) = book.requests["RecordRepayment"]
    assert (request.loan_id, request.amount.nanos, request.payment_date.day) == (5, 950_000_000, 7)
    assert uuid.UUID(request.request_id)


def test_repay_leaves_the_day_to_the_service_and_passes_on_the_request_id(almeno, book):
    request_id = str(uuid.uuid4())
    assert almeno("repay", "5", "--amount", "100", "--request-id", request_id).exit_code == 0
    (request,) = book.requests["RecordRepayment"]
    assert not request.HasField("payment_date")
    assert request.request_id == request_id


def test_repayment_that_closes_the_loan_says_so(almeno, service, sample):
    answer = credit.RecordRepaymentResponse(
        repayment=sample.repayment(7, closes_loan=True, emis_completed=60), loan=sample.loan(state="LOAN_STATE_CLOSED")
    )
    service.answers("RecordRepayment", answer)
    shows(almeno("repay", "5", "--amount", "503000.25"), "closed the loan", "closed, not past due")


def test_repayment_beyond_the_payoff_is_refused(almeno, service, sample):
    code = grpc.StatusCode.FAILED_PRECONDITION
    refusal = sample.refusal(code, "₹5,03,000.25 closes the loan", "REPAYMENT_EXCEEDS_PAYOFF")
    service.answers("RecordRepayment", refusal)
    result = almeno("repay", "5", "--amount", "6,00,000")
    assert result.exit_code == 4
    assert result.stderr == "Error: ₹5,03,000.25 closes the loan (REPAYMENT_EXCEEDS_PAYOFF)\n"


def test_repayments_are_listed_up_to_the_limit(almeno, book):
    shows(almeno("repayments", "5"), "2026-03-07", "₹10,746.95", "r-0009", "closes", "₹0.00")
    assert "There are more" in almeno("repayments", "5", "--limit", "2").stdout
    assert [request.page_size for request in book.requests["ListRepayments"]] == [51, 3]


def test_loan_without_repayments_says_so(almeno, service):
    service.answers("ListRepayments", credit.ListRepaymentsResponse())
    shows(almeno("repayments", "5"), "Nothing was paid on the loan here yet.")


def test_payoff_shows_what_it_is_made_of(almeno, book):
    shown = almeno("payoff", "5", "--on", "2026-03-15")
    shows(shown, "₹5,03,000.25 closes loan 5 on 2026-03-15", "₹10,746.95", "₹4,93,628.05", "₹2,000.00", "-₹3,374.75")
    (request,) = book.requests["GetPayoff"]
    assert (request.loan_id, request.payoff_date.day) == (5, 15)


@pytest.mark.usefixtures("book")
def test_decision_shows_everything_it_was_taken_from(almeno):
    shown = almeno("decision", "d-0001")
    shows(
        shown, "Declined", "31 of 100", "₹18,00,000.00", "c0ffee", "Highest rate taken", "14 %", "2026-01-01 00:00 UTC"
    )
    lines = [line for line in shown.stdout.splitlines() if "passed" in line or "failed" in line]
    assert [("failed" in line, "Loan beyond the limit" in line) for line in lines] == [(True, True), (False, False)]


@pytest.mark.usefixtures("book")
def test_decisions_are_listed_with_outcome_and_reasons(almeno):
    shows(almeno("decisions", "14", width=120), "d-0001", "d-0002", "approved", "loan beyond the limit")


def test_damaged_decision_shows_what_can_be_told_and_leaves_the_list_whole(almeno, service, sample):
    damaged = sample.damaged_decision()
    service.answers("GetDecision", credit.GetDecisionResponse(decision=damaged))
    service.answers("ListDecisions", credit.ListDecisionsResponse(decisions=[damaged, sample.stored_decision()]))
    shows(almeno("decision", "d-0003"), "Damaged", "snapshot is no JSON", "loan beyond the limit", "c0ffee")
    shows(almeno("decisions", "14", width=120), "d-0003", "damaged", "d-0001", "₹5,00,000.00")
    document = json.loads(almeno("decision", "d-0003", "--json").stdout)
    assert document["decision"]["reasons"] == ["LOAN_EXCEEDS_LIMIT"]
    assert "business_date" not in document["decision"]


def test_changes_of_a_customer_are_listed_with_what_was_before(almeno, service, sample):
    changes = [
        sample.customer_change(loan_id=1_000_000_001),
        sample.customer_change(number=2, loan_id=None, field="age"),
    ]
    service.answers("ListCustomerChanges", credit.ListCustomerChangesResponse(changes=changes))
    shows(
        almeno("changes", "14"),
        *("1000000001", "loan amount", "500000.00", "1000.00", "loader, row 6 of", "2026-01-01 00:00", "age"),
    )
    document = json.loads(almeno("changes", "14", "--json").stdout)
    assert [each["field"] for each in document["changes"]] == ["loan_amount", "age"]
    assert document["changes"][0]["import_id"] == "i-0001"
    service.answers("ListCustomerChanges", credit.ListCustomerChangesResponse())
    shows(almeno("changes", "14"), "Nothing of the customer has changed.")


def test_customer_without_decisions_is_told(almeno, service):
    service.answers("ListDecisions", credit.ListDecisionsResponse())
    shows(almeno("decisions", "14"), "Nothing was decided on the customer yet.")


@pytest.mark.usefixtures("book")
def test_replay_that_matches_says_so(almeno):
    shows(almeno("replay", "d-0001"), "Match")


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_replay_that_drifts_ends_with_8_and_says_what_differs(almeno, service, arguments):
    difference = decision_pb2.ReplayDifference(field="credit_score", stored="74", replayed="73")
    answer = credit.ReplayDecisionResponse(outcome="REPLAY_OUTCOME_DRIFT", differences=[difference])
    service.answers("ReplayDecision", answer)
    result = almeno("replay", "d-0001", *arguments)
    assert result.exit_code == 8
    for text in ("credit_score", "74", "73", "DRIFT" if arguments else "Drift"):
        assert text in result.stdout


@pytest.mark.usefixtures("book")
def test_policies_are_listed_and_shown(almeno):
    listed = almeno("policies", width=120)
    shows(listed, "2026-01", "2026-07", "ab" * 32)
    assert listed.stdout.count("in effect") == 1
    shows(almeno("policies", "2026-07"), "Policy 2026-07", "not in effect", "# What decides.", 'version = "2026-07"')


@pytest.mark.usefixtures("book")
def test_policy_file_is_printed_as_it_is(almeno):
    shown = almeno("policies", "2026-07", "--toml")
    assert (shown.exit_code, shown.stdout) == (0, '# What decides.\nversion = "2026-07"\n')


JSON_COMMANDS = [
    (("repay", "5", "--amount", "100"), {"repayment", "loan"}),
    (("repayments", "5"), {"repayments", "more"}),
    (("payoff", "5"), {"payoff"}),
    (("decision", "d-0001"), {"decision"}),
    (("decisions", "14"), {"decisions", "more"}),
    (("replay", "d-0001"), {"outcome", "decision", "differences"}),
    (("policies",), {"policies"}),
    (("policies", "2026-07"), {"policy"}),
]


@pytest.mark.usefixtures("book")
@pytest.mark.parametrize(("arguments", "keys"), JSON_COMMANDS, ids=[" ".join(words) for words, _ in JSON_COMMANDS])
def test_json_is_one_document_and_nothing_else(almeno, arguments, keys):
    after, before = almeno(*arguments, "--json"), almeno("--json", *arguments)
    assert after.exit_code == 0
    assert json.loads(after.stdout) == json.loads(before.stdout)
    assert set(json.loads(after.stdout)) == keys
    assert after.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("repay", "5"), "--amount"),
        (("repay", "5", "--amount", "some"), "--amount"),
        (("repay", "5", "--amount", "1", "--on", "07/03/2026"), "--on"),
        (("payoff", "5", "--on", "today"), "--on"),
        (("payoff", "nine"), "LOAN_ID"),
        (("policies", "--toml"), "name the version"),
    ],
)
def test_wrong_usage_ends_with_2_before_anything_is_sent(almeno, book, arguments, complaint):
    result = almeno(*arguments)
    assert result.exit_code == 2, result.output
    assert complaint in result.stderr
    assert not book.requests


@pytest.mark.usefixtures("book")
def test_lists_fit_a_terminal_of_80_columns(almeno):
    for arguments in (("repayments", "5"), ("decisions", "14"), ("policies",), ("payoff", "5"), ("decision", "d-0001")):
        lines = almeno(*arguments, width=80).stdout.splitlines()
        assert max(map(len, lines)) <= 80
