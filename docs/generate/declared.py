"""What stands in a source and is gone at run time: words of annotations, docstrings of attributes."""

import ast
import inspect
import textwrap
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from types import ModuleType


@dataclass(frozen=True, slots=True)
class Attribute:
    """One annotated attribute as it is written."""

    annotation: ast.expr
    doc: str


@cache
def attributes(owner: type) -> dict[str, Attribute]:
    """Annotated attributes of a class and its bases, in the order of the source, the bases' first."""
    found: dict[str, Attribute] = {}
    for base in reversed(owner.__mro__[:-1]):
        if base.__module__.startswith("pydantic"):
            continue
        tree = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]
        if isinstance(tree, ast.ClassDef):
            found.update(_annotated(tree.body))
    return found


@cache
def words_of(module: ModuleType) -> dict[str, str]:
    """Names that a module gives to something, with the docstrings that follow them."""
    found: dict[str, str] = {}
    body = ast.parse(inspect.getsource(module)).body
    for statement, follower in pairwise(body):
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            doc = _text(follower)
            if doc:
                found[statement.targets[0].id] = doc
    return found


def _annotated(body: list[ast.stmt]) -> dict[str, Attribute]:
    found: dict[str, Attribute] = {}
    for position, statement in enumerate(body):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            doc = _text(body[position + 1]) if position + 1 < len(body) else ""
            found[statement.target.id] = Attribute(statement.annotation, doc)
    return found


def _text(statement: ast.stmt) -> str:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return inspect.cleandoc(str(statement.value.value))
    return ""
