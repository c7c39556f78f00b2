"""Databases without a schema."""

import contextlib

import pytest

from almeno_grpc.storage.store import SqlStore


@pytest.fixture
def open_empty(new_database):
    """Opens databases without a schema."""
    with contextlib.ExitStack() as stack:

        def open_another() -> SqlStore:
            store = SqlStore(new_database(empty=True))
            stack.callback(store.close)
            return store

        yield open_another


@pytest.fixture
def empty(open_empty):
    return open_empty()


@pytest.fixture
def engine(empty):
    return empty.engine
