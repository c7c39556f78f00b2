"""The command on versions of the credit policy: policies."""

from typing import Annotated

import typer

from almeno_client.cli.book_rendering import policies_table, show_policy
from almeno_client.cli.options import AsJson
from almeno_client.cli.rule_files import RuleFiles, Version, show_rule_files
from almeno_client.cli.session import session_of
from almeno_client.client import CreditClient
from almeno_client.portfolio_records import Policy

_POLICIES = RuleFiles(
    "policies",
    "policy",
    Policy,
    CreditClient.list_policies,
    CreditClient.get_policy,
    policies_table,
    show_policy,
    "There is no policy.",
)


def policies(
    context: typer.Context,
    version: Version = None,
    as_toml: Annotated[
        bool, typer.Option("--toml", help="Print the version's file and nothing else, to make a draft of it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the versions of the credit policy, or show one.

    Examples:
      almeno policies
      almeno policies 2026-12 --toml > draft.toml
    """
    show_rule_files(session_of(context, as_json), _POLICIES, version, as_toml=as_toml)
