"""Scopes and roles, and what a caller may do."""

import pytest

from almeno_grpc.domain.access import ANY_CALLER, ANYONE, ROLES, SCOPES, Caller, expanded


def test_role_stands_for_its_scopes() -> None:
    assert expanded(["loader", "loans:read"]) == {"imports:read", "imports:write", "loans:read"}


@pytest.mark.parametrize("role", ROLES)
def test_roles_have_scopes_that_there_are(role: str) -> None:
    assert ROLES[role] <= SCOPES


def test_no_role_but_the_operators_may_change_callers() -> None:
    assert [role for role, scopes in ROLES.items() if "access:admin" in scopes] == ["operator"]


@pytest.mark.parametrize("name", ["all", "loans", "loans:*", "LOANS:READ", "admin"])
def test_scope_that_there_is_not_is_unknown(name: str) -> None:
    with pytest.raises(KeyError, match=name):
        expanded(["loans:read", name])


def test_caller_may_do_what_its_scopes_say_and_what_anyone_may() -> None:
    caller = Caller("branch-pune", "k", frozenset({"loans:read"}))
    assert caller.may("loans:read")
    assert caller.may(ANY_CALLER)
    assert not caller.may("loans:write")


def test_nobody_may_call_a_method_that_names_no_scope() -> None:
    assert not ANYONE.may("")


def test_without_access_control_anyone_may_do_all() -> None:
    assert all(map(ANYONE.may, SCOPES))
