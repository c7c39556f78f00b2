"""Which service the command line calls, and as whom: options, variables, profiles, and `almeno login`."""

import json
import os
import stat

import grpc
import pytest
from almeno_client import new_key
from almeno_client.cli import app, calls
from almeno_client.cli.profiles import Profile, config_file, read_profile, store_profile
from typer.testing import CliRunner

from almeno_grpc.api import access_service_pb2 as access
from almeno_grpc.api import credit_service_pb2 as credit

USAGE, REFUSED, UNAUTHENTICATED = 2, 4, 9


@pytest.fixture(autouse=True)
def settings(monkeypatch, tmp_path):
    """A folder of settings for each test."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    return tmp_path / "settings" / "almeno" / "config.toml"


@pytest.fixture
def key():
    return new_key()


@pytest.fixture
def key_file(tmp_path, key):
    file = tmp_path / "key"
    file.write_text(f"{key}\n")
    file.chmod(0o600)
    return file


@pytest.fixture
def known(service, sample):
    """A service that knows whoever calls."""
    service.answers("WhoAmI", sample.caller())
    service.answers("ListCustomers", credit.ListCustomersResponse())
    return service


@pytest.fixture
def run(address):
    """Runs a command line with these variables; the address is the stand-in's where it is not said."""

    def run(*arguments, input=None, **variables):  # noqa: A002 - typer's own name
        environment = {"ALMENO_ADDRESS": address, "COLUMNS": "100", "ALMENO_OUTPUT": "table"} | variables
        return CliRunner().invoke(app, arguments, input=input, env=environment)

    return run


def sent(service, method="ListCustomers"):
    return service.credentials[method]


def test_key_comes_from_a_file_a_variable_or_standard_input(run, known, key, key_file):
    run("--api-key-file", str(key_file), "customers")
    run("customers", ALMENO_API_KEY_FILE=str(key_file))
    run("customers", ALMENO_API_KEY=f" {key}\n")
    run("--api-key-file", "-", "customers", input=f"{key}\n")
    run("customers")
    assert sent(known) == [f"Bearer {key}"] * 4 + [None]


def test_file_counts_before_the_variable(run, known, key, key_file):
    run("--api-key-file", str(key_file), "customers", ALMENO_API_KEY=new_key())
    assert sent(known) == [f"Bearer {key}"]


def test_key_is_no_argument(run, known, key):
    result = run("--api-key-file", key, "customers")
    assert result.exit_code == USAGE
    assert "not the key" in result.stderr
    assert key not in result.output
    assert run("--api-key", key, "customers").exit_code == USAGE
    assert not known.requests


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o622])
@pytest.mark.parametrize("owner", [0, 12345])
def test_key_file_that_others_may_read_is_refused(run, key_file, mode, owner, monkeypatch):
    as_it_is = os.fstat

    def owned(descriptor):
        status = list(as_it_is(descriptor))
        status[stat.ST_UID] = owner
        return os.stat_result(status)

    monkeypatch.setattr("almeno_client.files.os.fstat", owned)
    key_file.chmod(mode)
    result = run("--api-key-file", str(key_file), "customers")
    # A file of root's may be its group's to read, as mounted secrets are.
    refused = not (owner == 0 and mode == 0o640)
    assert (result.exit_code == USAGE) == refused
    assert (f"chmod 600 {key_file}" in result.stderr.replace("\n", "")) == refused


@pytest.mark.parametrize("content", ["", "secret", "almeno_short", "\x00"])
def test_file_without_a_key_is_refused_without_repeating_it(run, known, key_file, content):
    key_file.write_text(content)
    result = run("--api-key-file", str(key_file), "customers")
    assert result.exit_code == USAGE
    assert "not an API key" in result.stderr.replace("\n", " ")
    assert not content or content not in result.stderr
    assert not known.requests


def test_key_does_not_go_to_another_machine_without_tls(run, known, key_file):
    result = run("--address", "credit.example.com:50051", "--api-key-file", str(key_file), "customers")
    assert result.exit_code == USAGE
    assert "over TLS only" in result.stderr
    assert not known.requests


@pytest.mark.parametrize("reason", ["CREDENTIALS_MISSING", "CREDENTIALS_INVALID", "CREDENTIALS_EXPIRED"])
def test_caller_who_is_not_known_ends_with_9(run, service, sample, key, reason):
    service.answers("GetLoan", sample.refusal(grpc.StatusCode.UNAUTHENTICATED, "not known", reason))
    without = run("loan", "5")
    assert without.exit_code == UNAUTHENTICATED
    assert f"({reason})" in without.stderr
    assert "--api-key-file" in without.stderr
    with_key = run("--json", "loan", "5", ALMENO_API_KEY=key)
    assert with_key.exit_code == UNAUTHENTICATED
    assert json.loads(with_key.stderr)["error"]["reason"] == reason
    assert key not in with_key.output


def test_caller_without_the_scope_ends_with_4_and_the_scope(run, service, sample):
    refusal = sample.refusal(
        grpc.StatusCode.PERMISSION_DENIED, "not allowed", "SCOPE_MISSING", {}, {"scope": "loans:read"}
    )
    service.answers("GetLoan", refusal)
    result = run("loan", "5")
    assert result.exit_code == REFUSED
    assert "loans:read" in result.stderr


def test_login_keeps_a_profile_of_its_owner_alone_that_commands_use(run, known, key, key_file, settings, address):
    result = run("--api-key-file", str(key_file), "login")
    assert result.exit_code == 0, result.output
    assert "Caller branch-pune" in result.stdout
    assert key not in result.output
    assert stat.S_IMODE(settings.stat().st_mode) == 0o600
    assert stat.S_IMODE(settings.parent.stat().st_mode) == 0o700
    assert key not in settings.read_text()
    assert run("customers", ALMENO_ADDRESS="").exit_code == 0
    assert sent(known) == sent(known, "WhoAmI") == [f"Bearer {key}"]
    assert read_profile("default") == Profile(address=address, api_key_file=key_file)


def test_login_keeps_the_key_itself_where_no_file_holds_it(run, known, key, settings):
    assert run("--profile", "pune", "login", ALMENO_API_KEY=key).exit_code == 0
    assert key in settings.read_text()
    run("--profile", "pune", "customers", ALMENO_ADDRESS="")
    run("customers", ALMENO_ADDRESS="", ALMENO_PROFILE="pune")
    assert sent(known) == [f"Bearer {key}"] * 2


def test_login_keeps_the_key_that_came_through_a_pipe(run, known, key):
    reading, writing = os.pipe()
    os.write(writing, key.encode())
    os.close(writing)
    assert run("--api-key-file", f"/dev/fd/{reading}", "--profile", "pipe", "login").exit_code == 0
    os.close(reading)
    assert run("--api-key-file", "-", "--profile", "input", "login", input=key).exit_code == 0
    assert [read_profile(name).api_key for name in ("pipe", "input")] == [key] * 2
    assert sent(known, "WhoAmI") == [f"Bearer {key}"] * 2


def test_login_asks_for_the_key_at_a_terminal_without_showing_it(run, known, key, monkeypatch):
    asked = []

    def prompt(_, **options):
        asked.append(options["hide_input"])
        return key

    monkeypatch.setattr("almeno_client.cli.login.typer.prompt", prompt)
    monkeypatch.setattr("almeno_client.cli.login.is_interactive", lambda: True)
    assert run("login").exit_code == 0
    assert (asked, sent(known, "WhoAmI")) == ([True], [f"Bearer {key}"])


def test_login_that_the_service_refuses_keeps_nothing(run, service, sample, key, settings):
    service.answers("WhoAmI", sample.refusal(grpc.StatusCode.UNAUTHENTICATED, "not known", "CREDENTIALS_INVALID"))
    assert run("login", ALMENO_API_KEY=key).exit_code == UNAUTHENTICATED
    assert not settings.exists()


@pytest.mark.usefixtures("known")
def test_login_again_keeps_the_address_and_replaces_the_key(run, key, address):
    store_profile("pune", Profile(address=address, api_key=new_key()))
    store_profile("goa", Profile(address="goa.example.com:1", tls=True))
    assert run("--profile", "pune", "login", ALMENO_ADDRESS="", ALMENO_API_KEY=key).exit_code == 0
    assert read_profile("pune") == Profile(address=address, api_key=key)
    assert read_profile("goa") == Profile(address="goa.example.com:1", tls=True)


def test_default_profile_is_not_for_an_address_that_is_named(run, known, key):
    store_profile("default", Profile(address="credit.example.com:50051", tls=True, api_key=key))
    assert run("customers").exit_code == 0
    assert sent(known) == [None]


def test_key_of_a_profile_goes_to_no_other_service(run, known, key):
    store_profile("pune", Profile(address="credit.example.com:50051", tls=True, api_key=key))
    result = run("--profile", "pune", "customers")
    assert result.exit_code == USAGE
    assert "is for credit.example.com:50051" in result.stderr
    assert not known.requests


def test_profile_that_is_not_there_is_wrong_usage(run, known):
    result = run("--profile", "nowhere", "customers")
    assert result.exit_code == USAGE
    assert "nowhere" in result.stderr
    assert run("--profile", "no/where", "login").exit_code == USAGE
    assert not known.requests or set(known.requests) == {"WhoAmI"}


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("profiles = 3", "something else"),
        ("[profile.default]\n", "something else"),
        ("[profiles.default\n", "TOML"),
        ("[profiles]\ndefault = 3\n", "not a table"),
        ("[profiles.default]\nadress = 'x:1'\n", "no setting adress"),
        ("[profiles.default]\ntls = 'yes'\n", "tls is not"),
        ("[profiles.default]\naddress = 7\n", "address is not"),
    ],
)
def test_settings_that_are_not_right_are_told(run, settings, text, complaint):
    settings.parent.mkdir(parents=True)
    settings.write_text(text)
    settings.chmod(0o600)
    result = run("customers", ALMENO_ADDRESS="")
    assert result.exit_code == USAGE
    assert complaint in result.stderr.replace("\n", " ")


def test_settings_that_others_may_read_are_refused(run, settings, key, address):
    store_profile("default", Profile(address=address, api_key=key))
    settings.chmod(0o644)
    result = run("customers", ALMENO_ADDRESS="")
    assert result.exit_code == USAGE
    assert key not in result.output


def test_settings_are_not_written_through_a_symbolic_link(settings, tmp_path):
    settings.parent.mkdir(parents=True)
    (tmp_path / "elsewhere").write_text("")
    (tmp_path / "elsewhere").chmod(0o600)
    settings.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="symbolic link"):
        store_profile("default", Profile(address="127.0.0.1:1"))
    assert (tmp_path / "elsewhere").read_text() == ""


def test_profile_comes_back_as_it_was_stored(tmp_path):
    odd = Profile(address='a"b\\c:1', api_key="k\x7fé\n", tls=True, tls_ca=tmp_path / 'कृ".pem', tls_cert=tmp_path / "c")
    store_profile("a.b", odd)
    assert read_profile("a.b") == odd
    assert read_profile("a") is None
    assert "k" + "\x7f" not in repr(odd)


def test_profiles_stand_where_settings_do(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert config_file() == tmp_path / ".config" / "almeno" / "config.toml"


@pytest.mark.usefixtures("known")
def test_whoami_shows_scopes_limits_and_the_end(run):
    shown = run("whoami").stdout
    for text in ("Caller branch-pune", "customers:read, loans:write", "₹50,000.00", "Ab3dE6gH9jK2", "2026-04-01"):
        assert text in shown
    assert json.loads(run("--json", "whoami").stdout)["caller"]["principal"] == "branch-pune"


def test_whoami_says_that_access_control_is_off(run, service):
    service.answers("WhoAmI", access.WhoAmIResponse())
    assert "Access control is off" in run("whoami").stdout


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("tls", [("--tls",), ("--tls-ca", "ca.pem")])
def test_tls_comes_from_options_and_from_variables_of_the_client(run, monkeypatch, tmp_path, tls):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    opened = []

    def open_client(_kind, to, _timeout_seconds):
        opened.append(to.tls)
        raise ValueError("seen")

    monkeypatch.setattr(calls, "open_client", open_client)
    run(*tls, "customers")
    variables = {"--tls": ("ALMENO_CLIENT_TLS", "1"), "--tls-ca": ("ALMENO_CLIENT_TLS_CA", "ca.pem")}
    name, value = variables[tls[0]]
    run("customers", **{name: value})
    # The server's are the server's.
    run("customers", ALMENO_TLS_CERTIFICATE="ca.pem", ALMENO_TLS_KEY="ca.pem", ALMENO_TLS_CLIENT_CA="ca.pem")
    assert opened[0] == opened[1] is not None
    assert opened[2] is None
