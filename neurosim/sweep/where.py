"""Conditions on points: comparisons and arithmetic over dotted keys, and nothing else."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

Values = Mapping[str, Any]
ALLOWED = "comparisons and arithmetic of dotted keys, numbers and 'text', with and, or, not, in"

_BINARY: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.In: lambda a, b: a in b, ast.NotIn: lambda a, b: a not in b,
}
_UNARY: dict[type[ast.AST], Callable[[Any], Any]] = {
    ast.USub: operator.neg, ast.Not: operator.not_,
}
MAX_LENGTH = 1000


def parse(text: str) -> Callable[[Values], bool]:
    """A condition as a function of a point's values.

    The function raises KeyError for an unknown key, and TypeError, ValueError or ArithmeticError
    for values that cannot be compared or divided.

    Raises:
        ValueError: no such expression; the message says why.
    """
    if len(text) > MAX_LENGTH:
        raise ValueError("is too long")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError("is no condition") from None
    _check(tree)
    return lambda values: bool(_evaluate(tree, values))


def _check(node: ast.AST) -> None:
    if isinstance(node, ast.Constant):
        if not isinstance(node.value, int | float | str | None):
            raise ValueError(f"cannot use {node.value!r}")
    elif isinstance(node, ast.Name | ast.Attribute):
        _dotted(node)
    elif isinstance(node, ast.BinOp):
        _known(node.op)
        _check(node.left)
        _check(node.right)
    elif isinstance(node, ast.UnaryOp):
        if type(node.op) not in _UNARY:
            raise ValueError("has an operator that is not allowed")
        _check(node.operand)
    elif isinstance(node, ast.Compare):
        for op in node.ops:
            _known(op)
        for part in (node.left, *node.comparators):
            _check(part)
    elif isinstance(node, ast.BoolOp):
        for part in node.values:
            _check(part)
    elif isinstance(node, ast.List | ast.Tuple):
        for part in node.elts:
            _check(part)
    else:
        raise ValueError(f"cannot use {ast.unparse(node)}")


def _known(op: ast.AST) -> None:
    if type(op) not in _BINARY:
        raise ValueError("has an operator that is not allowed")


def _evaluate(node: ast.AST, values: Values) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name | ast.Attribute):
        return lookup(values, _dotted(node))
    if isinstance(node, ast.BinOp):
        return _BINARY[type(node.op)](_evaluate(node.left, values), _evaluate(node.right, values))
    if isinstance(node, ast.UnaryOp):
        return _UNARY[type(node.op)](_evaluate(node.operand, values))
    if isinstance(node, ast.BoolOp):
        parts = (_evaluate(part, values) for part in node.values)
        return all(parts) if isinstance(node.op, ast.And) else any(parts)
    if isinstance(node, ast.Compare):
        left = _evaluate(node.left, values)
        for op, part in zip(node.ops, node.comparators, strict=True):
            right = _evaluate(part, values)
            if not _BINARY[type(op)](left, right):
                return False
            left = right
        return True
    assert isinstance(node, ast.List | ast.Tuple)
    return [_evaluate(part, values) for part in node.elts]


def _dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    raise ValueError(f"cannot use {ast.unparse(node)}")


def lookup(values: Values, key: str) -> Any:
    """The value at a dotted key of nested mappings, whose own keys may hold dots.

    Raises:
        KeyError: there is none.
    """
    if key in values:
        return values[key]
    head, _, rest = key.partition(".")
    while rest:
        inner = values.get(head)
        if isinstance(inner, Mapping):
            try:
                return lookup(inner, rest)
            except KeyError:
                pass
        more, _, rest = rest.partition(".")
        head = f"{head}.{more}"
    raise KeyError(key)
