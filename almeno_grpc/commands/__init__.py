"""Commands of the program `almeno-server` that serve nothing.

`almeno-server audit verify` is the command `audit` with the argument `verify`.
"""

from collections.abc import Callable, Mapping, Sequence

from almeno_grpc.commands import access, audit, migrate, ops, retention

COMMANDS: Mapping[str, Callable[[Sequence[str], Mapping[str, str]], int]] = {
    "access": access.main,
    "audit": audit.main,
    "migrate": migrate.main,
    "ops": ops.main,
    "retention": retention.main,
}
"""By name: each takes the arguments behind it and the environment, and gives the exit code."""

__all__ = ["COMMANDS"]
