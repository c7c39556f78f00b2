"""The public face of the stubs, which imports a module when it is first used."""

from pathlib import Path

import pytest

from almeno_grpc import _gen, api


def test_api_gives_each_module_that_is_generated_and_no_other():
    folder = Path(next(iter(_gen.__path__))) / "almeno" / "credit" / "v1"
    messages = {file.stem for file in folder.glob("*_pb2.py")}
    stubs = {file.stem for file in folder.glob("*_service_pb2_grpc.py")}
    assert set(api.__all__) == messages | stubs
    for name in api.__all__:
        assert getattr(api, name).__name__ == f"almeno_grpc._gen.almeno.credit.v1.{name}"
    with pytest.raises(AttributeError, match="no attribute 'lender_pb2'"):
        api.lender_pb2  # noqa: B018 - the look-up is what is tried
