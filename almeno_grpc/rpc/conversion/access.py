"""Principals and their credentials as messages."""

from almeno_grpc.api import access_pb2
from almeno_grpc.domain.access import ApiKey, CertificateName, Limits, Principal
from almeno_grpc.rpc.conversion.values import fill_money, fill_timestamp

_SECONDS_PER_DAY = 24 * 3600


def fill_principal(message: access_pb2.Principal, principal: Principal) -> None:
    """Fills a principal."""
    message.name = principal.name
    message.scopes.extend(sorted(principal.scopes))
    fill_limits(message.limits, principal.limits)
    message.disabled = principal.disabled
    fill_timestamp(message.create_time, principal.create_time)
    fill_timestamp(message.update_time, principal.update_time)


def fill_limits(message: access_pb2.PrincipalLimits, limits: Limits) -> None:
    """Fills limits; what does not limit is left out."""
    if limits.max_loan_amount is not None:
        fill_money(message.max_loan_amount, limits.max_loan_amount)
    if limits.max_repayment is not None:
        fill_money(message.max_repayment, limits.max_repayment)
    for name in ("calls_per_second", "burst", "max_streams", "max_pii_reads_per_day"):
        value = getattr(limits, name)
        if value is not None:
            setattr(message, name, value)


def fill_key(message: access_pb2.ApiKey, key: ApiKey) -> None:
    """Fills an API key."""
    message.key_id = key.key_id
    message.principal = key.principal
    message.scopes.extend(sorted(key.scopes))
    fill_timestamp(message.create_time, key.create_time)
    fill_timestamp(message.expire_time, key.expire_time)
    if key.revoke_time is not None:
        fill_timestamp(message.revoke_time, key.revoke_time)
    if key.last_use_date is not None:
        message.last_use_time.seconds = (key.last_use_date.toordinal() - _EPOCH_ORDINAL) * _SECONDS_PER_DAY


def fill_certificate_name(message: access_pb2.CertificateName, name: CertificateName) -> None:
    """Fills a name in certificates."""
    message.name = name.name
    message.principal = name.principal
    fill_timestamp(message.create_time, name.create_time)


_EPOCH_ORDINAL = 719_163
"""Of 1970-01-01, as `date.toordinal` counts."""
