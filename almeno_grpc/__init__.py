"""Credit decisions and loans over gRPC."""
