"""The call whose handler a thread runs: who makes it, and of which method."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from almeno_grpc.domain.access import NOBODY, Caller
from almeno_grpc.domain.errors import CreditError, ScopeMissing
from almeno_grpc.metrics import UNKNOWN_METHOD
from almeno_grpc.rpc.runtime.authentication import Authentication, OpenAccess
from almeno_grpc.rpc.runtime.methods import Method

T = TypeVar("T")


class _CurrentCall(threading.local):
    caller: Caller = NOBODY
    method = Method("", UNKNOWN_METHOD, has_effects=False, is_stream=False)
    authentication: Authentication = OpenAccess()


_current = _CurrentCall()


def set_current_call(caller: Caller, method: Method, authentication: Authentication) -> None:
    """Names the call whose handler this thread is about to run."""
    _current.caller, _current.method, _current.authentication = caller, method, authentication


def current_caller() -> Caller:
    """Who makes the call whose handler this thread runs."""
    return _current.caller


def current_method() -> Method:
    """The method of the call."""
    return _current.method


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a caller may go on with a call that lasts; may be asked on any thread."""

    caller: Caller
    scope: str
    authentication: Authentication

    def raise_if_refused(self) -> None:
        """Lets the call go on.

        Raises:
            Unauthenticated: The credential is not valid any more.
            AccessUnknown: Who may call is not known at the moment.
            ScopeMissing: The scope of the method was taken away.
        """
        if not self.authentication.again(self.caller).may(self.scope):
            raise ScopeMissing(self.scope)

    def is_refused(self) -> bool:
        """Whether `raise_if_refused` would raise."""
        try:
            self.raise_if_refused()
        except CreditError:
            return True
        return False


def current_standing() -> Standing:
    """That of the caller of the call whose handler this thread runs."""
    return Standing(_current.caller, _current.method.scope, _current.authentication)


def check_current_caller() -> None:
    """Lets the call whose handler this thread runs go on; raises as `Standing.raise_if_refused`."""
    current_standing().raise_if_refused()


def while_admitted(messages: Iterator[T]) -> Iterator[T]:
    """Yields the messages of a stream as long as its caller may make the call; raises as `check_current_caller`."""
    for message in messages:
        check_current_caller()
        yield message
