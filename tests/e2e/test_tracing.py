"""A server that traces its calls: the spans go where OpenTelemetry's own variables say."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from support.book_files import CUSTOMER_HEADINGS, csv_file, customer_row
from support.calls import SECONDS, check_of, loan_of, registered
from support.servers import BIN, CUSTOMERS, RunningServer, eventually

CREDIT = "almeno.credit.v1.CreditService"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = (("traceparent", f"00-{TRACE}-00f067aa0ba902b7-01"),)


class TracingServer(RunningServer):
    """A server whose spans go to a file of its folder."""

    program = ("sh", "-c", 'exec "$@" >"$TMPDIR/spans"', "sh", str(BIN / "almeno-server"))

    def spans(self) -> list[dict[str, Any]]:
        """The spans so far."""
        text, decoder, found, at = (self.folder / "spans").read_text(encoding="utf-8"), json.JSONDecoder(), [], 0
        while (at := text.find("{\n", at)) >= 0:
            try:
                span, at = decoder.raw_decode(text, at)
            except json.JSONDecodeError:
                # Is being written.
                break
            found.append(span)
        return found

    def children_of(self, method: str) -> list[str]:
        """The names of the spans within those of a method's calls of the trace, in their order."""
        own = {span["context"]["span_id"] for span in self.spans() if span["name"] == method}
        within = [
            span for span in self.spans() if span["parent_id"] in own and span["context"]["trace_id"] == f"0x{TRACE}"
        ]
        return [span["name"] for span in sorted(within, key=lambda span: str(span["start_time"]))]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TracingServer]:
    started = TracingServer(
        tmp_path_factory.mktemp("traced"),
        ALMENO_TRACING="1",
        OTEL_TRACES_EXPORTER="console",
        OTEL_BSP_SCHEDULE_DELAY="100",
    )
    yield started
    assert started.stop() == 0


def test_calls_and_their_steps_stand_in_the_trace_of_their_caller(server: TracingServer) -> None:
    customer_id = registered(server.credit, income=100_000).customer_id
    calls = (
        (server.credit.CheckEligibility, check_of(customer_id, 10_000)),
        (server.credit.CreateLoan, loan_of(customer_id, 10_000)),
    )
    for call, request in calls:
        call(request, timeout=SECONDS, metadata=TRACEPARENT)
    eventually(lambda: server.children_of(f"{CREDIT}/CheckEligibility") == ["position", "decision"])
    eventually(lambda: server.children_of(f"{CREDIT}/CreateLoan") == ["position", "decision", "commit"])
    [service] = {span["resource"]["attributes"]["service.name"] for span in server.spans()}
    assert service == "almeno-server"


def test_import_is_traced_and_its_log_names_the_trace(server: TracingServer) -> None:
    queued = server.upload(CUSTOMERS, csv_file(CUSTOMER_HEADINGS, map(customer_row, range(1, 4))))
    server.wait_for_event("import_ended")
    eventually(lambda: any(span["name"] == "import" for span in server.spans()))
    [span] = [span for span in server.spans() if span["name"] == "import"]
    assert span["attributes"]["almeno.import_id"] == queued.import_id
    [line] = server.events("import_ended")
    assert f"0x{line['trace_id']}" == span["context"]["trace_id"]
