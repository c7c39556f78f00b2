"""The parts as the server's processes get them wired."""

import subprocess
import sys
import tempfile
import threading
import time
from datetime import date

import pytest

from almeno_grpc import bootstrap
from almeno_grpc.application import CreditApplication
from almeno_grpc.config import Settings
from almeno_grpc.domain.imports import ImportKind, ImportState
from almeno_grpc.metrics import NoMetrics

CUSTOMERS = """\
Customer ID,First Name,Last Name,Age,Phone Number,Monthly Salary,Approved Limit
7,Asha,Rao,30,9000000000,50000,1800000
"""
LOANS = """\
Customer ID,Loan ID,Loan Amount,Tenure,Interest Rate,Monthly payment,EMIs paid on Time,Date of Approval,End Date
7,5,100000,12,10.5,9208,2,2026-01-05,2027-01-05
"""


def test_files_that_the_settings_name_are_queued_customers_first_and_worked_on(tmp_path, book, database_url):
    (tmp_path / "customers.csv").write_text(CUSTOMERS)
    (tmp_path / "loans.csv").write_text(LOANS)
    settings = Settings(
        database_url=database_url,
        business_date=date(2026, 4, 10),
        load_customers=tmp_path / "customers.csv",
        load_loans=tmp_path / "loans.csv",
    )
    look = bootstrap.store_figures(settings)
    assert (look().queued_imports, look().oldest_import_microseconds) == (0, None)
    assert look().rules == {"policy": "2026-01", "norms": "2026-12"}
    bootstrap.queue_files(settings)
    assert look().queued_imports == 2
    loans, customers = book.imports.page(100, 10)
    assert [file.kind for file in (customers, loans)] == [ImportKind.CUSTOMERS, ImportKind.LOANS]
    assert [file.file_name for file in (customers, loans)] == ["customers.csv", "loans.csv"]
    assert look().oldest_import_microseconds == customers.create_time
    stop = threading.Event()
    worker = threading.Thread(target=bootstrap.build_import_worker(settings, NoMetrics()), args=(stop,))
    worker.start()
    deadline = time.monotonic() + 30
    while look().queued_imports and time.monotonic() < deadline:
        time.sleep(0.02)
    stop.set()
    worker.join()
    assert [file.state for file in book.imports.page(100, 10)] == [ImportState.SUCCEEDED] * 2
    assert book.booking.get_loan(5)[0].emis_paid == 3


def test_worker_that_is_built_has_imported_all_that_it_works_with():
    program = (
        "import sys, threading; from almeno_grpc import bootstrap; from almeno_grpc.config import Settings\n"
        "from almeno_grpc.metrics import NoMetrics\n"
        "settings = Settings(database_url=sys.argv[1])\n"
        "bootstrap.prepare_database(settings)\n"
        "work, before = bootstrap.build_import_worker(settings, NoMetrics()), set(sys.modules)\n"
        "stop = threading.Event(); threading.Timer(0.2, stop.set).start(); work(stop)\n"
        "print(sorted(name for name in set(sys.modules) - before if name.startswith('almeno_grpc')))\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", program, f"sqlite:///{folder}/book.db"]
        assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "[]\n"


def test_nothing_is_queued_where_the_settings_name_nothing(book, database_url):
    bootstrap.queue_files(Settings(database_url=database_url))
    assert book.imports.page(100, 10) == []


@pytest.mark.usefixtures("store")
def test_calls_that_wait_for_their_batch_keep_no_thread(database_url):
    application = bootstrap.build_application(Settings(database_url=database_url), NoMetrics())
    try:
        names = {method.name for method in application.inline_methods}
        assert names == {"RegisterCustomer", "CheckEligibility", "CreateLoan", "RecordRepayment"}
    finally:
        application.close()


def test_services_are_named_in_full():
    assert CreditApplication.service_names == (
        "almeno.credit.v1.CreditService",
        "almeno.credit.v1.LoanService",
        "almeno.credit.v1.PortfolioService",
        "almeno.credit.v1.AccessService",
    )
