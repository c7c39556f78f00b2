"""Databases for books, as many as the tests want, on each kind of database."""

import itertools
import shutil
from pathlib import Path

from sqlalchemy import make_url

from almeno_grpc.storage.store import SqlStore
from support.postgres import PostgresServer


class SqliteDatabases:
    """Makes SQLite databases: copies of one with the schema, for making that takes a while."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count(1)
        self._template = folder / "template.db"
        _migrate(f"sqlite:///{self._template}")

    def make(self, *, empty: bool = False) -> str:
        path = self._folder / f"book-{next(self._numbers)}.db"
        if empty:
            path.touch()
        else:
            shutil.copyfile(self._template, path)
        return f"sqlite:///{path}"

    def drop(self, url: str) -> None:
        for path in self._folder.glob(f"{make_url(url).database.rpartition('/')[2]}*"):
            path.unlink()


class PostgresDatabases:
    """Makes PostgreSQL databases of a server: copies of one with the schema, for making that takes a while."""

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        self._numbers = itertools.count(1)
        self._template = "template1"
        url = self.make()
        _migrate(url)
        self._template = make_url(url).database

    def make(self, *, empty: bool = False) -> str:
        name = f"book_{next(self._numbers)}"
        template = "template1" if empty else self._template
        with self.server.connect() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return self.server.url(name)

    def drop(self, url: str) -> None:
        with self.server.connect() as connection:
            connection.execute(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")


def _migrate(url: str) -> None:
    store = SqlStore(url)
    store.migrate()
    store.close()
