"""Rules over the source that no linter knows.

Each rule is a function from a syntax tree to the lines that break it; each is shown to find what it must.
"""

import ast
import re
from collections.abc import Callable, Iterator, Sequence

import pytest

from tests.support.core_source import ROOT, product_files

MAX_LINES = 300
CODECS = ("adapters/wire", "adapters/providers")

Rule = Callable[[ast.Module], Iterator[int]]
_NURSERY = re.compile(r"\b(Nursery|TaskGroup|open_nursery|create_task_group)\b")


def async_functions(tree: ast.Module) -> Iterator[int]:
    """Whatever waits."""
    waits = (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)
    return (node.lineno for node in ast.walk(tree) if isinstance(node, waits))


def greedy_handlers(tree: ast.Module) -> Iterator[int]:
    """Handlers that catch cancellation: bare, BaseException, Cancelled."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            caught = "" if node.type is None else ast.unparse(node.type)
            if node.type is None or re.search(
                r"\b(BaseException|Cancelled|CancelledError|get_cancelled_exc_class)\b", caught
            ):
                yield node.lineno


def kept_nurseries(tree: ast.Module) -> Iterator[int]:
    """Nurseries in attributes: assigned to one, or declared as one in a class."""
    opened = {
        item.optional_vars.id
        for node in ast.walk(tree)
        if isinstance(node, ast.AsyncWith)
        for item in node.items
        if isinstance(item.optional_vars, ast.Name)
        and _NURSERY.search(ast.unparse(item.context_expr))
    }
    declared = {
        each.arg
        for node in ast.walk(tree)
        if isinstance(node, ast.arguments)
        for each in (*node.posonlyargs, *node.args, *node.kwonlyargs)
        if each.annotation is not None and _NURSERY.search(ast.unparse(each.annotation))
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            value = ast.unparse(node.value)
            if any(isinstance(each, ast.Attribute) for each in targets) and (
                value in opened | declared or _NURSERY.search(value)
            ):
                yield node.lineno
        if isinstance(node, ast.AsyncWith) and any(
            isinstance(item.optional_vars, ast.Attribute)
            and _NURSERY.search(ast.unparse(item.context_expr))
            for item in node.items
        ):
            yield node.lineno
        if isinstance(node, ast.ClassDef):
            yield from (
                each.lineno
                for each in node.body
                if isinstance(each, ast.AnnAssign) and _NURSERY.search(ast.unparse(each.annotation))
            )


def stray_async_generators(tree: ast.Module) -> Iterator[int]:
    """Async generators that are not directly under @asynccontextmanager."""
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef) and _yields(node):
            decorators = {ast.unparse(each).rpartition(".")[2] for each in node.decorator_list}
            if "asynccontextmanager" not in decorators:
                yield node.lineno
        if isinstance(node, ast.GeneratorExp) and _awaits(node):
            yield node.lineno


def _yields(function: ast.AsyncFunctionDef) -> bool:
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Yield):
            return True
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)
    return False


def _awaits(generator: ast.GeneratorExp) -> bool:
    # An await in the first iterable is done outside, before the generator is made.
    first, *rest = generator.generators
    parts = [generator.elt, *first.ifs, *rest]
    return any(each.is_async for each in generator.generators) or any(
        isinstance(node, ast.Await) for part in parts for node in ast.walk(part)
    )


def module_docstring(tree: ast.Module) -> Iterator[int]:
    """A module that does not say what it is."""
    return iter(() if ast.get_docstring(tree) else (1,))


EVERYWHERE: Sequence[Rule] = (
    greedy_handlers,
    kept_nurseries,
    stray_async_generators,
    module_docstring,
)


@pytest.mark.parametrize("rule", EVERYWHERE, ids=lambda rule: rule.__name__)
def test_the_product_keeps_the_rule(rule: Rule) -> None:
    assert broken(rule) == []


def test_codecs_do_not_wait() -> None:
    assert product_files("adapters/wire")
    assert broken(async_functions, *CODECS) == []


def broken(rule: Rule, *folders: str) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{line}"
        for path in product_files(*folders)
        for line in rule(ast.parse(path.read_text(encoding="utf-8")))
    ]


def test_no_file_is_two_things() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in product_files()
    }
    assert {name: length for name, length in lengths.items() if length > MAX_LINES} == {}


def test_nothing_is_left_to_do_later() -> None:
    left = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in product_files()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if left.search(line)
    ]
    assert found == []


def test_the_whole_product_is_looked_at() -> None:
    names = {path.relative_to(ROOT).as_posix() for path in product_files()}
    assert {
        "domain/services/settle.py",
        "entrypoints/grpc/status.py",
        "ports/usage_log.py",
    } <= names
    assert not [name for name in names if name.startswith("entrypoints/grpc/pb/")]


# ------------------------------------------------------------------ the rules themselves

BROKEN: Sequence[tuple[Rule, str]] = (
    (async_functions, "async def f(): pass"),
    (greedy_handlers, "try: f()\nexcept: pass"),
    (greedy_handlers, "try: f()\nexcept BaseException: raise"),
    (greedy_handlers, "try: f()\nexcept (ValueError, trio.Cancelled): raise"),
    (greedy_handlers, "try: f()\nexcept anyio.get_cancelled_exc_class(): raise"),
    (greedy_handlers, "try: f()\nexcept asyncio.CancelledError: raise"),
    (kept_nurseries, "async with trio.open_nursery() as n:\n    self.n = n"),
    (kept_nurseries, "async with anyio.create_task_group() as self.tasks: pass"),
    (kept_nurseries, "def f(self, n: trio.Nursery): self.n = n"),
    (kept_nurseries, "self.n = trio.open_nursery()"),
    (kept_nurseries, "class A:\n    n: trio.Nursery | None = None"),
    (stray_async_generators, "async def f():\n    yield 1"),
    (stray_async_generators, "async def f():\n    async with a:\n        x = yield"),
    (stray_async_generators, "@cached\nasync def f():\n    yield 1"),
    (stray_async_generators, "x = (each async for each in y)"),
    (stray_async_generators, "x = (await each for each in y)"),
    (module_docstring, "x = 1"),
)
KEPT: Sequence[tuple[Rule, str]] = (
    (async_functions, "def f(): pass"),
    (greedy_handlers, "try: f()\nexcept (ValueError, KeyError): pass"),
    (greedy_handlers, "def f(error: BaseException): pass"),
    (kept_nurseries, "async with trio.open_nursery() as n:\n    self.x = 1"),
    (kept_nurseries, "class A:\n    def f(self, n: trio.Nursery): n.start_soon(g)"),
    (stray_async_generators, "@asynccontextmanager\nasync def f():\n    yield 1"),
    (stray_async_generators, "@contextlib.asynccontextmanager\nasync def f():\n    yield 1"),
    (stray_async_generators, "async def f():\n    def g():\n        yield 1\n    return g"),
    (stray_async_generators, "async def f():\n    return [each async for each in y]"),
    (module_docstring, '"""What it is."""'),
)


@pytest.mark.parametrize(("rule", "source"), BROKEN)
def test_a_rule_finds_what_breaks_it(rule: Rule, source: str) -> None:
    assert list(rule(ast.parse(source))) != []


@pytest.mark.parametrize(("rule", "source"), KEPT)
def test_a_rule_lets_through_what_keeps_it(rule: Rule, source: str) -> None:
    assert list(rule(ast.parse(source))) == []
