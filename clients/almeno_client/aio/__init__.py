"""The client for asyncio, on grpc.aio.

What differs from the synchronous client is written here: how a call is made (`base_client`) and how a file is sent
(`upload`). The methods in `_gen` are made from those of the synchronous client by `make async-client`, so that a new
method is written once, there.
"""

from almeno_client.aio._gen.client import AsyncCreditClient

__all__ = ["AsyncCreditClient"]
