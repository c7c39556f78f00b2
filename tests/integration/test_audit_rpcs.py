"""What the audit trail records of calls that change something."""

import uuid

from google.type import decimal_pb2, money_pb2
from support.audit_trail import findings

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.api import portfolio_service_pb2 as portfolio_pb


def rupees(units: int) -> money_pb2.Money:
    return money_pb2.Money(currency_code="INR", units=units)


def test_events_name_the_methods_and_requests_of_the_calls(stubs):
    ids = [str(uuid.uuid4()) for _ in range(5)]
    registration = pb.RegisterCustomerRequest(
        request_id=ids[0],
        first_name="Asha",
        last_name="Rao",
        age=30,
        monthly_income=rupees(50_000),
        phone_number="+919876543210",
    )
    customer_id = stubs.credit.RegisterCustomer(registration).customer.customer_id
    stubs.credit.RegisterCustomer(registration)
    terms = {"interest_rate": decimal_pb2.Decimal(value="12"), "tenure_months": 12}
    loan_id = stubs.credit.CreateLoan(
        pb.CreateLoanRequest(request_id=ids[1], customer_id=customer_id, loan_amount=rupees(100_000), **terms)
    ).loan.loan_id
    repaid = stubs.credit.RecordRepayment(
        pb.RecordRepaymentRequest(request_id=ids[2], loan_id=loan_id, amount=rupees(1_000))
    ).repayment.repayment_id
    import_id = stubs.upload(b"Customer ID\n", request_id=ids[3]).import_id
    stubs.portfolio.CancelImport(portfolio_pb.CancelImportRequest(request_id=ids[4], import_id=import_id))
    credit, portfolio = "/almeno.credit.v1.CreditService/", "/almeno.credit.v1.PortfolioService/"
    with stubs.book.store.read() as tx:
        recorded = sorted((event.entry for event in tx.audit.events()), key=lambda entry: entry.time)
    assert [(each.kind.name, each.method, each.subject, each.request_id) for each in recorded] == [
        ("WRITE", f"{credit}RegisterCustomer", str(customer_id), ids[0]),
        ("REPEAT", f"{credit}RegisterCustomer", "", ids[0]),
        ("WRITE", f"{credit}CreateLoan", str(loan_id), ids[1]),
        ("WRITE", f"{credit}RecordRepayment", repaid, ids[2]),
        ("WRITE", f"{portfolio}StartImport", import_id, ids[3]),
        ("WRITE", f"{portfolio}CancelImport", import_id, ids[4]),
    ]
    assert findings(stubs.book.store) == []
