"""Rendering of callers, principals, API keys and the audit trail for the terminal."""

from collections.abc import Iterable, Iterator

from rich.panel import Panel
from rich.text import Text

from almeno_client.access_records import (
    ApiKey,
    AuditCheckpoint,
    AuditEvent,
    Caller,
    CertificateName,
    Principal,
    PrincipalLimits,
)
from almeno_client.cli.instants import local_date, local_time
from almeno_client.cli.list_table import ListTable
from almeno_client.cli.rendering import key_value_table, titled_panel
from almeno_client.formatting import count, humanized, printable, rupees


def caller_panel(caller: Caller) -> Panel:
    """Who the caller is."""
    if not caller.principal:
        return titled_panel("Caller", Text("Access control is off: whoever reaches the service may do everything."))
    rows = [("Scopes", _scopes(caller.scopes)), *_limits(caller.limits)]
    if caller.key_id:
        rows.append(("API key", Text(printable(caller.key_id))))
    if caller.expire_time is not None:
        rows.append(("Expires", Text(local_time(caller.expire_time))))
    if caller.certificate_name:
        rows.append(("Certificate", Text(printable(caller.certificate_name))))
    return titled_panel(f"Caller {printable(caller.principal)}", key_value_table(rows))


def principal_panel(principal: Principal) -> Panel:
    """One principal in full."""
    rows = [
        ("State", _principal_state(principal)),
        ("Scopes", _scopes(principal.scopes)),
        *_limits(principal.limits),
        ("Created", Text(local_time(principal.create_time))),
        ("Changed", Text(local_time(principal.update_time))),
    ]
    return titled_panel(f"Principal {printable(principal.name)}", key_value_table(rows))


def principals_table(principals: Iterable[Principal]) -> ListTable:
    """Many principals, one a row."""
    table = ListTable("Principal", "State", "Scopes", "Limits", whole=("State",), spare=("Limits",))
    for principal in principals:
        limits = "; ".join(f"{name.lower()} {value.plain}" for name, value in _limits(principal.limits))
        table.add_row(
            Text(printable(principal.name)), _principal_state(principal), _scopes(principal.scopes), Text(limits)
        )
    return table


def key_panel(key: ApiKey) -> Panel:
    """One API key, without its secret."""
    rows = [
        ("Principal", Text(printable(key.principal))),
        ("Scopes", _scopes(key.scopes)),
        ("Created", Text(local_time(key.create_time))),
        ("Expires", Text(local_time(key.expire_time))),
    ]
    if key.revoke_time is not None:
        rows.append(("Revoked", Text(local_time(key.revoke_time), "red")))
    if key.last_use_time is not None:
        rows.append(("Last used on", Text(f"{key.last_use_time:%Y-%m-%d}")))
    return titled_panel(f"API key {printable(key.key_id)}", key_value_table(rows))


def keys_table(keys: Iterable[ApiKey]) -> ListTable:
    """Many API keys, one a row."""
    table = ListTable(
        "Key", "Principal", "Scopes", "Expires", "Last used", "",
        whole=("Key", "Expires", "Last used", ""), spare=("Scopes",),
    )  # fmt: skip
    for key in keys:
        table.add_row(
            Text(printable(key.key_id)),
            Text(printable(key.principal)),
            _scopes(key.scopes),
            local_date(key.expire_time),
            f"{key.last_use_time:%Y-%m-%d}" if key.last_use_time is not None else "never",
            Text() if key.revoke_time is None else Text("revoked", "red"),
        )
    return table


def certificate_name_panel(name: CertificateName) -> Panel:
    """A name in client certificates."""
    rows = [
        ("Stands for", Text(printable(name.principal))),
        ("Set", Text(local_time(name.create_time))),
    ]
    return titled_panel(printable(name.name), key_value_table(rows))


def audit_events_table(events: Iterable[AuditEvent]) -> ListTable:
    """Events of the audit trail, one a row."""
    table = ListTable(
        "Time", "Principal", "Credential", "Method", "Customer", "Subject", "Outcome", "Calls",
        right=("Customer", "Calls"), whole=("Time",), spare=("Calls", "Credential"),
    )  # fmt: skip
    for event in events:
        table.add_row(
            local_time(event.event_time, with_seconds=True),
            Text(printable(event.principal)),
            Text(printable(event.credential)),
            Text(printable(event.method.rpartition("/")[2])),
            str(event.customer_id or ""),
            Text(printable(event.subject)),
            Text(printable(event.outcome), "" if event.outcome == "OK" else "red"),
            count(event.count),
        )
    return table


def checkpoint_panel(checkpoint: AuditCheckpoint) -> Panel:
    """One checkpoint of the audit trail."""
    signature = f"{printable(checkpoint.algorithm)}: {checkpoint.signature.hex()}" if checkpoint.signature else "none"
    rows = [
        ("Time", Text(local_time(checkpoint.create_time))),
        ("Root", Text(checkpoint.root.hex())),
        ("Hash", Text(checkpoint.hash.hex())),
        ("Signature", Text(signature)),
    ]
    return titled_panel(f"Checkpoint {checkpoint.number}", key_value_table(rows))


def _principal_state(principal: Principal) -> Text:
    return Text("disabled", "red") if principal.disabled else Text("enabled", "green")


def _scopes(scopes: Iterable[str]) -> Text:
    return Text(printable(", ".join(scopes)) or "all of the principal's")


def _limits(limits: PrincipalLimits) -> Iterator[tuple[str, Text]]:
    """The limits that are set, by name."""
    for name in PrincipalLimits.__match_args__:
        value = getattr(limits, name)
        if value is not None:
            is_amount = name in ("max_loan_amount", "max_repayment")
            yield humanized(name).capitalize(), Text(rupees(value) if is_amount else count(value))
