"""The RPC layer: servicers, conversion, errors. The only place that knows protobuf."""
