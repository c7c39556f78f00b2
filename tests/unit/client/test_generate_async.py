"""What the asynchronous client's methods are made of; `make lint` shows that they follow from the synchronous ones."""

import ast
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

CLIENTS = Path(__file__).parents[3] / "clients"
HEAD = '''"""RPCs of a test."""

from collections.abc import Iterator
import time
from almeno_client.base_client import BaseClient, iterate_pages, new_request_id
from almeno_client.values import Rupees

LIMIT = 5


class TestCalls(BaseClient):
    """RPCs of a test."""

'''


@pytest.fixture(scope="module")
def program() -> Any:
    spec = spec_from_file_location("generate_async", CLIENTS / "generate_async.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def twin_of(program: Any) -> Any:
    """Makes the twin of a class with these methods, before ruff puts it into the house style."""

    def make(methods: str) -> str:
        (twin,) = program.make_twins({"test_calls": (HEAD + methods).encode()})
        return "\n".join(line for line in twin.edited().splitlines() if line.strip())

    return make


TWINS = {
    """
    def get(self) -> int:
        return self._unary(1, 2, 3).number
""": """
    async def get(self) -> int:
        return (await self._unary(1, 2, 3)).number
""",
    """
    def pause(self) -> None:
        # Why.
        time.sleep(1)
""": """
    async def pause(self) -> None:
        # Why.
        await asyncio.sleep(1)
""",
    """
    def total(self) -> int:
        return sum([row for row in self._stream(1, 2, 3)])
""": """
    async def total(self) -> int:
        return sum([row async for row in self._stream(1, 2, 3)])
""",
    """
    def rows(self) -> Iterator[int]:
        return map(int, self._stream(1, 2, 3))
""": """
    def rows(self) -> AsyncGenerator[int]:
        return map_stream(int, self._stream(1, 2, 3))
""",
    """
    def rows(self) -> Iterator[int]:
        yield from self._stream(1, 2, 3)
""": """
    async def rows(self) -> AsyncGenerator[int]:
        async with aclosing(self._stream(1, 2, 3)) as stream:
            async for item in stream:
                yield item
""",
    """
    def rows(self) -> Iterator[int]:
        for page in self._stream(1, 2, 3):
            yield from page.rows
            for row in self.rows():
                yield row
""": """
    async def rows(self) -> AsyncGenerator[int]:
        async with aclosing(self._stream(1, 2, 3)) as stream:
            async for page in stream:
                for item in page.rows:
                    yield item
                async with aclosing(self.rows()) as stream:
                    async for row in stream:
                        yield row
""",
    """
    def again(self) -> int:
        return self._retry(lambda left: self.get(left), 5)
    def get(self, left: float) -> int:
        return self._unary(1, 2, left)
""": """
    async def again(self) -> int:
        return await self._retry(lambda left: self.get(left), 5)
    async def get(self, left: float) -> int:
        return await self._unary(1, 2, left)
""",
    """
    def check(self) -> Iterator[int]:
        yield from range(LIMIT)
""": """
    def check(self) -> Iterator[int]:
        yield from range(LIMIT)
""",
}
"""Methods of the synchronous client, and of the asynchronous one."""


@pytest.mark.parametrize(("method", "expected"), TWINS.items())
def test_method_has_an_asynchronous_twin(twin_of: Any, method: str, expected: str) -> None:
    twin = twin_of(method)
    ast.parse(twin)
    assert twin.endswith(expected.rstrip())


def test_twin_imports_what_is_asynchronous_and_what_stands_beside_the_class(twin_of: Any) -> None:
    twin = twin_of("    def get(self) -> int:\n        return self._unary(1, 2, LIMIT)\n")
    assert "from almeno_client.aio.base_client import BaseClient, iterate_pages\n" in twin
    assert "from almeno_client.base_client import new_request_id\n" in twin
    assert "from almeno_client.test_calls import LIMIT\n" in twin
    assert "from almeno_client.values import Rupees\n" in twin
    assert "LIMIT = 5" not in twin


@pytest.mark.parametrize(
    ("head", "body", "why"),
    [
        ("list[int]", "return list(self._stream(1, 2, 3))", "a stream is for"),
        ("list[int]", "rows = self._stream(1, 2, 3)\n        return [row for row in rows]", "a stream is for"),
        ("Iterator[int]", "self._unary(1, 2, 3)\n        return self._stream(1, 2, 3)", "must not make calls"),
        ("object", "return self._stream(1, 2, 3)", "has to return an Iterator"),
    ],
)
def test_method_that_has_no_twin_is_named_with_its_line(twin_of: Any, head: str, body: str, why: str) -> None:
    with pytest.raises(SystemExit, match=rf"test_calls\.py:1\d: .*{why}"):
        twin_of(f"    def rows(self) -> {head}:\n        {body}\n")
