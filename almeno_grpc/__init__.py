"""Credit decisions and loans over gRPC."""

from importlib.metadata import version

__version__ = version("almeno-grpc")
