"""Which part of the service may import which, read from the source of every module."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

LAYERS = (
    "__main__",
    "server",
    ("commands", "serving"),
    "bootstrap",
    "application",
    ("rpc", "imports", "storage"),
    "service",
    "domain",
)
"""From the top down: a layer imports itself and the layers below it; those that share a line leave each other alone."""

BESIDE = {
    "api_keys", "arguments", "clock", "config", "config_values", "deadline", "extras", "logs", "metrics",
    "open_telemetry", "trace_exporters", "tracing",
}  # fmt: skip
"""What any layer but the domain may use; these use each other, the domain, and no other layer."""

STUBS = {"api": {"_gen"}, "_gen": {"_gen"}}
"""The stubs stand behind `api`, which these layers import."""
STUBS_ARE_FOR = {"rpc", "application", "serving"}

LIBRARIES = {
    "sqlalchemy": {"storage"},
    "alembic": {"storage"},
    "psycopg": {"storage"},
    "pysqlite3": {"storage"},
    "pandas": {"imports.parsing.columns", "imports.parsing.csv_text"},
    "numpy": {"imports.parsing." + name for name in ("columns", "loan_terms", "rows", "table")},
    "python_calamine": {"imports.parsing.sheets"},
    "phonenumbers": {"service.phone_numbers"},
    "msgspec": {"service.decision_snapshot", "service.audit_chain", "storage.audit_rows", "storage.change_events"},
    "prometheus_client": {"metrics", "serving"},
    "cryptography": {"serving.certificates", "service.audit_signing"},
    "opentelemetry": {"open_telemetry"},
    "grpc": {"open_telemetry", "rpc", "serving", "server", "application", "_gen"},
    "grpc_status": {"rpc"},
    "grpc_health": {"serving", "rpc"},
    "grpc_reflection": {"serving"},
    "google": {"rpc", "serving", "application", "_gen"},
}
"""The only parts that know a library; a library that is not listed is known by none."""

OURS = {"almeno_client", "almeno_grpc"}
LIBRARIES_OF_THE_CLIENT = {"google", "grpc", "grpc_status"}
LIBRARIES_OF_PROGRAMS = {"cli": {"openpyxl", "rich", "typer"}, "reports": {"openpyxl", "plotly"}}
"""What is imported below `almeno_client.cli` and `almeno_client.reports` besides."""

READS_THE_TIME = ("datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns")
FLOATS_STAY_OUT_OF = {"domain", "service", "storage"}


@dataclass(frozen=True)
class Module:
    """A module by its dotted name, such as `almeno_grpc.domain.money`."""

    name: str
    tree: ast.Module
    is_package: bool = False

    @property
    def inside(self) -> str:
        """The name below the package: `domain.money`; empty for the package itself."""
        return self.name.partition(".")[2]

    @property
    def part(self) -> str:
        """The layer or single module it belongs to: `domain`."""
        return self.inside.partition(".")[0]

    def imports(self) -> Iterator[str]:
        """Dotted names of all that the module imports, wherever in its body."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                package = self.name.split(".") if self.is_package else self.name.split(".")[:-1]
                base = package[: len(package) - node.level + 1] if node.level else []
                origin = ".".join([*base, *filter(None, [node.module])])
                # `from almeno_grpc import config` imports a module, `from almeno_grpc.config import Settings` a name.
                yield from (f"{origin}.{alias.name}" if "." not in origin else origin for alias in node.names)


def modules(package: Path) -> list[Module]:
    found = []
    for path in sorted(package.rglob("*.py")):
        names = [package.name, *path.relative_to(package).with_suffix("").parts]
        is_package = names[-1] == "__init__"
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found.append(Module(".".join(names[:-1] if is_package else names), tree, is_package))
    return found


SERVICE = modules(ROOT / "almeno_grpc")
CLIENT = modules(ROOT / "clients" / "almeno_client")


def may_import(part: str) -> set[str]:
    """The parts of the service that the part may import."""
    if part in STUBS:
        return STUBS[part]
    if part in BESIDE:
        return BESIDE | {"domain"}
    allowed: set[str] = set()
    for layer in reversed(LAYERS):
        names = {layer} if isinstance(layer, str) else set(layer)
        if part in names:
            stubs = {"api"} if part in STUBS_ARE_FOR else set()
            return allowed | {part} | (BESIDE | stubs if part != "domain" else set())
        allowed |= names
    raise AssertionError(f"almeno_grpc.{part} has no place in the layers yet: give it one in this test")


def wrong_imports(module: Module) -> list[str]:
    """Imports that go against the layers or reach for a library that is another part's to know."""
    wrong = []
    for name in module.imports():
        top, _, inside = name.partition(".")
        if top == "almeno_grpc":
            fits = not module.part or not inside or inside.partition(".")[0] in may_import(module.part)
        elif top in sys.stdlib_module_names:
            fits = True
        else:
            homes = LIBRARIES.get(top, set())
            fits = any(module.inside == home or module.inside.startswith(f"{home}.") for home in homes)
        if not fits:
            wrong.append(f"{module.name} imports {name}")
    return wrong


def readings_of_the_clock(module: Module) -> list[str]:
    """Places that ask the machine for the time of day."""
    found = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute):
            read = ast.unparse(node)
            if any(read == name or read.endswith(f".{name}") for name in READS_THE_TIME):
                found.append(f"{module.name}:{node.lineno} {read}")
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            found += [f"{module.name}:{node.lineno} {alias.name}" for alias in node.names if alias.name[:4] == "time"]
    return found


def floats(module: Module) -> list[str]:
    """Places that name binary floating point or write a number in it."""
    return [
        f"{module.name}:{node.lineno} {ast.unparse(node)}"
        for node in ast.walk(module.tree)
        if (isinstance(node, ast.Name) and node.id == "float")
        or (isinstance(node, ast.Constant) and isinstance(node.value, float) and module.part == "domain")
    ]


@pytest.mark.parametrize("module", SERVICE, ids=lambda module: module.name)
def test_imports_run_from_the_server_down_to_the_domain(module: Module) -> None:
    assert wrong_imports(module) == []


@pytest.mark.parametrize("module", CLIENT, ids=lambda module: module.name)
def test_client_knows_nothing_of_the_service_but_its_stubs_the_form_of_keys_and_the_extras(module: Module) -> None:
    inside = {name for name in module.imports() if name.partition(".")[0] == "almeno_grpc"}
    assert inside <= {"almeno_grpc.api", "almeno_grpc.api_keys", "almeno_grpc.extras"}


@pytest.mark.parametrize("module", CLIENT, ids=lambda module: module.name)
def test_client_library_alone_needs_nothing_of_an_extra(module: Module) -> None:
    outside = {name.partition(".")[0] for name in module.imports()} - sys.stdlib_module_names - OURS
    assert outside <= LIBRARIES_OF_THE_CLIENT | LIBRARIES_OF_PROGRAMS.get(module.part, set())


def test_only_the_clock_reads_the_time() -> None:
    assert [place for module in SERVICE if module.part != "clock" for place in readings_of_the_clock(module)] == []


def test_no_floats_where_money_is_counted() -> None:
    assert [place for module in SERVICE if module.part in FLOATS_STAY_OUT_OF for place in floats(module)] == []


def test_every_layer_exists() -> None:
    named = {name for layer in LAYERS for name in ([layer] if isinstance(layer, str) else layer)} | BESIDE | {"api"}
    assert named <= {module.part for module in SERVICE}


def written(name: str, source: str, *, is_package: bool = False) -> Module:
    return Module(name, ast.parse(source), is_package)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("almeno_grpc.domain.money", "import sqlalchemy"),
        ("almeno_grpc.domain.money", "from almeno_grpc.service.booking import decide"),
        ("almeno_grpc.domain.money", "from almeno_grpc import clock"),
        ("almeno_grpc.domain.money", "from ..service import lending"),
        ("almeno_grpc.domain.money", "def late():\n    import pandas"),
        ("almeno_grpc.service.booking", "from almeno_grpc.storage.store import Store"),
        ("almeno_grpc.service.booking", "from almeno_grpc.api import loan_pb2"),
        ("almeno_grpc.service.booking", "import grpc"),
        ("almeno_grpc.storage.store", "import almeno_grpc.rpc.errors"),
        ("almeno_grpc.imports.worker", "import numpy as np"),
        ("almeno_grpc.imports.parsing.rows", "from almeno_grpc.storage import store"),
        ("almeno_grpc.rpc.errors", "from sqlalchemy.exc import DBAPIError"),
        ("almeno_grpc.rpc.errors", "from almeno_grpc._gen.almeno.credit.v1 import loan_pb2"),
        ("almeno_grpc.bootstrap", "from almeno_grpc import server"),
        ("almeno_grpc.clock", "from almeno_grpc.service import lending"),
        ("almeno_grpc.storage.store", "import requests"),
        ("almeno_grpc.service.booking", "import almeno_client"),
    ],
)
def test_import_against_the_direction_is_seen(name: str, source: str) -> None:
    assert len(wrong_imports(written(name, source))) == 1


def test_relative_import_in_a_package_counts_from_the_package() -> None:
    assert wrong_imports(written("almeno_grpc.domain", "from .money import plain", is_package=True)) == []
    assert wrong_imports(written("almeno_grpc.domain", "from ..rpc import errors", is_package=True)) != []


def test_module_without_a_place_in_the_layers_is_seen() -> None:
    with pytest.raises(AssertionError, match="has no place in the layers yet"):
        wrong_imports(written("almeno_grpc.utils", "from almeno_grpc.domain import money"))


@pytest.mark.parametrize(
    "source",
    [
        "datetime.now(UTC)",
        "dt.datetime.now()",
        "date.today()",
        "time.time()",
        "time.time_ns()",
        "from time import time",
    ],
)
def test_reading_the_time_is_seen(source: str) -> None:
    assert len(readings_of_the_clock(written("almeno_grpc.service.booking", source))) == 1


@pytest.mark.parametrize("source", ["float(1)", "def f(rate: float): ...", "rate = 0.5"])
def test_a_float_in_the_domain_is_seen(source: str) -> None:
    assert len(floats(written("almeno_grpc.domain.money", source))) == 1
