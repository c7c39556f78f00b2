"""Every command and group has examples in its help that run, and the JSON that the README of the clients promises."""

import csv
import io
import json
import re
import shlex
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import typer.main
from almeno_client import CreditClient, new_key
from almeno_client.cli import app, calls, key_facts, report, simulation
from almeno_client.cli.app import COMMANDS
from almeno_client.health import WHOLE, ServiceHealth
from support.filled_messages import filled, updates

from almeno_grpc.api import access_service_pb2, credit_service_pb2, loan_service_pb2, portfolio_service_pb2

ANSWERED = {0, 3, 7, 8}
README = (Path(__file__).parents[3] / "clients" / "README.md").read_text(encoding="utf-8")
FLAGS_OF_OTHER_DOCUMENTS = {"--schedule", "--no-wait", "--preview"}
OTHER_DOCUMENTS = {"policies", "loan", "import loans", "prepay", "export"}
"""Commands whose document depends on their options."""
COMPUTED = {"decision", "decisions"}
"""Points of a score are fractions."""


METHODS = [
    method
    for module in (credit_service_pb2, loan_service_pb2, portfolio_service_pb2, access_service_pb2)
    for descriptor in module.DESCRIPTOR.services_by_name.values()
    for method in descriptor.methods
]


def help_of(name):
    command = typer.main.get_command(app)
    for word in name.split():
        command = command.commands[word]
    return command.help


def examples(name):
    """The examples in the help of a command, word by word, without a redirection."""
    text = help_of(name).partition("\nExamples:\n")[2].replace("\\\n", "")
    return [shlex.split(line.partition(" > ")[0])[1:] for line in text.splitlines() if line.startswith("  almeno ")]


NAMES = [entry.name for entry in COMMANDS if entry.function]
GROUPS = ["", *(entry.name for entry in COMMANDS if not entry.function)]
EXAMPLES = [(name, words) for name in (*NAMES, *GROUPS) for words in examples(name) if "--follow" not in words]
"""But for the one that has no end."""
DOCUMENTS = [
    (name, words)
    for name, words in EXAMPLES
    if name in NAMES and not {"--toml", "--output"} & set(words) and name != "events"
]
"""But for the one whose JSON is a document a line."""


@pytest.mark.parametrize("name", [*NAMES, *GROUPS])
def test_every_command_and_group_has_examples_of_itself_that_fit_a_terminal(name):
    found = examples(name)
    assert found
    for words in found:
        assert name in " ".join(words)
    assert max(map(len, help_of(name).partition("Examples:")[2].splitlines())) <= 76, "with the indentation, 80 columns"


@pytest.fixture
def lender(service, address, tmp_path, monkeypatch):
    """A service that answers every call with a value in each field, and the files of the examples."""
    for method in METHODS:
        kind = method.output_type._concrete_class
        answer = updates(kind) if method.server_streaming else filled(kind)
        service.answers(method.name, (lambda *_, sent=answer: sent) if method.server_streaming else answer)
    monkeypatch.setattr(calls, "open_client", lambda kind, to, _: kind(address, api_key=to.api_key))
    monkeypatch.setattr(CreditClient, "check_health", lambda _: [ServiceHealth(WHOLE, "SERVING")])
    for module in (key_facts, report, simulation):
        monkeypatch.setattr(module, "_write_page", lambda *_: None)
    monkeypatch.chdir(tmp_path)
    for file in ("customers.xlsx", "loans.csv", "draft.toml"):
        (tmp_path / file).write_text("text")
    (tmp_path / "pune.key").write_text(new_key())
    settings = tmp_path / "almeno" / "config.toml"
    settings.parent.mkdir()
    settings.write_text('[profiles.pune]\naddress = "credit.example.com:443"\n')
    for private in (settings, tmp_path / "pune.key"):
        private.chmod(0o600)
    return service


@pytest.fixture
def run(almeno, lender, monkeypatch, tmp_path):
    del lender
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    def run(words, output, width=100):
        if words[0] == "keys" and "--key-file" in words:
            # No key is overwritten.
            (tmp_path / words[words.index("--key-file") + 1]).unlink(missing_ok=True)
        result = almeno(*words, output=output, width=width)
        assert result.exit_code in ANSWERED, f"{words}\n{result.output}\n{result.exception!r}"
        return result.stdout

    return run


@pytest.mark.parametrize(("name", "words"), EXAMPLES, ids=[" ".join(words) for _, words in EXAMPLES])
def test_every_example_runs(run, name, words):
    assert run(words, "table"), name


def promised(name):
    """The names in the documents of a command, by the table of the README, with those of other documents of it."""
    (row,) = [
        cells for line in README.splitlines() if line.startswith("| `")
        for cells in [[cell.strip() for cell in line.strip("|").split("|")]]
        if len(cells) == 2 and f"`{name}`" in cells[0].split(", ")
    ]  # fmt: skip
    return set(re.findall(r"`([a-z_]+)`", row[1]))


def document_of(run, words):
    return json.loads(run([*words, "--json"], None))


def fitting(value):
    """Whether a value has one of the forms that are promised: no number is a binary fraction."""
    if isinstance(value, dict):
        return all(re.fullmatch(r"[a-z0-9_]+", name) and fitting(part) for name, part in value.items())
    if isinstance(value, list):
        return all(map(fitting, value))
    return value is None or isinstance(value, bool | int | str)


@pytest.mark.parametrize(("name", "words"), DOCUMENTS, ids=[" ".join(words) for _, words in DOCUMENTS])
def test_json_has_the_shape_that_is_promised(run, name, words):
    document = document_of(run, words)
    assert document.keys() <= promised(name)
    if not FLAGS_OF_OTHER_DOCUMENTS & set(words) and name not in OTHER_DOCUMENTS:
        assert document.keys() == promised(name)
    assert [at for at, value in document.items() if not fitting(value) and at not in COMPUTED] == []


AMOUNTS = {"amount", "loan_amount", "monthly_income", "approved_limit", "outstanding_principal", "counter_offer"}


def leaves(value, at=""):
    if isinstance(value, dict | list):
        for name, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(part, name if isinstance(value, dict) else at)
    else:
        yield at, value


def test_amounts_dates_and_instants_have_one_form_in_every_document(run):
    for name, words in DOCUMENTS:
        for at, value in leaves(document_of(run, words)):
            if at in AMOUNTS and value is not None:
                assert re.fullmatch(r"[0-9]+\.[0-9]{2}", value), (name, at)
                assert Decimal(value) > 0
            if at.endswith("_time") and not at.endswith("on_time") and value is not None:
                assert value.endswith("Z"), (name, at)
                assert datetime.fromisoformat(value)
            if at.endswith("_date") and value is not None:
                assert date.fromisoformat(value), (name, at)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "events"])
def test_every_answer_is_told_between_tabs_and_as_csv(run, name):
    words = examples(name)[0]
    document = document_of(run, words)
    rows = list(csv.DictReader(io.StringIO(run([*words, "--output", "csv"], None))))
    piped = run(words, None).splitlines()
    assert rows
    assert all("\t" in line for line in piped)
    lists = [value for value in document.values() if isinstance(value, list)]
    if len(lists) == 1 and not any(isinstance(value, dict) for value in document.values()):
        assert len(piped) == len(rows) == len(lists[0])
    elif name == "statement":
        assert len(piped) == len(rows) == len(document["statement"]["lines"]) + len(("opening", "closing"))
    else:
        assert len(rows) == 1
        assert [line.partition("\t")[0] for line in piped] == list(rows[0])


LISTS = ["schedule", "policies", "terms", "events", *(name for name in NAMES if "more" in promised(name))]


@pytest.mark.parametrize("name", [name for name in LISTS if name != "late"])
def test_empty_list_has_the_headings_of_one_that_is_not(run, service, name):
    words = [*examples(name)[0], "--output"]
    headings = run([*words, "csv"], None).splitlines(keepends=True)[0]
    for method in METHODS:
        if method.name.startswith(("List", "Find", "GetRepaymentSchedule")):
            service.answers(method.name, method.output_type._concrete_class())
    assert run([*words, "csv"], None) == headings
    assert run([*words, "tsv"], None) == ""


@pytest.mark.parametrize("name", NAMES)
def test_at_80_columns_no_date_and_no_amount_is_broken_or_cut(run, name):
    shown = run(examples(name)[0], "table", width=80)
    # Two lines may be longer: a file of TOML, and the name of a file.
    lines = [line for line in shown.splitlines() if name not in {"policies", "terms"} and str(Path.cwd()) not in line]
    assert max(map(len, lines), default=0) <= 80
    assert "…" not in shown.replace("…text", ""), "but for the hint at a phone number"
    for begin, rest in (("2026-", "01-31"), ("2100-", "01-01"), ("₹12", ",34,567.89")):
        assert shown.count(begin) == shown.count(begin + rest), shown
