"""Streams of requests and responses in turn, which need no thread between a response and the next request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import grpc

AnswerOne = Callable[[Any, grpc.ServicerContext], Any]
"""Answers one request of a stream."""

_ANSWER_ONE = "answer_one"


def exchange_behavior(answer_one: AnswerOne) -> Callable[[Iterator[Any], grpc.ServicerContext], Iterator[Any]]:
    """The behavior of a handler that answers each request by itself."""

    def answer_all(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        for request in requests:
            yield answer_one(request, context)

    vars(answer_all)[_ANSWER_ONE] = answer_one
    return answer_all


def answer_one_of(behavior: Callable[..., Any]) -> AnswerOne | None:
    """What answers one request of a stream of the behavior; None where it has not been made by `exchange_behavior`."""
    answer_one: AnswerOne | None = getattr(behavior, _ANSWER_ONE, None)
    return answer_one
