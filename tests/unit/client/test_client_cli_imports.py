import json
import os
import signal
import threading
import uuid

import grpc
import pytest
from support.interrupts import almeno_interrupted_while_waiting

from almeno_grpc.api import import_pb2
from almeno_grpc.api import portfolio_service_pb2 as portfolio

DONE = {"rows_total": 782, "rows_inserted": 700, "rows_unchanged": 82, "rows_adjusted": 29}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "loans.csv"
    path.write_bytes(b"Customer ID,Loan ID\n1,2\n")
    return path


@pytest.fixture
def imports(service, sample):
    """Lays down how an import goes: the state it ends in, and its issues."""

    def lay_down(state, *issues, **figures):
        def answer(kind, *states):
            return [kind(book_import=message) for message in states]

        queued, end = sample.import_("QUEUED"), sample.import_(state, **figures)
        watched = answer(portfolio.WatchImportResponse, queued, sample.import_("RUNNING", rows_total=782), end)
        service.answers("StartImport", *answer(portfolio.StartImportResponse, queued))
        service.answers("WatchImport", lambda *_: watched)
        service.answers("GetImport", *answer(portfolio.GetImportResponse, end))
        service.answers("CancelImport", *answer(portfolio.CancelImportResponse, end))
        service.answers("ListImports", portfolio.ListImportsResponse(imports=[end, queued]))
        service.answers("ListImportIssues", portfolio.ListImportIssuesResponse(issues=issues))
        return service

    return lay_down


def issue(row, outcome="ADJUSTED"):
    return import_pb2.ImportIssue(
        row_number=row, outcome=f"IMPORT_ISSUE_OUTCOME_{outcome}", column="End Date", message="does not follow"
    )


@pytest.mark.parametrize("kind", ["customers", "loans"])
def test_import_uploads_waits_and_sums_up(almeno, imports, file, kind):
    service = imports("SUCCEEDED", issue(132), **DONE)
    result = almeno("import", kind, str(file), "--book-date", "2026-01-31")
    assert result.exit_code == 0, result.output
    for text in ("succeeded", "782", "700", "29 of the rows taken", "132", "adjusted", "End Date", "does not follow"):
        assert text in result.stdout
    ((header, chunk),) = service.requests["StartImport"]
    assert header.header.kind == import_pb2.ImportKind.Value(f"IMPORT_KIND_{kind.upper()}")
    assert (header.header.file_name, header.header.book_date.day) == ("loans.csv", 31)
    assert chunk.chunk == file.read_bytes()
    assert uuid.UUID(header.header.request_id)


def test_columns_that_the_file_heads_otherwise_are_named(almeno, imports, file):
    service = imports("SUCCEEDED", **DONE)
    result = almeno(
        *("import", "loans", str(file), "--column", "Date of Approval=opened", "--column", "EMIs paid on Time = a=b")
    )
    assert result.exit_code == 0, result.output
    ((header, _),) = service.requests["StartImport"]
    assert dict(header.header.columns) == {"Date of Approval": "opened", "EMIs paid on Time": "a=b"}


@pytest.mark.parametrize("columns", [["opened"], ["=opened"], ["Tenure="], ["Tenure=a", "Tenure=b"]])
def test_column_that_is_not_named_in_full_or_twice_is_told_before_anything_is_sent(almeno, imports, file, columns):
    service = imports("SUCCEEDED", **DONE)
    result = almeno("import", "loans", str(file), *(part for column in columns for part in ("--column", column)))
    assert result.exit_code == 2
    assert not service.requests


def test_import_that_rejected_rows_ends_with_7(almeno, imports, file):
    imports("SUCCEEDED", issue(7, "REJECTED"), **(DONE | {"rows_inserted": 699, "rows_rejected": 1}))
    result = almeno("import", "loans", str(file))
    assert result.exit_code == 7
    assert "rejected" in result.stdout


@pytest.mark.parametrize("state", ["FAILED", "CANCELLED"])
def test_import_that_ended_early_ends_with_6(almeno, imports, file, state):
    imports(state, error="the heading 'Loan ID' is missing" if state == "FAILED" else "")
    result = almeno("import", "loans", str(file))
    assert result.exit_code == 6
    assert state.lower() in result.stdout
    assert ("the heading 'Loan ID' is missing" in result.stdout) == (state == "FAILED")


def test_import_may_be_queued_only(almeno, imports, file):
    service = imports("SUCCEEDED", **DONE)
    result = almeno("import", "loans", str(file), "--no-wait")
    assert result.exit_code == 0
    assert "queued" in result.stdout
    assert set(service.requests) == {"StartImport"}


def test_issues_are_shown_up_to_the_limit(almeno, imports, file):
    imports("SUCCEEDED", *map(issue, (11, 12, 13)), **DONE)
    result = almeno("import", "loans", str(file), "--issues", "2")
    assert "All of them: almeno import status i-0001 --issues 0" in result.stdout
    assert [row in result.stdout for row in ("11 ", "12 ", "13 ")] == [True, True, False]


def test_import_is_json_for_programs(almeno, imports, file):
    imports("SUCCEEDED", issue(132), **DONE)
    result = almeno("import", "loans", str(file), "--json")
    document = json.loads(result.stdout)
    assert (result.exit_code, result.stderr) == (0, "")
    assert (document["import"]["state"], document["import"]["kind"]) == ("SUCCEEDED", "LOANS")
    assert (document["import"]["rows_adjusted"], document["import"]["start_time"]) == (29, None)
    assert document["issues"] == [
        {"row_number": 132, "outcome": "ADJUSTED", "column": "End Date", "message": "does not follow"}
    ]
    assert document["more_issues"] is False
    assert set(json.loads(almeno("import", "loans", str(file), "--json", "--no-wait").stdout)) == {"import"}


@pytest.mark.parametrize(
    ("state", "rejected", "exit_code"), [("RUNNING", 0, 0), ("SUCCEEDED", 0, 0), ("SUCCEEDED", 2, 7), ("FAILED", 0, 6)]
)
def test_status_ends_like_the_import(almeno, imports, state, rejected, exit_code):
    service = imports(state, issue(132), rows_total=5, rows_rejected=rejected)
    result = almeno("import", "status", "i-0001")
    assert result.exit_code == exit_code
    assert state.lower() in result.stdout
    assert "132" in result.stdout
    assert service.requests["GetImport"][0].import_id == "i-0001"


def test_import_is_cancelled(almeno, imports):
    service = imports("CANCELLED")
    result = almeno("import", "cancel", "i-0001")
    assert result.exit_code == 0
    assert "cancelled" in result.stdout
    assert uuid.UUID(service.requests["CancelImport"][0].request_id)
    assert json.loads(almeno("import", "cancel", "i-0001", "--json").stdout)["import"]["state"] == "CANCELLED"


def test_imports_are_listed(almeno, imports):
    imports("SUCCEEDED", **DONE)
    result = almeno("imports")
    assert result.exit_code == 0
    for text in ("i-0001", "loans.xlsx", "succeeded", "queued", "782", "2026-01-01"):
        assert text in result.stdout
    assert [state["state"] for state in json.loads(almeno("imports", "--json").stdout)["imports"]] == [
        "SUCCEEDED",
        "QUEUED",
    ]


def test_upload_that_is_too_large_is_refused_with_4(almeno, service, sample, file):
    refusal = sample.refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "the file is too large", "UPLOAD_TOO_LARGE")
    service.answers("StartImport", refusal)
    result = almeno("import", "loans", str(file))
    assert (result.exit_code, result.stderr) == (4, "Error: the file is too large (UPLOAD_TOO_LARGE)\n")


@pytest.mark.parametrize(("by", "as_json"), [(signal.SIGINT, False), (signal.SIGINT, True), (signal.SIGTERM, False)])
def test_interrupt_stops_the_waiting_and_not_the_import(imports, service, sample, file, address, tmp_path, by, as_json):
    imports("SUCCEEDED", **DONE)
    over, watched = threading.Event(), tmp_path / "watched"

    def endless(*_):
        yield portfolio.WatchImportResponse(book_import=sample.import_("RUNNING", rows_total=782))
        watched.touch()
        over.wait(60)

    service.answers("WatchImport", endless)
    command = ["--address", address, "import", "loans", file, *(["--json"] if as_json else [])]
    environment = os.environ | {"LANG": "C.UTF-8"}
    try:
        ended = almeno_interrupted_while_waiting(*command, sign=watched, environment=environment, by=by)
    finally:
        over.set()
    assert ended.returncode == 128 + by
    assert ended.stdout.strip() == ""
    assert "Traceback" not in ended.stderr
    if as_json:
        assert json.loads(ended.stderr)["error"]["import_id"] == "i-0001"
    else:
        assert "almeno import status i-0001" in ended.stderr
    assert "CancelImport" not in service.requests
