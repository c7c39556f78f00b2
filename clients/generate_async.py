"""Makes the methods of the asynchronous client from those of the synchronous one.

Usage: generate_async.py OUTPUT_FOLDER

Each module of `almeno_client` that has a class on `BaseClient` gets a twin with that class; what stands beside the
class is imported from the original. Primitives are written by hand for both clients, in modules of one name
(`base_client`, `upload`), and what is asynchronous follows from those in `almeno_client/aio`:

- a call of a coroutine function is awaited, and `time.sleep` as `asyncio.sleep`; a function that awaits is a coroutine
  function itself, unless it yields;
- a `for` over a stream, which is what an asynchronous generator returns, is an `async for` that closes the stream at
  its end; a generator that awaits or loops over a stream is an asynchronous one;
- `map` over a stream is `map_stream`; the `Iterator` that such a function returns is an `AsyncGenerator`.

What goes beyond that ends the program and names the line; mypy finds the rest. The text is changed in place, not
written anew, so that comments stay; ruff puts it into the house style.
"""

import argparse
import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from enum import Enum, auto
from pathlib import Path
from typing import NoReturn

CLIENT = Path(__file__).parent / "almeno_client"
PACKAGE = "almeno_client"
BY_HAND = "aio"
GENERATED = "aio._gen"
BASE_CLASS = "BaseClient"
RENAMED = {"CreditClient": "AsyncCreditClient"}
IN_DOCSTRINGS = (
    (r"\bwith CreditClient\(", "async with AsyncCreditClient("),
    (r"= client\.", "= await client."),
    (r"`next\(\)`", "`anext()`"),
)
"""What docstrings say of the synchronous client, and what is right of the asynchronous one."""
MORE_IMPORTS = f"""
import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from {PACKAGE}.{BY_HAND}.base_client import map_stream
"""
"""What twins may need besides; ruff removes what they do not."""


class Kind(Enum):
    """What a call gives in the asynchronous client."""

    VALUE = auto()
    COROUTINE = auto()
    STREAM = auto()


Kinds = dict[str, Kind]
"""By the name that is called: `upload`, `self.get_loan`. What is not here gives a value."""

Homes = dict[str, tuple[str, set[str]]]
"""By the name of a module, where its twin is, and what that defines."""


def kind_of(node: ast.expr | None, kinds: Kinds) -> Kind:
    """What an expression gives."""
    if not isinstance(node, ast.Call):
        return Kind.VALUE
    if is_map(node) and kind_of(node.args[1], kinds) is Kind.STREAM:
        return Kind.STREAM
    return kinds.get(ast.unparse(node.func), Kind.VALUE)


def is_map(node: ast.Call) -> bool:
    """Whether a call is `map` over one iterable."""
    return isinstance(node.func, ast.Name) and node.func.id == "map" and len(node.args) == 2


def own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes within a node, but for those of the functions in it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from own_nodes(child)


def yields(function: ast.AST) -> bool:
    """Whether a function is a generator."""
    return any(isinstance(node, ast.Yield | ast.YieldFrom) for node in own_nodes(function))


def kind_of_function(function: ast.FunctionDef, kinds: Kinds) -> Kind:
    """What a call of a function gives, by what it calls itself."""
    is_asynchronous = any(
        kind_of(node, kinds) is Kind.COROUTINE
        or (isinstance(node, ast.For | ast.comprehension) and kind_of(node.iter, kinds) is Kind.STREAM)
        or (isinstance(node, ast.YieldFrom) and kind_of(node.value, kinds) is Kind.STREAM)
        for node in own_nodes(function)
    )
    if yields(function):
        return Kind.STREAM if is_asynchronous else Kind.VALUE
    if is_asynchronous:
        return Kind.COROUTINE
    returned = (node.value for node in own_nodes(function) if isinstance(node, ast.Return))
    return Kind.STREAM if any(kind_of(value, kinds) is Kind.STREAM for value in returned) else Kind.VALUE


def kinds_by_hand(tree: ast.Module) -> Kinds:
    """The kinds of the functions of a module that is asynchronous already."""
    kinds: Kinds = {}
    for owner, prefix in [(tree, ""), *((node, "self.") for node in classes(tree))]:
        for node in owner.body:
            if isinstance(node, ast.AsyncFunctionDef):
                kinds[prefix + node.name] = Kind.STREAM if yields(node) else Kind.COROUTINE
    return kinds


def classes(tree: ast.Module) -> list[ast.ClassDef]:
    """The classes of a module."""
    return [node for node in tree.body if isinstance(node, ast.ClassDef)]


def names_defined(nodes: list[ast.stmt]) -> set[str]:
    """The names that statements at the top of a module define."""
    named = {node.name for node in nodes if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)}
    assigned = {
        name.id
        for node in nodes
        for name in ast.walk(node)
        if is_stored(name) and isinstance(node, ast.Assign | ast.AnnAssign)
    }
    return named | assigned


def is_stored(node: ast.AST) -> bool:
    """Whether a node is a name that is assigned to."""
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


class _Twin:
    """A module of the synchronous client, and the edits that make its twin: (start, end, replacement), in bytes."""

    def __init__(self, name: str, source: bytes) -> None:
        self.name = name
        self.source = source
        self.tree = ast.parse(source)
        self.parents = {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}
        self.client_classes: list[ast.ClassDef] = []
        self.edits: list[tuple[int, int, str]] = []
        self.loops: list[ast.For] = []
        lines = source.splitlines(keepends=True)
        self.line_starts = [sum(map(len, lines[:number])) for number in range(len(lines))]

    def start(self, node: ast.AST) -> int:
        return self.line_starts[node.lineno - 1] + node.col_offset

    def end(self, node: ast.AST) -> int:
        return self.line_starts[node.end_lineno - 1] + node.end_col_offset

    def text(self, node: ast.AST) -> str:
        return self.source[self.start(node) : self.end(node)].decode()

    def insert(self, place: int, text: str) -> None:
        self.edits.append((place, place, text))

    def refuse(self, node: ast.AST, why: str) -> NoReturn:
        sys.exit(f"{CLIENT / self.name}.py:{getattr(node, 'lineno', '?')}: {why}")

    def in_client_class(self, node: ast.AST) -> bool:
        while node in self.parents and not isinstance(node, ast.ClassDef):
            node = self.parents[node]
        return node in self.client_classes

    def note_kinds(self, kinds: Kinds) -> None:
        """Adds the kinds of the methods, as far as they follow from those that are known."""
        for owner in self.client_classes:
            for function in owner.body:
                if isinstance(function, ast.FunctionDef):
                    kinds[f"self.{function.name}"] = kind_of_function(function, kinds)

    def edited(self) -> str:
        text = bytearray(self.source)
        for start, end, replacement in sorted(self.edits, key=lambda edit: edit[0], reverse=True):
            text[start:end] = replacement.encode()
        return text.decode()

    # What becomes of each construct.

    def edit(self, kinds: Kinds, homes: Homes) -> None:
        """Notes all edits."""
        previous_end = 0
        dropped = []
        for node in self.tree.body:
            if isinstance(node, ast.ImportFrom):
                self.edit_import(node, homes)
            elif not isinstance(node, ast.Import) and node not in self.client_classes and node is not self.tree.body[0]:
                dropped.append(node)
                self.edits.append((previous_end, self.end(node), ""))
            previous_end = self.end(node)
        beside = ", ".join(sorted(names_defined(dropped)))
        imports = MORE_IMPORTS + (f"from {PACKAGE}.{self.name} import {beside}\n" if beside else "")
        self.insert(self.end(self.tree.body[0]), f"\n{imports}")
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef) and self.in_client_class(node):
                self.edit_function(node, kinds)
            if isinstance(node, ast.ClassDef) and node.name in RENAMED:
                place = self.start(node) + len("class ")
                self.edits.append((place, place + len(node.name), RENAMED[node.name]))
            if (
                isinstance(node, ast.FunctionDef | ast.ClassDef)
                and self.in_client_class(node)
                and ast.get_docstring(node)
            ):
                self.edit_docstring(node.body[0])

    def edit_import(self, node: ast.ImportFrom, homes: Homes) -> None:
        """Imports what is asynchronous from where that is."""
        package, _, module = (node.module or "").partition(".")
        if package != PACKAGE or module not in homes:
            return
        home, defined = homes[module]
        twins = [ast.unparse(alias) for alias in node.names if alias.name in defined]
        others = [ast.unparse(alias) for alias in node.names if alias.name not in defined]
        lines = [
            f"from {origin} import {', '.join(names)}"
            for origin, names in ((f"{PACKAGE}.{home}.{module}", twins), (f"{PACKAGE}.{module}", others))
            if names
        ]
        self.edits.append((self.start(node), self.end(node), "\n".join(lines)))

    def edit_docstring(self, statement: ast.stmt) -> None:
        text = self.text(statement)
        for pattern, replacement in IN_DOCSTRINGS:
            text = re.sub(pattern, replacement, text)
        self.edits.append((self.start(statement), self.end(statement), text))

    def edit_function(self, function: ast.FunctionDef, kinds: Kinds) -> None:
        kind = kind_of_function(function, kinds)
        is_async = kind is Kind.COROUTINE or (kind is Kind.STREAM and yields(function))
        if is_async:
            self.insert(self.start(function), "async ")
        if kind is Kind.STREAM:
            self.edit_returned_iterator(function)
        for node in own_nodes(function):
            if isinstance(node, ast.YieldFrom) and is_async:
                self.edit_yield_from(node, kinds)
            elif kind_of(node, kinds) is Kind.COROUTINE:
                self.edit_coroutine_call(node)
            elif kind_of(node, kinds) is Kind.STREAM:
                self.edit_stream(node, is_async)

    def edit_returned_iterator(self, function: ast.FunctionDef) -> None:
        returns = function.returns
        if not (isinstance(returns, ast.Subscript) and self.text(returns.value) in {"Iterator", "Generator"}):
            self.refuse(function, "a function that returns a stream has to return an Iterator of something")
        self.edits.append((self.start(returns.value), self.end(returns.value), "AsyncGenerator"))

    def edit_coroutine_call(self, call: ast.Call) -> None:
        if self.text(call.func) == "time.sleep":
            self.edits.append((self.start(call), self.end(call.func), "await asyncio.sleep"))
        elif isinstance(self.parents[call], ast.Attribute | ast.Subscript):
            self.insert(self.start(call), "(await ")
            self.insert(self.end(call), ")")
        else:
            self.insert(self.start(call), "await ")

    def edit_stream(self, call: ast.Call, is_async: bool) -> None:
        parent = self.parents[call]
        if is_map(call):
            self.edits.append((self.start(call.func), self.end(call.func), "map_stream"))
        if isinstance(parent, ast.For) and parent.iter is call:
            self.edit_loop(parent)
        elif isinstance(parent, ast.comprehension):
            self.insert(self.source.rfind(b"for", 0, self.start(parent.target)), "async ")
        elif isinstance(parent, ast.Return):
            if is_async:
                self.refuse(parent, "a method that returns a stream must not make calls of its own before")
        elif not (isinstance(parent, ast.YieldFrom) or (isinstance(parent, ast.Call) and is_map(parent))):
            self.refuse(call, "a stream is for `for`, `map`, `yield from` or `return` alone")

    def edit_loop(self, loop: ast.For) -> None:
        """Makes `for X in S:` into `async with aclosing(S) as stream:` and `async for X in stream:`."""
        if loop.orelse:
            self.refuse(loop, "a loop over a stream must not have an else")
        indent = self.indent(loop)
        target = self.text(loop.target)
        self.edits.append((self.start(loop), self.start(loop.iter), "async with aclosing("))
        self.insert(self.end(loop.iter), f") as stream:\n{indent}    async for {target} in stream")
        for line in range(loop.iter.end_lineno + 1, loop.end_lineno + 1):
            self.insert(self.line_starts[line - 1], "    ")
        self.loops.append(loop)

    def indent(self, statement: ast.stmt) -> str:
        """How far a statement is indented in the twin, given the loops around it that were edited before."""
        depth, node = statement.col_offset, self.parents[statement]
        while node in self.parents:
            depth += 4 if node in self.loops else 0
            node = self.parents[node]
        return " " * depth

    def edit_yield_from(self, node: ast.YieldFrom, kinds: Kinds) -> None:
        """Makes `yield from S`, which asynchronous generators lack, into a loop."""
        statement = self.parents[node]
        if not isinstance(statement, ast.Expr):
            self.refuse(node, "`yield from` has to be a statement")
        indent = self.indent(statement)
        place, end = self.start(statement), self.start(node.value)
        if kind_of(node.value, kinds) is Kind.STREAM:
            self.edits.append((place, end, "async with aclosing("))
            ending = f") as stream:\n{indent}    async for item in stream:\n{indent}        yield item"
        else:
            self.edits.append((place, end, "for item in "))
            ending = f":\n{indent}    yield item"
        self.insert(self.end(node.value), ending)


def make_twins(sources: dict[str, bytes]) -> list[_Twin]:
    """Makes the twins of those modules that have a class on `BaseClient`, or on one that is.

    Args:
        sources: The modules of the synchronous client by their names, but for those that have a twin by hand.
    """
    twins = with_client_classes([_Twin(name, source) for name, source in sources.items()])
    kinds: Kinds = {"time.sleep": Kind.COROUTINE}
    homes: Homes = {twin.name: (GENERATED, {node.name for node in twin.client_classes}) for twin in twins}
    for name, tree in by_hand().items():
        kinds |= kinds_by_hand(tree)
        homes[name] = (BY_HAND, names_defined(tree.body))
    known: Kinds = {}
    while known != kinds:
        known = dict(kinds)
        for twin in twins:
            twin.note_kinds(kinds)
    for twin in twins:
        twin.edit(kinds, homes)
    return twins


def with_client_classes(modules: list[_Twin]) -> list[_Twin]:
    """The modules that have classes of the client, noted in each."""
    bases: set[str] = set()
    found = {BASE_CLASS}
    while found != bases:
        bases = set(found)
        for module in modules:
            for node in classes(module.tree):
                if node not in module.client_classes and any(ast.unparse(base) in bases for base in node.bases):
                    module.client_classes.append(node)
                    found.add(node.name)
    return [module for module in modules if module.client_classes]


def by_hand() -> dict[str, ast.Module]:
    """The modules of the asynchronous client that are written by hand."""
    files = (CLIENT / BY_HAND).glob("*.py")
    return {path.stem: ast.parse(path.read_bytes()) for path in files if path.stem != "__init__"}


def in_house_style(text: str, file: str) -> str:
    """Removes imports that are not used, sorts the others, and formats."""
    place = str(CLIENT.joinpath(*GENERATED.split("."), file))
    for arguments in (("check", "--quiet", "--fix-only", "--select", "F401,I"), ("format",)):
        command = [sys.executable, "-m", "ruff", *arguments, "--stdin-filename", place, "-"]
        text = subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
    return text


def main() -> None:
    """Reads the command line and generates."""
    parser = argparse.ArgumentParser(description="Makes the asynchronous client's methods from the synchronous ones.")
    parser.add_argument("output", type=Path, help="folder for the modules; its content is replaced")
    folder: Path = parser.parse_args().output
    files = sorted(path for path in CLIENT.glob("*.py") if path.stem not in by_hand())
    twins = make_twins({path.stem: path.read_bytes() for path in files})
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text('"""Generated by `make async-client`; not to be edited."""\n', encoding="utf-8")
    for twin in twins:
        heading = f"# Generated by `make async-client` from {PACKAGE}/{twin.name}.py; not to be edited.\n"
        text = in_house_style(heading + twin.edited(), f"{twin.name}.py")
        (folder / f"{twin.name}.py").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
