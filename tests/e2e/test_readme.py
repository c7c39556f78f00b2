"""The documents are true: each command in them runs and shows what they say, and their tables agree with the code."""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import typer
from almeno_client.cli.app import app
from almeno_client.cli.session import ExitCode
from support.book_files import CUSTOMER_HEADINGS, LOAN_HEADINGS, csv_file, customer_row, loan_row
from support.documents import Operator, blocks, console_commands, run_session, shell_lines
from support.postgres import running_postgres
from support.servers import BIN, CUSTOMERS, LOANS, ROOT, RunningServer, StartServer

from almeno_grpc.api import (
    access_service_pb2,
    credit_service_pb2,
    decision_pb2,
    loan_service_pb2,
    portfolio_service_pb2,
    scope_pb2,
)
from almeno_grpc.config import Settings, flag_of, variable_of
from almeno_grpc.config_values import size_text
from almeno_grpc.domain import errors
from almeno_grpc.domain.policy import Gates
from almeno_grpc.storage.tables import metadata

DOCUMENTS = (
    "README.md",
    "almeno_grpc/imports/README.md",
    "almeno_grpc/norms/README.md",
    "almeno_grpc/policies/README.md",
    "almeno_grpc/serving/README.md",
    "almeno_grpc/storage/README.md",
    "almeno_grpc/terms/README.md",
    "clients/README.md",
    "clients/examples/README.md",
    "clients/examples/go/README.md",
    "clients/examples/java/README.md",
    "clients/examples/typescript/README.md",
    "data/README.md",
    "protos/README.md",
    "tests/benchmarks/README.md",
)
MAX_README_WORDS = 1_350


def read(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def documents_with(language: str) -> list[Any]:
    """The documents that have a block of a language; those that need grpcurl are for `-m tools`."""
    found = [(document, "\n".join(blocks(read(document), language))) for document in DOCUMENTS]
    return [
        pytest.param(document, marks=pytest.mark.tools if "$ grpcurl" in text else ())
        for document, text in found
        if text
    ]


def section(document: str, heading: str) -> str:
    return read(document).split(f"\n## {heading}\n")[1].split("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    """The rows of tables whose first cell is code, cell by cell."""
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def codes(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


@pytest.mark.parametrize("document", documents_with("console"))
def test_every_command_of_a_document_shows_what_it_says(sample_server: RunningServer, document: str) -> None:
    commands = console_commands(read(document))
    # Nobody has a new book for the second time that they take the tour.
    for _ in range(2 if document == "README.md" else 1):
        run_session(commands, sample_server, sample_server.folder)


@pytest.mark.parametrize("document", documents_with("sh"))
def test_every_command_of_an_operator_works(document: str, start_server: StartServer, tmp_path: Path) -> None:
    lines = shell_lines(read(document))
    operator = Operator(tmp_path, start_server)
    if any("postgresql://" in line for line in lines):
        with running_postgres() as database:
            operator.postgres_url = database.url().replace("+psycopg", "")
            for line in lines:
                operator.run(line)
    else:
        for line in lines:
            operator.run(line)


def test_every_example_in_python_runs(sample_server: RunningServer, tmp_path: Path) -> None:
    examples = [example for document in DOCUMENTS for example in blocks(read(document), "python")]
    for number, example in enumerate(examples):
        script = tmp_path / f"example_{number}.py"
        script.write_text(example.replace("127.0.0.1:50051", sample_server.address), encoding="utf-8")
        command = [BIN / "python", script]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
        assert ended.returncode == 0, f"{example}\n{ended.stderr}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_to_a_file(document: str) -> None:
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", read(document)):
        assert link.startswith("https://") or ((ROOT / document).parent / link).exists(), link


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_in_running_text_have_the_options_they_name(document: str) -> None:
    text = re.sub(r"^```.*?^```", "", read(document), flags=re.DOTALL | re.MULTILINE)
    for code in codes(text):
        words = code.split()
        if words[0] == "almeno" and len(words) > 1:
            options = options_of(words[1:])
        elif words[0] == "almeno-server":
            options = {flag_of(name) for name in Settings.__dataclass_fields__} | {"--version", "--help", "--check"}
            options |= {"--prepare"} if words[1:2] == ["migrate"] else set()
        elif code.startswith(".venv/bin/python -m pytest"):
            assert all((ROOT / word).exists() for word in words if word.startswith("tests/")), code
            continue
        else:
            continue
        assert {word for word in words if word.startswith("--")} <= options, code


def options_of(words: list[str]) -> set[str]:
    """The options of a command of `almeno`, those before it included; the command has to exist."""
    command: Any = typer.main.get_command(app)
    names = {name for option in command.params for name in option.opts}
    for word in words:
        if not hasattr(command, "commands") or word.startswith("--"):
            break
        assert word in command.commands, f"almeno has no command {word}"
        command = command.commands[word]
        names |= {name for option in command.params for name in option.opts}
    return names


def test_readme_stays_short() -> None:
    assert len(read("README.md").split()) <= MAX_README_WORDS


def test_every_call_stands_in_the_table_of_the_readme() -> None:
    services = (
        credit_service_pb2.DESCRIPTOR.services_by_name["CreditService"],
        loan_service_pb2.DESCRIPTOR.services_by_name["LoanService"],
        portfolio_service_pb2.DESCRIPTOR.services_by_name["PortfolioService"],
    )
    named = [name for row in rows(section("README.md", "API")) for name in codes(row[0])]
    assert named == [name for service in services for name in (service.name, *(each.name for each in service.methods))]


def test_every_scope_stands_in_the_document_of_the_protos_with_its_methods() -> None:
    table = {codes(scope)[0]: methods for scope, methods in rows(section("protos/README.md", "Callers"))}
    found: dict[str, list[str]] = {}
    for module in (credit_service_pb2, loan_service_pb2, portfolio_service_pb2, access_service_pb2):
        for service in module.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                found.setdefault(method.GetOptions().Extensions[scope_pb2.scope], []).append(method.name)
    assert {"customers:pii", *found} == table.keys()
    for scope, methods in found.items():
        assert set(methods) <= set(re.findall(r"[A-Z]\w+", table[scope])), scope


def test_every_setting_stands_in_the_table_with_its_flag_and_default() -> None:
    hints = get_type_hints(Settings, include_extras=True)
    expected = []
    for name, declared in Settings.__dataclass_fields__.items():
        setting, default = hints[name].__metadata__[0], declared.default
        words = setting.default or (size_text(default) if name.endswith("_bytes") else str(default))
        expected.append((variable_of(name), flag_of(name), words.replace("False", "off")))
    table = rows(section("almeno_grpc/serving/README.md", "Settings"))
    assert [
        (variable.strip("`"), flag.strip("`"), default.strip("`")) for variable, flag, default, _ in table
    ] == expected


@pytest.mark.parametrize(
    ("document", "heading"), [("README.md", "Run it"), ("almeno_grpc/imports/README.md", "The sandbox")]
)
def test_settings_named_elsewhere_have_the_default_of_the_whole_table(document: str, heading: str) -> None:
    defaults = {row[0]: row[2] for row in rows(section("almeno_grpc/serving/README.md", "Settings"))}
    checked = 0
    for line in section(document, heading).splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        for name in re.findall(r"`ALMENO_[A-Z_]+`", line) if line.startswith("|") else ():
            assert defaults[name] in cells, name
            checked += 1
    assert checked


def test_every_metric_stands_in_the_table(files_server: RunningServer) -> None:
    with files_server.client() as client:
        customer = next(iter(client.list_customers()))
        terms = {"interest_rate": "12", "tenure_months": 12}
        client.check_eligibility(customer.customer_id, loan_amount=1_000_000_000, **terms)
    served = {re.sub(r"_(bucket|sum|count)$", "", name) for name, *_ in files_server.metrics()}
    documented = {codes(row[0])[0] for row in rows(section("almeno_grpc/serving/README.md", "Metrics"))}
    # Of a server with TLS.
    assert documented - served == {"almeno_tls_certificate_expiry_timestamp_seconds"}
    assert served <= documented


def test_every_event_of_the_table_is_logged_somewhere() -> None:
    sources = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "almeno_grpc").rglob("*.py"))
    events = [event for row in rows(section("almeno_grpc/serving/README.md", "Log")) for event in codes(row[0])]
    assert events
    for event in events:
        assert f'"{event}"' in sources, event


@pytest.mark.parametrize("name", ["customers", "loans"])
def test_every_heading_of_the_table_is_taken(sample_server: RunningServer, name: str) -> None:
    files = section("almeno_grpc/imports/README.md", "Files")
    table = files.split(f"| {name} | also taken |\n|---|---|\n")[1].split("\n\n")[0]
    columns = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    headings = {heading: [heading, *filter(None, others.split(", "))] for heading, others in columns}
    is_loans = name == "loans"
    assert [*headings] == [*(LOAN_HEADINGS if is_loans else CUSTOMER_HEADINGS)]
    row = loan_row(100_200, 900_001) if is_loans else customer_row(900_100)
    for place in range(max(map(len, headings.values()))):
        written = [taken[min(place, len(taken) - 1)] for taken in headings.values()]
        ended = sample_server.load(LOANS if is_loans else CUSTOMERS, csv_file(written, [row]))
        assert (ended.rows_total, ended.rows_rejected) == (1, 0), f"{written}: {ended.error}"


def test_every_table_stands_with_its_key() -> None:
    table = rows(section("almeno_grpc/storage/README.md", "Keys"))
    documented = {codes(name)[0]: codes(key) for name, key, _ in table}
    assert documented == {name: [column.name for column in each.primary_key] for name, each in metadata.tables.items()}


def test_every_table_has_its_place_in_a_sharded_book() -> None:
    table = rows(section("almeno_grpc/storage/README.md", "Sharding"))
    assert {name for row in table for name in codes(row[0])} == set(metadata.tables)


def keys_of(policy: dict[str, Any], path: str = "") -> Iterator[str]:
    for key, value in policy.items():
        if isinstance(value, dict):
            yield from keys_of(value, f"{path}{key}.")
        else:
            yield f"{path}{key}"


def test_every_optional_gate_of_a_policy_stands_in_its_table() -> None:
    required, optional = section("almeno_grpc/policies/README.md", "Keys").split("\n### Optional keys\n")
    policy = tomllib.loads(read("almeno_grpc/policies/2026-01.toml"))
    assert [key for row in rows(required) for key in codes(row[0])] == list(keys_of(policy))
    gates = [f"gates.{each.name}" for each in fields(Gates) if each.init and each.default is not MISSING]
    assert [key for row in rows(optional) for key in codes(row[0])] == gates


@pytest.mark.parametrize("file", ["norms/2026-12", "policies/2026-01", "terms/2026-12"])
def test_every_key_of_a_rule_file_stands_in_the_table(file: str) -> None:
    rules = tomllib.loads(read(f"almeno_grpc/{file}.toml"))
    table = rows(section(f"almeno_grpc/{file.partition('/')[0]}/README.md", "Keys").partition("\n### ")[0])
    assert [key for row in table for key in codes(row[0])] == list(keys_of(rules))


def test_every_key_of_terms_stands_in_the_table() -> None:
    terms = tomllib.loads(read("almeno_grpc/terms/2026-12.toml"))
    table = rows(section("almeno_grpc/terms/README.md", "Keys"))
    assert [key for row in table for key in codes(row[0])] == list(keys_of(terms))


@pytest.mark.parametrize("document", ["README.md", "almeno_grpc/policies/README.md"])
def test_every_reason_to_decline_is_named(document: str) -> None:
    names = [name.removeprefix("DECISION_REASON_") for name in decision_pb2.DecisionReason.DESCRIPTOR.values_by_name]
    for name in names:
        assert name == "UNSPECIFIED" or f"`{name}`" in read(document), name


def test_every_error_reason_stands_in_the_document_of_the_protos() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.CreditError)]
    reasons = {kind.reason for kind in kinds} - {errors.CreditError.reason}
    assert len(reasons) > 10
    for reason in reasons:
        assert f"`{reason}`" in read("protos/README.md"), reason


def test_every_exit_code_stands_in_the_readme_of_the_clients() -> None:
    text = read("clients/README.md")
    for code in ExitCode:
        assert f"| {code.value} |" in text
