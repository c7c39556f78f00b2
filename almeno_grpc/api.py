"""The generated messages and stubs of the package `almeno.credit.v1`: what a caller of the service imports."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from almeno_grpc._gen.almeno.credit.v1 import (
        access_pb2,
        access_service_pb2,
        access_service_pb2_grpc,
        asset_class_pb2,
        change_event_pb2,
        charge_pb2,
        credit_service_pb2,
        credit_service_pb2_grpc,
        customer_pb2,
        decision_pb2,
        export_pb2,
        import_pb2,
        key_facts_pb2,
        loan_pb2,
        loan_service_pb2,
        loan_service_pb2_grpc,
        personal_data_pb2,
        policy_pb2,
        portfolio_pb2,
        portfolio_service_pb2,
        portfolio_service_pb2_grpc,
        repayment_pb2,
        scope_pb2,
        simulation_pb2,
        statement_pb2,
        terms_pb2,
    )

__all__ = [
    "access_pb2",
    "access_service_pb2",
    "access_service_pb2_grpc",
    "asset_class_pb2",
    "change_event_pb2",
    "charge_pb2",
    "credit_service_pb2",
    "credit_service_pb2_grpc",
    "customer_pb2",
    "decision_pb2",
    "export_pb2",
    "import_pb2",
    "key_facts_pb2",
    "loan_pb2",
    "loan_service_pb2",
    "loan_service_pb2_grpc",
    "personal_data_pb2",
    "policy_pb2",
    "portfolio_pb2",
    "portfolio_service_pb2",
    "portfolio_service_pb2_grpc",
    "repayment_pb2",
    "scope_pb2",
    "simulation_pb2",
    "statement_pb2",
    "terms_pb2",
]


def __getattr__(name: str) -> object:
    """Imports a module of this package when it is first used: a caller of one service waits for no other's."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"almeno_grpc._gen.almeno.credit.v1.{name}")
    globals()[name] = module
    return module
