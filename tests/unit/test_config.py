from dataclasses import fields, replace
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from almeno_grpc import config
from almeno_grpc.config import ConfigurationError, Settings, flag_of, settings_from_command_line, variable_of
from almeno_grpc.config_values import Address, size_text
from almeno_grpc.logs import redact_password


def read(**environment: str) -> Settings:
    return Settings.from_environment({variable_of(name): text for name, text in environment.items()})


def test_server_needs_no_settings() -> None:
    settings = settings_from_command_line([], {})
    assert settings == Settings()
    assert str(settings.address) == "127.0.0.1:50051"
    assert settings.database_url == "sqlite:///almeno.db"
    assert settings.timezone == ZoneInfo("Asia/Kolkata")
    assert settings.business_date is None
    assert settings.workers >= 1


def test_flag_wins_over_the_environment_and_an_empty_variable_counts_as_unset() -> None:
    environment = {"ALMENO_WORKERS": "3", "ALMENO_THREADS": "5", "ALMENO_BUSINESS_DATE": ""}
    settings = settings_from_command_line(["--workers", "2", "--insecure"], environment)
    assert (settings.workers, settings.threads, settings.business_date, settings.insecure) == (2, 5, None, True)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("address", "0.0.0.0:0", Address("0.0.0.0", 0)),  # noqa: S104 - the address is read, not served
        ("address", "[::1]:443", Address("::1", 443)),
        ("address", "LOCALHOST:65535", Address("localhost", 65535)),
        ("business_date", "2026-03-31", date(2026, 3, 31)),
        ("timezone", "UTC", ZoneInfo("UTC")),
        ("max_message_bytes", "1048576", 1_048_576),
        ("max_message_bytes", "2 mib", 2 * 1024 * 1024),
        ("import_max_upload_bytes", "4GiB", 4 * 1024**3),
        ("import_max_upload_bytes", "16KiB", 16 * 1024),
        ("drain_seconds", "0", 0),
    ],
)
def test_value_is_read(name: str, text: str, value: object) -> None:
    assert getattr(read(**{name: text, "insecure": "yes"}), name) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("address", "127.0.0.1"),
        ("address", ":50051"),
        ("address", "127.0.0.1:"),
        ("address", "127.0.0.1:65536"),
        ("address", "127.0.0.1:+80"),
        ("address", "127.0.0.256:80"),
        ("address", "::1:80"),
        ("address", "[127.0.0.1]:80"),
        ("address", "1.2.3.4[::1]:80"),
        ("address", "bank.example:80"),
        ("metrics_address", "9090"),
        ("business_date", "31-03-2026"),
        ("business_date", "2026-02-30"),
        ("business_date", "20260331"),
        ("business_date", "2026-W14-2"),
        ("timezone", "Asia/Atlantis"),
        ("timezone", "../../etc/passwd"),
        ("workers", "0"),
        ("workers", "257"),
        ("workers", "two"),
        ("workers", "-1"),
        ("workers", "1.5"),
        ("threads", "9" * 40),
        ("insecure", "maybe"),
        ("access", "on"),
        ("access_certificates", "any"),
        ("max_message_bytes", "4MB"),
        ("max_message_bytes", "100MiB"),
        ("max_message_bytes", "1"),
        ("load_loans", "/there/is/no/such/file.xlsx"),
    ],
)
def test_value_that_makes_no_sense_is_refused_by_the_name_of_its_setting(name: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{variable_of(name)}: ") as caught:
        read(**{name: text})
    assert caught.value.setting == name


@pytest.mark.parametrize("address", ["0.0.0.0:1", "10.0.0.1:1", "[::]:1", "[2001:db8::1]:1"])
def test_other_machines_are_served_with_tls_or_when_insecure_says_so(address: str, tmp_path: Path) -> None:
    pem = tmp_path / "pem"
    pem.touch()
    with pytest.raises(ConfigurationError, match=r"^ALMENO_ADDRESS: .*ALMENO_INSECURE"):
        read(address=address)
    assert read(address=address, insecure="1").insecure
    encrypted = {"tls_certificate": str(pem), "tls_key": str(pem)}
    with pytest.raises(ConfigurationError, match=r"^ALMENO_ACCESS: .*ALMENO_ACCESS=keys.*ALMENO_INSECURE"):
        read(address=address, **encrypted)
    assert read(address=address, access="keys", **encrypted).tls_key == pem
    # Metrics have a switch of their own.
    with pytest.raises(ConfigurationError, match=r"^ALMENO_METRICS_ADDRESS: .*ALMENO_METRICS_INSECURE"):
        read(metrics_address=address, insecure="1", **encrypted)
    assert read(metrics_address=address, metrics_insecure="1").metrics_address


def test_rules_of_a_lender_lie_in_a_folder_that_is_there(tmp_path: Path) -> None:
    assert read(rules=str(tmp_path)).rules == tmp_path
    with pytest.raises(ConfigurationError, match=f"^ALMENO_RULES: there is no folder {tmp_path}/none"):
        read(rules=f"{tmp_path}/none")


@pytest.mark.parametrize("given", [{"tls_certificate"}, {"tls_key"}, {"tls_client_ca"}])
def test_tls_needs_certificate_and_key(given: set[str], tmp_path: Path) -> None:
    pem = tmp_path / "pem"
    pem.touch()
    with pytest.raises(ConfigurationError, match="ALMENO_TLS_"):
        read(**{name: str(pem) for name in given})


def test_names_in_certificates_need_access_control_and_an_authority(tmp_path: Path) -> None:
    pem = tmp_path / "pem"
    pem.touch()
    encrypted = {"tls_certificate": str(pem), "tls_key": str(pem)}
    with pytest.raises(ConfigurationError, match=r"^ALMENO_ACCESS_CERTIFICATES: .*ALMENO_ACCESS=keys"):
        read(access_certificates="names", tls_client_ca=str(pem), **encrypted)
    with pytest.raises(ConfigurationError, match=r"^ALMENO_ACCESS_CERTIFICATES: .*ALMENO_TLS_CLIENT_CA"):
        read(access_certificates="both", access="keys", **encrypted)
    assert read(access_certificates="both", access="keys", tls_client_ca=str(pem), **encrypted).access == "keys"


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("ALMENO_WORKER", "did you mean ALMENO_WORKERS?"),
        ("ALMENO_DATABSE_URL", "did you mean ALMENO_DATABASE_URL?"),
        ("ALMENO_TLS_CERT", "did you mean ALMENO_TLS_CERTIFICATE?"),
        ("ALMENO_PORT", "almeno-server --help"),
        ("ALMENO_XYZZY", "almeno-server --help"),
    ],
)
def test_misspelt_variable_is_an_error_that_names_the_nearest_setting(variable: str, hint: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{variable} is no setting") as caught:
        settings_from_command_line([], {variable: "hunter2"})
    assert hint in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_variables_of_other_programs_are_left_alone() -> None:
    environment = {
        "ALMENO_API_KEY": "almeno_x",
        "ALMENO_API_KEY_FILE": "key",
        "ALMENO_CLIENT_TLS_CA": "ca.pem",
        "ALMENO_CRASH_TRIALS": "3",
        "ALMENO_PYTHONS": "3.12",
        "ALMENO_BOOK": "/book",
        "ALMENO_SKIP_NOTHING": "1",
        "ALMENO_SERVICE_HOST": "10.0.0.1",
        "ALMENO_SERVICE_PORT_GRPC": "50051",
        "ALMENO_CREDIT_PORT": "tcp://10.0.0.1:50051",
        "ALMENO_CREDIT_PORT_50051_TCP_ADDR": "10.0.0.1",
        "ALMENO_XYZZY": "",
        "OTHER_WORKER": "7",
    }
    assert settings_from_command_line([], environment) == Settings()


def test_settings_reach_another_process_through_its_environment(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    settings = replace(
        Settings(),
        address=Address("::1", 0),
        metrics_address=Address("127.0.0.1", 9),
        business_date=date(2026, 3, 31),
        timezone=ZoneInfo("UTC"),
        insecure=True,
        metrics_insecure=True,
        metrics_token_file=file,
        tls_certificate=file,
        tls_key=file,
        tls_client_ca=file,
        load_customers=file,
        load_loans=file,
        rules=tmp_path,
        workers=7,
    )
    assert Settings.from_environment(settings.as_environment()) == settings
    assert Settings.from_environment(Settings().as_environment()) == Settings()


@pytest.mark.parametrize(
    ("machine_bytes", "reader_bytes"), [(64 * 1024**3, 4 * 1024**3), (2 * 1024**3, 1024**3), (1, 256 * 1024**2)]
)
def test_reader_gets_half_of_the_memory_of_the_machine_within_bounds(
    machine_bytes: int, reader_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "usable_memory_bytes", lambda: machine_bytes)
    assert Settings().import_max_memory_bytes == reader_bytes


@pytest.mark.parametrize(("limit", "bytes_"), [("1048576\n", 1048576), ("max\n", 4096 * 4096), (None, 4096 * 4096)])
def test_memory_is_that_of_the_machine_or_of_the_container(
    limit: str | None, bytes_: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if limit is not None:
        (tmp_path / "memory.max").write_text(limit)
    monkeypatch.setattr(config, "CONTAINER_MEMORY", tmp_path / "memory.max")
    monkeypatch.setattr(config.os, "sysconf", lambda _: 4096)
    assert config.usable_memory_bytes() == bytes_


def test_help_names_every_flag_with_its_variable(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        settings_from_command_line(["--help"], {})
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for declared in fields(Settings):
        assert f"{flag_of(declared.name)} " in text
        assert variable_of(declared.name) in text
    assert "4MiB" in text


@pytest.mark.parametrize(("size_bytes", "text"), [(1024, "1KiB"), (1536, "1536"), (3 * 1024**3, "3GiB"), (0, "0")])
def test_size_is_written_in_its_largest_unit(size_bytes: int, text: str) -> None:
    assert size_text(size_bytes) == text


@pytest.mark.parametrize(
    ("url", "written"),
    [
        ("sqlite:///almeno.db", "sqlite:///almeno.db"),
        ("sqlite:////tmp/a@b.db?mode=ro", "sqlite:////tmp/a@b.db"),
        (
            "postgresql+psycopg://bank:s3cr?t@db:5432/credit?sslmode=require",
            "postgresql+psycopg://bank:***@db:5432/credit",
        ),
        ("postgresql://db/credit?password=s3cr:t", "postgresql://db/credit"),
        ("postgresql://bank:s3c@r@t@db/credit", "postgresql://bank:***@db/credit"),
    ],
)
def test_database_is_logged_without_its_password(url: str, written: str) -> None:
    assert redact_password(url) == written
