"""`almeno-server --check`: looks at all that a start needs, and writes nothing."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

from almeno_grpc import bootstrap
from almeno_grpc.clock import Clock
from almeno_grpc.config import ConfigurationError, Settings
from almeno_grpc.domain.errors import CreditError
from almeno_grpc.logs import redact_password

SOUND, FAULTY = 0, 2


def check(settings: Settings, output: TextIO) -> int:
    """Looks at everything, though one thing be wrong, and writes a line for each.

    Args:
        settings: Of the server, which go together.
        output: Where to.

    Returns:
        The exit code: 0 where a server would start and write, 2 where it would not.
    """
    code = SOUND
    for name, look in _LOOKS.items():
        try:
            line = f"ok     {name}: {look(settings)}"
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


_LOOKS: dict[str, Callable[[Settings], str]] = {
    "settings": _settings,
    "certificates": _certificates,
    "files": _files,
    "audit key": _audit_key,
    "rules": _rules,
    "business date": _business_date,
    "database": _database,
}
