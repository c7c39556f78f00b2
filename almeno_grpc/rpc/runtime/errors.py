"""Errors: how a call that has failed ends, for its caller, for the metrics and for the log."""

from __future__ import annotations

from typing import NamedTuple

import grpc

from almeno_grpc.domain.errors import CreditError
from almeno_grpc.rpc.errors import code_of, internal_status, to_status
from almeno_grpc.rpc.runtime.deadline import code_of_departure


class Failure(NamedTuple):
    """How a call has failed.

    Attributes:
        code: Name of the status code under which it is counted: for a caller who has gone, the one they have seen.
        status: What is sent, with its details.
        is_unexpected: Whether nobody has foreseen it, and the log has to tell of it.
    """

    code: str
    status: grpc.Status
    is_unexpected: bool


def failure_of(error: BaseException, context: grpc.ServicerContext) -> Failure:
    """Turns what a call has raised into its end; a caller learns nothing of an error nobody expected."""
    is_gone = not context.is_active()
    if isinstance(error, CreditError):
        code, status, is_unexpected = code_of(error).name, to_status(error), False
    else:
        # To read on from a caller who has gone raises an RpcError: nobody is there to be answered.
        is_unexpected = not (is_gone and isinstance(error, grpc.RpcError))
        code, status = "INTERNAL", internal_status()
    return Failure(code_of_departure(context) if is_gone else code, status, is_unexpected)
