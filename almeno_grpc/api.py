"""The generated messages and stubs of the package `almeno.credit.v1`: what a caller of the service imports."""

from almeno_grpc._gen.almeno.credit.v1 import (
    access_pb2,
    access_service_pb2,
    access_service_pb2_grpc,
    credit_service_pb2,
    credit_service_pb2_grpc,
    customer_pb2,
    decision_pb2,
    import_pb2,
    loan_pb2,
    policy_pb2,
    portfolio_pb2,
    portfolio_service_pb2,
    portfolio_service_pb2_grpc,
    repayment_pb2,
    scope_pb2,
    simulation_pb2,
)

__all__ = [
    "access_pb2",
    "access_service_pb2",
    "access_service_pb2_grpc",
    "credit_service_pb2",
    "credit_service_pb2_grpc",
    "customer_pb2",
    "decision_pb2",
    "import_pb2",
    "loan_pb2",
    "policy_pb2",
    "portfolio_pb2",
    "portfolio_service_pb2",
    "portfolio_service_pb2_grpc",
    "repayment_pb2",
    "scope_pb2",
    "simulation_pb2",
]
