"""Enumerations of the domain and of the protos have the same names, which is checked when they are matched."""

from enum import StrEnum

import pytest

from almeno_grpc.api import import_pb2, loan_pb2
from almeno_grpc.domain.imports import IssueOutcome
from almeno_grpc.domain.loan import LoanState
from almeno_grpc.rpc.conversion.enums import enum_values


def test_member_is_the_value_of_its_name_behind_the_name_of_the_enumeration() -> None:
    assert enum_values(LoanState, loan_pb2.LoanState) == {
        LoanState.ACTIVE: loan_pb2.LOAN_STATE_ACTIVE,
        LoanState.CLOSED: loan_pb2.LOAN_STATE_CLOSED,
        LoanState.SANCTIONED: loan_pb2.LOAN_STATE_SANCTIONED,
        LoanState.CANCELLED: loan_pb2.LOAN_STATE_CANCELLED,
        LoanState.EXPIRED: loan_pb2.LOAN_STATE_EXPIRED,
        LoanState.EXITED: loan_pb2.LOAN_STATE_EXITED,
    }
    assert enum_values(IssueOutcome, import_pb2.ImportIssueOutcome) == {
        IssueOutcome.REJECTED: import_pb2.IMPORT_ISSUE_OUTCOME_REJECTED,
        IssueOutcome.ADJUSTED: import_pb2.IMPORT_ISSUE_OUTCOME_ADJUSTED,
    }


class FewerStates(StrEnum):
    ACTIVE = "ACTIVE"


class MoreStates(StrEnum):
    ACTIVE = "ACTIVE"
    CLOSED = "CLOSED"
    WRITTEN_OFF = "WRITTEN_OFF"


@pytest.mark.parametrize("members", [FewerStates, MoreStates, IssueOutcome])
def test_enumerations_that_do_not_match_are_an_error(members: type[StrEnum]) -> None:
    with pytest.raises(ValueError, match="have not the same values"):
        enum_values(members, loan_pb2.LoanState)
