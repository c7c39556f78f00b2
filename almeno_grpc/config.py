"""Settings of the server: from flags, from the environment, or their defaults.

Every setting is a field of `Settings`. The field `max_message_bytes` is the variable `ALMENO_MAX_MESSAGE_BYTES` and
the flag `--max-message-bytes`; the flag wins. An empty variable counts as unset.
"""

import difflib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_type_hints
from zoneinfo import ZoneInfo

from almeno_grpc import config_values as values
from almeno_grpc.arguments import ArgumentParser
from almeno_grpc.config_values import GIBIBYTE, KIBIBYTE, MEBIBYTE, Address
from almeno_grpc.domain.limits import MAX_BOOK_YEAR, MIN_BOOK_YEAR
from almeno_grpc.extras import ExtraMissing, require_extra

DEFAULT_ADDRESS = Address("127.0.0.1", 50051)
MIN_READER_BYTES = 256 * MEBIBYTE
"""Below it not even the libraries that read files can be loaded."""
CONTAINER_MEMORY = Path("/sys/fs/cgroup/memory.max")
"""Limit of the control group that a container sees as its own; `max` where there is none."""
DEFAULT_TIMEZONE = ZoneInfo("Asia/Kolkata")

PREFIX = "ALMENO_"
"""Begins the names of all variables of the server."""
OTHERS_VARIABLES = re.compile(
    # The client's, which an operator may have set in the same shell; it shares ALMENO_ADDRESS.
    "ALMENO_(CLIENT_[A-Z0-9_]+|API_KEY|API_KEY_FILE|OUTPUT|PROFILE|TIMEOUT"
    # Those of the tests.
    "|BOOK|LIVES|PYTHONS|SKIP_NOTHING|FUZZ_EXAMPLES|FLOOD_SECONDS|[A-Z0-9_]+_TRIALS"
    # Those that Kubernetes sets in each pod for a Service whose name begins with "almeno".
    "|([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
    "|([A-Z0-9_]+_)?PORT(?==(tcp|udp|sctp)://))"
    "="
)
"""Variables with the prefix that are not the server's to know, as `NAME=value`."""


class ConfigurationError(Exception):
    """The server cannot start as it is set up.

    Attributes:
        setting: Name of the field of `Settings` at fault; None where it is no single one.
    """

    def __init__(self, message: str, setting: str | None = None) -> None:
        super().__init__(f"{variable_of(setting)}: {message}" if setting else message)
        self.setting = setting


class Setting(NamedTuple):
    """How a setting is parsed, and its help text."""

    read: Callable[[str], Any]
    summary: str
    default: str = ""
    """The default in words, where the value does not say it."""


def usable_cores() -> list[int]:
    """Ids of the processor cores in the CPU affinity of this process."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def usable_memory_bytes() -> int:
    """Memory of the machine, or of the container that this process is in."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        container = CONTAINER_MEMORY.read_text(encoding="ascii").strip()
    except OSError:
        return machine
    return min(machine, int(container)) if container.isdecimal() else machine


@dataclass(frozen=True)
class Settings:
    """Everything that can be set."""

    address: Annotated[
        Address, Setting(values.address, "where gRPC is served, as host:port; port 0 takes a free one")
    ] = DEFAULT_ADDRESS
    database_url: Annotated[str, Setting(str, "database, as a SQLAlchemy URL")] = "sqlite:///almeno.db"
    business_date: Annotated[
        date | None, Setting(values.day, "day taken as today, YYYY-MM-DD", "today in the time zone")
    ] = None
    timezone: Annotated[ZoneInfo, Setting(values.timezone, "time zone whose date is today")] = DEFAULT_TIMEZONE
    workers: Annotated[int, Setting(values.number(1, 256), "processes that serve calls", "one per processor core")] = (
        field(default_factory=lambda: len(usable_cores()))
    )
    threads: Annotated[int, Setting(values.number(1, 256), "threads of each process that serve calls")] = 4
    metrics_address: Annotated[
        Address | None,
        Setting(values.address, "where Prometheus metrics are served over HTTP, at /metrics", "not served"),
    ] = None
    metrics_insecure: Annotated[bool, Setting(values.switch, "serve metrics to other machines, without TLS")] = False
    metrics_token_file: Annotated[
        Path | None,
        Setting(Path, "file with the token that a scrape has to send, as Authorization: Bearer", "none is asked for"),
    ] = None
    tls_certificate: Annotated[Path | None, Setting(Path, "certificate chain of the server, a PEM file", "no TLS")] = (
        None
    )
    tls_key: Annotated[Path | None, Setting(Path, "private key of the server, a PEM file", "no TLS")] = None
    tls_client_ca: Annotated[
        Path | None,
        Setting(Path, "authorities, a PEM file, one of which must have certified a caller", "any caller is served"),
    ] = None
    access: Annotated[
        str,
        Setting(values.one_of("off", "keys"), "whether callers need an API key or a certificate; off: anyone may call"),
    ] = "off"
    access_certificates: Annotated[
        str,
        Setting(
            values.one_of("off", "names", "both"),
            "what client certificates are good for: off: nothing; names: they stand for a principal in the place of an "
            "API key; both: they are needed beside one",
        ),
    ] = "off"
    insecure: Annotated[bool, Setting(values.switch, "serve other machines without TLS or access control")] = False
    max_concurrent_calls: Annotated[
        int, Setting(values.number(1, 100_000), "calls that a process takes on at a time, waiting ones included")
    ] = 1000
    max_message_bytes: Annotated[
        int, Setting(values.size(16 * KIBIBYTE, 64 * MEBIBYTE), "size of a request message")
    ] = 4 * MEBIBYTE
    drain_seconds: Annotated[
        int, Setting(values.number(0, 3600), "time that calls in flight have to finish in when the server stops")
    ] = 10
    process_max_memory_bytes: Annotated[
        int,
        Setting(
            values.size(128 * MEBIBYTE, 1024 * GIBIBYTE), "memory of a process beyond which it is replaced, on Linux"
        ),
    ] = GIBIBYTE
    process_max_silence_seconds: Annotated[
        int, Setting(values.number(2, 3600), "time without a sign of life after which a process is replaced")
    ] = 15
    slow_call_milliseconds: Annotated[
        int, Setting(values.number(1, 3_600_000), "duration from which a call is logged as slow")
    ] = 500
    tracing: Annotated[
        bool, Setting(values.switch, "trace calls by OpenTelemetry, whose own variables, OTEL_..., say where to")
    ] = False
    import_max_upload_bytes: Annotated[
        int, Setting(values.size(KIBIBYTE, 4 * GIBIBYTE), "size of an uploaded file")
    ] = 256 * MEBIBYTE
    import_max_unpacked_bytes: Annotated[
        int, Setting(values.size(KIBIBYTE, 64 * GIBIBYTE), "size of an uploaded file once unpacked")
    ] = GIBIBYTE
    import_max_rows: Annotated[int, Setting(values.number(1, 100_000_000), "rows of an uploaded file")] = 2_000_000
    import_max_memory_bytes: Annotated[
        int,
        Setting(
            values.size(MIN_READER_BYTES, 1024 * GIBIBYTE),
            "memory of the process that reads a file",
            "half of the machine's, at most 4GiB",
        ),
    ] = field(default_factory=lambda: min(4 * GIBIBYTE, max(MIN_READER_BYTES, usable_memory_bytes() // 2)))
    import_max_queued_files: Annotated[
        int, Setting(values.number(1, 100_000), "files that wait for their import at a time")
    ] = 200
    import_max_queued_bytes: Annotated[
        int, Setting(values.size(MEBIBYTE, 1024 * GIBIBYTE), "size of all uploaded files that are stored at a time")
    ] = 2 * GIBIBYTE
    request_days: Annotated[
        int, Setting(values.number(1, 36_500), "days for which the answer to a request_id is remembered")
    ] = 90
    event_days: Annotated[
        int, Setting(values.number(1, 36_500), "days for which events of changes are kept for those who follow them")
    ] = 90
    decision_days: Annotated[
        int, Setting(values.number(1, 36_500), "days for which stored decisions are kept, for at most a month longer")
    ] = 36_500
    import_batch_rows: Annotated[
        int,
        Setting(
            values.number(1, 100_000),
            "rows of an import that are stored at a time, or as many as a tenth of a second takes, at first less; "
            "fewer on SQLite while calls wait to write",
        ),
    ] = 50_000
    audit_key_file: Annotated[
        Path | None,
        Setting(
            Path, "key that signs checkpoints of the audit trail: Ed25519 in PEM, or a secret for HMAC", "unsigned"
        ),
    ] = None
    audit_anchor_file: Annotated[
        Path | None, Setting(Path, "file that checkpoints of the audit trail are written to as well", "none")
    ] = None
    audit_write_days: Annotated[int, Setting(values.number(1, 36_525), "days that audit events of writes are kept")] = (
        2_922
    )
    audit_read_days: Annotated[
        int, Setting(values.number(1, 36_525), "days that audit events of reads and refusals are kept")
    ] = 400
    rules: Annotated[
        Path | None,
        Setting(
            Path,
            "folder with the lender's own policies/, terms/ and norms/, whose files stand beside those of the service",
            "none",
        ),
    ] = None
    load_customers: Annotated[Path | None, Setting(Path, "file of customers to import at the start", "none")] = None
    load_loans: Annotated[Path | None, Setting(Path, "file of loans to import at the start", "none")] = None

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str], flags: Mapping[str, str | None] | None = None
    ) -> "Settings":
        """Reads the settings and checks them.

        Args:
            environment: Variables, as of `os.environ`.
            flags: Texts by the names of the fields; they win over the environment.

        Raises:
            ConfigurationError: A value cannot be read, the values do not go together, or a variable with the prefix
                of the server's is no setting, such as a misspelt one.
        """
        settings, faults = cls.read(environment, flags)
        if faults:
            raise faults[0]
        return settings

    @classmethod
    def read(
        cls, environment: Mapping[str, str], flags: Mapping[str, str | None] | None = None
    ) -> "tuple[Settings, list[ConfigurationError]]":
        """Reads the settings as `from_environment` does, those that can be read; gives all that is wrong too."""
        found, faults = {}, list(_unknown_variables(environment))
        for name, setting in _declared().items():
            text = (flags or {}).get(name) or environment.get(variable_of(name))
            if text:
                try:
                    found[name] = setting.read(text)
                except ValueError as error:
                    faults.append(ConfigurationError(str(error), name))
        settings = cls(**found)
        unread = {fault.setting for fault in faults}
        # In the place of one that cannot be read stands its default, of which nothing is to be said.
        return settings, [*faults, *(fault for fault in settings._faults() if fault.setting not in unread)]

    def as_environment(self) -> dict[str, str]:
        """Writes the settings as variables that `from_environment` reads back to the same settings."""
        found = {name: getattr(self, name) for name in _declared()}
        return {variable_of(name): str(value) for name, value in found.items() if value is not None}

    def _faults(self) -> Iterator[ConfigurationError]:
        """What no single value shows: values that do not go together, and files that do not exist."""
        yield from self._faults_of_files()
        if self.business_date and not MIN_BOOK_YEAR <= self.business_date.year <= MAX_BOOK_YEAR:
            # The longest loan approved on that day has to end before the calendar does.
            yield ConfigurationError(
                f"the business date lies in the years {MIN_BOOK_YEAR} to {MAX_BOOK_YEAR}", "business_date"
            )
        if (self.tls_certificate is None) != (self.tls_key is None):
            missing = "tls_key" if self.tls_key is None else "tls_certificate"
            yield ConfigurationError("certificate and key are needed together", missing)
        if self.tls_client_ca is not None and self.tls_certificate is None:
            yield ConfigurationError("callers are certified over TLS only: set certificate and key", "tls_client_ca")
        if not (self.address.is_loopback or self.tls_certificate or self.insecure):
            yield ConfigurationError(
                "other machines are served with TLS only: set ALMENO_TLS_CERTIFICATE and ALMENO_TLS_KEY, "
                "or accept open traffic with ALMENO_INSECURE=1",
                "address",
            )
        yield from self._faults_of_access()
        yield from self._faults_of_tracing()
        if self.metrics_address and not (self.metrics_address.is_loopback or self.metrics_insecure):
            yield ConfigurationError(
                "metrics are served to this machine only, unless ALMENO_METRICS_INSECURE=1 accepts open traffic",
                "metrics_address",
            )

    def _faults_of_tracing(self) -> Iterator[ConfigurationError]:
        if self.tracing:
            try:
                require_extra("otel", "OpenTelemetry")
            except ExtraMissing as missing:
                yield ConfigurationError(str(missing), "tracing")

    def _faults_of_files(self) -> Iterator[ConfigurationError]:
        for name in (
            "metrics_token_file",
            "tls_certificate",
            "tls_key",
            "tls_client_ca",
            "audit_key_file",
            "load_customers",
            "load_loans",
        ):
            path = getattr(self, name)
            if path is not None and not path.is_file():
                yield ConfigurationError(f"there is no file {path}", name)
        if self.rules is not None and not self.rules.is_dir():
            yield ConfigurationError(f"there is no folder {self.rules}", "rules")

    def _faults_of_access(self) -> Iterator[ConfigurationError]:
        if self.access == "off" and not (self.address.is_loopback or self.insecure):
            yield ConfigurationError(
                "other machines are served with access control only: set ALMENO_ACCESS=keys, or let anyone call "
                "with ALMENO_INSECURE=1",
                "access",
            )
        if self.access_certificates != "off" and self.access == "off":
            yield ConfigurationError("certificates are looked at with ALMENO_ACCESS=keys only", "access_certificates")
        if self.access_certificates != "off" and self.tls_client_ca is None:
            yield ConfigurationError("names in certificates need ALMENO_TLS_CLIENT_CA", "access_certificates")


def _declared() -> dict[str, Setting]:
    """The declaration of each setting, by the name of its field."""
    hints = get_type_hints(Settings, include_extras=True)
    return {declared.name: hints[declared.name].__metadata__[0] for declared in fields(Settings)}


def _unknown_variables(environment: Mapping[str, str]) -> Iterator[ConfigurationError]:
    """Variables that are meant for the server but are none of its settings; empty ones count as unset.

    Their values are not quoted, which may be secrets.
    """
    known = [name.upper() for name in _declared()]
    for variable, text in environment.items():
        name = variable.removeprefix(PREFIX)
        if not text or name in (variable, *known):
            continue
        if not OTHERS_VARIABLES.match(f"{variable}={text}"):
            nearest = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {PREFIX}{nearest[0]}?" if nearest else "almeno-server --help lists them all"
            yield ConfigurationError(f"{variable} is no setting of the server: {hint}")


def variable_of(name: str) -> str:
    """Names the environment variable of a field of `Settings`."""
    return f"{PREFIX}{name.upper()}"


def flag_of(name: str) -> str:
    """Names the flag of a field of `Settings`."""
    return f"--{name.replace('_', '-')}"


CHECK = "--check"
"""Flag of a run that looks at what a start would need, and starts nothing. It stands in front."""


def settings_from_command_line(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """Reads the settings of a server; `--help` and `--version` print and end the program.

    Raises:
        ConfigurationError: As `Settings.from_environment`.
        SystemExit: As `read_command_line`.
    """
    settings, faults = read_command_line(arguments, environment)
    if faults:
        raise faults[0]
    return settings


def read_command_line(
    arguments: Sequence[str], environment: Mapping[str, str]
) -> tuple[Settings, list[ConfigurationError]]:
    """Reads the settings of a server as `Settings.read` does.

    Raises:
        SystemExit: The flags cannot be read (2), or help or the version was asked for (0).
    """
    return Settings.read(environment, vars(_parser().parse_args(arguments)))


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="almeno-server",
        description="Serves credit decisions and loans over gRPC. Every flag has an environment variable; flags win.",
        examples=(
            "almeno-server --check",
            "almeno-server --database-url sqlite:///credit.db --workers 2",
            "almeno-server access --help",
            "almeno-server audit --help",
            "almeno-server ops --help",
        ),
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('almeno-grpc')}")
    parser.add_argument(
        CHECK,
        action="store_true",
        help="look at settings, certificates, rules and database, and write nothing; exit with 0, or 2 for a fault",
    )
    defaults: dict[str, Any] = {declared.name: declared.default for declared in fields(Settings)}
    for name, setting in _declared().items():
        default = defaults[name]
        words = setting.default or (values.size_text(default) if name.endswith("_bytes") else str(default))
        text = f"{setting.summary} [{variable_of(name)}; default: {words}]"
        if isinstance(default, bool):
            parser.add_argument(flag_of(name), nargs="?", const="true", metavar="BOOL", help=text)
        else:
            parser.add_argument(flag_of(name), metavar="VALUE", help=text)
    return parser
