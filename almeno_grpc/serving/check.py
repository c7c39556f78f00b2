"""`almeno-server --check`: looks at all that a start needs, and writes nothing."""

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, TextIO

from almeno_grpc import bootstrap
from almeno_grpc.clock import Clock
from almeno_grpc.config import ConfigurationError, Settings
from almeno_grpc.domain.errors import CreditError
from almeno_grpc.logs import redact_password
from almeno_grpc.trace_exporters import trace_exporters

SOUND, FAULTY = 0, 2


class _Look(NamedTuple):
    """What is looked at, in words, and the settings that it depends on."""

    tell: Callable[[Settings], str]
    settings: frozenset[str]


def check(settings: Settings, faults: Sequence[ConfigurationError], output: TextIO) -> int:
    """Looks at everything, though one thing be wrong, and writes a line for each.

    Args:
        settings: Of the server, with the defaults of those that cannot be read.
        faults: What is wrong with them. What depends on one at fault is left out.
        output: Where to.

    Returns:
        The exit code: 0 where a server would start and write, 2 where it would not.

    Raises:
        OSError: The output cannot be written.
    """
    code = SOUND
    if faults:
        code = FAULTY
        output.writelines(f"wrong  settings: {fault}\n" for fault in faults)
    else:
        output.write(f"ok     settings: {_settings(settings)}\n")
    at_fault = {fault.setting for fault in faults}
    for name, look in _LOOKS.items():
        if look.settings & at_fault:
            continue
        try:
            line = f"ok     {name}: {look.tell(settings)}"
        except ConfigurationError as error:
            line = f"wrong  {name}: {error}"
        except CreditError as error:
            line = f"wrong  {name}: {error.message}"
        except OSError as error:
            line = f"wrong  {name}: {error.filename}: {(error.strerror or str(error)).lower()}"
        if not line.startswith("ok"):
            code = FAULTY
        output.write(f"{line}\n")
    return code


def _settings(settings: Settings) -> str:
    return f"{settings.workers} processes for calls on {settings.address}, access {settings.access}"


def _certificates(settings: Settings) -> str:
    if settings.tls_certificate is None:
        return "no TLS"
    from almeno_grpc.serving.certificates import read_certificates  # noqa: PLC0415 - for a server with TLS

    files = read_certificates(settings, datetime.fromtimestamp(Clock.now_microseconds() / 1_000_000, UTC))
    return f"valid to {files.expires.isoformat()}"


def _files(settings: Settings) -> str:
    for path in (settings.metrics_token_file, settings.load_customers, settings.load_loans):
        if path is not None:
            path.open("rb").close()
    return "readable"


def _audit_key(settings: Settings) -> str:
    return "signs checkpoints" if bootstrap.signing_key(settings) else "checkpoints are unsigned"


def _audit_anchor(settings: Settings) -> str:
    path = settings.audit_anchor_file
    if path is None:
        return "none"
    if not path.parent.is_dir():
        raise ConfigurationError(f"there is no folder {path.parent}")
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise ConfigurationError(f"{path} is no file")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ConfigurationError(f"{path} cannot be written to")
    return str(path)


def _tracing(settings: Settings) -> str:
    if not settings.tracing:
        return "off"
    return ", ".join(exporter.name for exporter in trace_exporters(os.environ)) or "spans are sent nowhere"


def _rules(settings: Settings) -> str:
    in_effect = bootstrap.versions_in_effect(bootstrap.load_all_rules(settings), bootstrap.clock_of(settings))
    if "policy" not in in_effect:
        raise ConfigurationError("no policy has taken effect by the business date")
    return ", ".join(f"{kind} {version}" for kind, version in in_effect.items())


def _database(settings: Settings) -> str:
    name = redact_password(settings.database_url)
    state = bootstrap.inspect_database(settings)
    if state.behind is not None:
        raise state.behind
    if state.revision is None:
        return f"{name} is new; a start makes its schema"
    if state.revision != state.newest_revision:
        return f"{name} has the schema {state.revision}; a start upgrades it to {state.newest_revision}"
    return f"{name} has the schema {state.revision}, the newest"


def _business_date(settings: Settings) -> str:
    today = bootstrap.clock_of(settings).today()
    return f"{today.isoformat()}{', pinned' if settings.business_date else f' in {settings.timezone}'}"


_DAY = frozenset({"business_date", "timezone"})
_LOOKS = {
    "certificates": _Look(_certificates, frozenset({"tls_certificate", "tls_key", "tls_client_ca"})),
    "files": _Look(_files, frozenset({"metrics_token_file", "load_customers", "load_loans"})),
    "audit key": _Look(_audit_key, frozenset({"audit_key_file"})),
    "audit anchor": _Look(_audit_anchor, frozenset({"audit_anchor_file"})),
    "tracing": _Look(_tracing, frozenset({"tracing"})),
    "rules": _Look(_rules, _DAY | {"rules"}),
    "business date": _Look(_business_date, _DAY),
    "database": _Look(_database, _DAY | {"rules", "database_url"}),
}
