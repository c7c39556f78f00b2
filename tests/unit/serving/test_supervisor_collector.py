"""What the supervisor tells a scrape of the server as a whole."""

import os
from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest

from almeno_grpc.clock import Clock
from almeno_grpc.config import Settings
from almeno_grpc.metrics import StoreFigures
from almeno_grpc.serving.supervisor_collector import SupervisorCollector

SETTINGS = Settings(database_url="postgresql+psycopg://almeno@db/almeno", business_date=date(2026, 4, 10))
WORKERS = [
    SimpleNamespace(role="rpc-0", restarts=2, is_serving=True, process_id=os.getpid()),
    SimpleNamespace(role="rpc-1", restarts=-1, is_serving=False, process_id=None),
]


def figures_of(store: StoreFigures | Exception, expires: datetime | None = None) -> dict[tuple[str, ...], float]:
    def look() -> StoreFigures:
        if isinstance(store, Exception):
            raise store
        return store

    collector = SupervisorCollector(SETTINGS, WORKERS, look, lambda: expires)
    return {
        (sample.name, *sample.labels.values()): sample.value
        for metric in collector.collect()
        for sample in metric.samples
    }


def test_processes_tell_whether_they_serve_and_what_they_hold() -> None:
    figures = figures_of(StoreFigures(0, None))
    assert figures["almeno_process_serving", "rpc-0"] == 1
    assert figures["almeno_process_serving", "rpc-1"] == 0
    assert figures["almeno_process_restarts_total",] == 2
    assert figures["almeno_process_memory_limit_bytes",] == 2**30
    # Of one that does not run there is nothing to tell.
    held = {key for key in figures if key[0] in ("almeno_process_memory_bytes", "almeno_process_cpu_seconds_total")}
    assert {process for _, process in held} == {"rpc-0"}


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="the system has no /proc")  # noqa: PTH110
def test_processor_time_is_that_of_the_process() -> None:
    used = os.times()
    cpu = figures_of(StoreFigures(0, None))["almeno_process_cpu_seconds_total", "rpc-0"]
    assert used.user + used.system <= cpu + 0.02 <= used.user + used.system + 1


def test_business_date_begins_in_the_time_zone_of_the_lender() -> None:
    begins = figures_of(StoreFigures(0, None))["almeno_business_date_timestamp_seconds",]
    assert datetime.fromtimestamp(begins, UTC) == datetime(2026, 4, 9, 18, 30, tzinfo=UTC)


def test_build_names_the_database_and_no_more_of_its_address() -> None:
    [build] = [key for key in figures_of(StoreFigures(0, None)) if key[0] == "almeno_build_info"]
    assert "postgresql" in build
    assert "@db" not in repr(build)


def test_age_of_the_queue_is_that_of_its_oldest_import() -> None:
    an_hour_ago = Clock.now_microseconds() - 3_600_000_000
    figures = figures_of(StoreFigures(2, an_hour_ago, {"wal": 4096, "database": 8192}, {"policy": "2026-12"}))
    assert figures["almeno_import_queue_depth",] == 2
    assert 3600 <= figures["almeno_import_queue_age_seconds",] < 3700
    assert figures["almeno_sqlite_file_bytes", "wal"] == 4096
    assert figures["almeno_rule_info", "policy", "2026-12"] == 1
    assert figures_of(StoreFigures(0, None))["almeno_import_queue_age_seconds",] == 0


def test_database_that_cannot_be_read_leaves_the_other_figures(caplog: pytest.LogCaptureFixture) -> None:
    expires = datetime(2027, 1, 1, tzinfo=UTC)
    figures = figures_of(OSError("gone"), expires)
    assert figures["almeno_tls_certificate_expiry_timestamp_seconds",] == expires.timestamp()
    assert not any("import" in key[0] for key in figures)
    assert "store_figures_failed" in caplog.text
