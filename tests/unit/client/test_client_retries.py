"""The pauses between attempts."""

import random

import grpc
import pytest
from almeno_client import ImportKind, Retries
from almeno_client import channel as channel_module

from almeno_grpc.api import portfolio_service_pb2 as portfolio


class HighestJitter:
    def uniform(self, _lowest, highest):
        return highest


def test_pause_doubles_up_to_the_longest_and_differs_by_a_fifth_at_most():
    retries = Retries(attempts=5, first_backoff_seconds=0.1, longest_backoff_seconds=0.5)
    source = random.Random(7)
    for attempt, backoff in ((1, 0.1), (2, 0.2), (3, 0.4), (4, 0.5)):
        pauses = [retries.pause_seconds(attempt, source) for _ in range(500)]
        assert 0.8 * backoff <= min(pauses) < 0.82 * backoff
        assert 1.18 * backoff < max(pauses) <= 1.2 * backoff


def test_pause_of_an_attempt_after_days_is_the_longest():
    assert Retries().pause_seconds(100_000, HighestJitter()) == pytest.approx(2.4)


def test_clients_that_fail_together_do_not_come_back_together():
    assert len({Retries().pause_seconds(1) for _ in range(100)}) == 100


def test_upload_pauses_with_jitter_before_it_is_sent_again(client, service, sample, monkeypatch):
    paused = []
    pause_seconds = Retries.pause_seconds

    def pause(self, attempt):
        paused.append(pause_seconds(self, attempt, HighestJitter()))
        return paused[-1]

    monkeypatch.setattr(channel_module.Retries, "pause_seconds", pause)
    down = sample.refusal(grpc.StatusCode.UNAVAILABLE, "restarting")
    service.answers("StartImport", down, down, portfolio.StartImportResponse(book_import=sample.import_("QUEUED")))
    client.start_import(ImportKind.LOANS, b"x", file_name="x.csv")
    assert paused == pytest.approx([0.006, 0.012])
