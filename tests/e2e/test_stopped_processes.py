"""Processes that are stopped under load, as a debugger, a freezer or a disk that does not answer stops them.

A stopped process keeps its locks and its connections and says nothing. The others wait a bounded time for it, it is
replaced, and nothing acknowledged is lost. `ALMENO_STOP_TRIALS` says how often each is stopped.
"""

import contextlib
import os
import random
import signal
import time
from collections import Counter

import pytest
from support.crash_trials import UNANSWERED, CrashTrials
from support.servers import SEVERAL_PROCESSES, RunningServer, StartServer, descendants, eventually, is_alive, kill
from support.trials import STOP_TRIALS

SILENCE_SECONDS = 3
"""After which a process is replaced."""
REPLACED_SECONDS = 5 * SILENCE_SECONDS
STOPS = {"ALMENO_PROCESS_MAX_SILENCE_SECONDS": str(SILENCE_SECONDS), **SEVERAL_PROCESSES}
BOUNDED = {"UNAVAILABLE", "RESOURCE_EXHAUSTED", "ABORTED"}


@pytest.fixture
def trials(start_server: StartServer) -> CrashTrials:
    return CrashTrials(start_server(**STOPS), random.randrange(2**32))


def stop_with_the_lock(server: RunningServer, role: str) -> int:
    """Stops a process at a moment when it keeps the others from writing; gives its id."""
    process_id = server.process_id(role)

    def has_stopped_it() -> bool:
        os.kill(process_id, signal.SIGSTOP)
        # The lock of a process that runs is free again soon.
        if not any(_is_free_within(server, 0.01) for _ in range(20)):
            return True
        os.kill(process_id, signal.SIGCONT)
        return False

    eventually(has_stopped_it, pause_seconds=0.003)
    return process_id


def _is_free_within(server: RunningServer, seconds: float) -> bool:
    time.sleep(seconds)
    return server._is_free_to_write()


def wait_for_replacement(server: RunningServer, role: str, process_id: int) -> None:
    """Waits until another process has the role of one that is stopped, which is killed if that takes too long."""
    try:
        eventually(lambda: server.process_id(role) != process_id, REPLACED_SECONDS)
        assert not is_alive(process_id)
    finally:
        kill(process_id)


def note(request: pytest.FixtureRequest, what: str, trials: CrashTrials) -> None:
    sent = Counter(sent.name for sent in trials.answers)
    request.node.user_properties.append((f"{what} stopped", f"{STOP_TRIALS} under {dict(sent)}: {dict(trials.errors)}"))


def test_process_that_is_stopped_while_it_writes_is_replaced_and_the_others_wait_a_bounded_time(
    trials: CrashTrials, request: pytest.FixtureRequest
) -> None:
    server = trials.server
    for _ in range(STOP_TRIALS):
        process_id = 0

        def stop() -> None:
            nonlocal process_id
            process_id = stop_with_the_lock(server, "rpc-0")
            wait_for_replacement(server, "rpc-0", process_id)

        assert trials.run(stop, lambda: None) == []
    assert trials.faults_at_the_end() == []
    note(request, "rpc-0", trials)
    # No caller's patience of half a minute has come to its end. Connections to a process that was replaced are lost.
    assert {code for code, _ in trials.errors} <= BOUNDED
    assert server.stop() == 0


def test_import_worker_that_is_stopped_is_replaced_and_its_files_go_on(
    trials: CrashTrials, request: pytest.FixtureRequest
) -> None:
    server = trials.server
    for _ in range(STOP_TRIALS):

        def stop() -> None:
            process_id = server.process_id("import")
            os.kill(process_id, signal.SIGSTOP)
            wait_for_replacement(server, "import", process_id)

        assert trials.run(stop, lambda: None) == []
    assert trials.faults_at_the_end() == []
    note(request, "import", trials)
    assert trials.errors == {}
    assert server.stop() == 0


def test_reader_of_a_file_that_is_stopped_keeps_neither_callers_nor_its_file_waiting_for_good(
    trials: CrashTrials, request: pytest.FixtureRequest
) -> None:
    server = trials.server
    for _ in range(STOP_TRIALS):

        def stop() -> None:
            readers: list[int] = []

            def has_stopped_one() -> bool:
                readers[:] = [child for child in descendants(server.process_id("import")) if is_alive(child)]
                with contextlib.suppress(ProcessLookupError):
                    for reader in readers:
                        os.kill(reader, signal.SIGSTOP)
                return bool(readers)

            eventually(has_stopped_one, pause_seconds=0)

        assert trials.run(stop, lambda: None) == []
    assert trials.faults_at_the_end() == []
    note(request, "reader", trials)
    assert trials.errors == {}
    assert server.stop() == 0


def test_supervisor_that_is_stopped_keeps_nobody_waiting(trials: CrashTrials, request: pytest.FixtureRequest) -> None:
    supervisor = trials.server.process.pid
    for _ in range(STOP_TRIALS):

        def stop() -> None:
            os.kill(supervisor, signal.SIGSTOP)
            # Long enough for the processes to miss it, if they are to.
            time.sleep(SILENCE_SECONDS + 1)

        try:
            assert trials.run(stop, lambda: None) == []
        finally:
            os.kill(supervisor, signal.SIGCONT)
    assert trials.faults_at_the_end() == []
    note(request, "supervisor", trials)
    assert [error for error in trials.errors if error[1] != UNANSWERED] == []
    assert trials.server.events("process_died") == []
    assert trials.server.stop() == 0
