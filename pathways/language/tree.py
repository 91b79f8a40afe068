"""A compiled condition as a tree, read from CEL's own serialised form.

Rule 1: what is not understood becomes ``Opaque`` under a text that only an equal expression has, so that conclusions stay sound.
Source of the field numbers: ``cel/expr/checked.proto`` and ``cel/expr/syntax.proto`` of the CEL specification.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from pathways.engine.conditions import Expression


@dataclass(frozen=True, slots=True)
class Const:
    """A literal; null is None."""

    value: bool | int | float | str | None
    offset: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Name:
    """A reading, a value, or a given name."""

    name: str
    offset: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Select:
    """``operand.field``; ``test``: has(operand.field)."""

    operand: Node
    name: str
    test: bool = False
    offset: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """An operator or function; the receiver of a method comes first in ``args``."""

    function: str
    args: tuple[Node, ...]
    offset: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Items:
    """A list written out."""

    items: tuple[Node, ...]
    offset: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Opaque:
    """Anything else."""

    raw: bytes
    offset: int = field(default=0, compare=False)


Node = Const | Name | Select | Call | Items | Opaque


def tree(expression: Expression) -> Node:
    """The tree of ``expression``; ``offset`` is in characters from the start of its source."""
    fields = dict(_fields(expression.checked))
    if 1 in fields and isinstance(fields[1], bytes) and fields[1].startswith(b"type.googleapis.com/"):
        packed = fields[2]
    else:
        packed = expression.checked
    offsets: dict[int, int] = {}
    root: bytes = b""
    for number, value in _fields(_bytes(packed)):
        if number == 4:
            root = _bytes(value)
        elif number == 5:
            offsets = _positions(_bytes(value))
    return _node(root, offsets)


def walk(node: Node) -> Iterator[Node]:
    """The node and everything under it."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        yield one
        match one:
            case Select():
                waiting.append(one.operand)
            case Call():
                waiting.extend(one.args)
            case Items():
                waiting.extend(one.items)
            case _:
                pass


def _node(raw: bytes, offsets: dict[int, int]) -> Node:
    at = 0
    node: Node = Opaque(raw)
    for number, value in _fields(raw):
        match number:
            case 2 if isinstance(value, int):
                at = offsets.get(value, 0)
            case 3:
                node = _const(_bytes(value), raw)
            case 4:
                node = Name(_text(dict(_fields(_bytes(value))).get(1, b"")))
            case 5:
                parts = dict(_fields(_bytes(value)))
                operand = _node(_bytes(parts.get(1, b"")), offsets)
                node = Select(operand, _text(parts.get(2, b"")), bool(parts.get(3, 0)))
            case 6:
                node = _call(_bytes(value), offsets)
            case 7:
                inner = tuple(_node(_bytes(one), offsets) for n, one in _fields(_bytes(value)) if n == 1)
                optional = any(n == 2 for n, _ in _fields(_bytes(value)))
                node = Opaque(raw) if optional else Items(inner)
            case _:
                pass
    return _placed(node, at)


def _call(raw: bytes, offsets: dict[int, int]) -> Call:
    function, args, target = "", [], None
    for number, value in _fields(raw):
        if number == 1:
            target = _node(_bytes(value), offsets)
        elif number == 2:
            function = _text(value)
        elif number == 3:
            args.append(_node(_bytes(value), offsets))
    return Call(function, tuple(args if target is None else [target, *args]))


def _const(raw: bytes, whole: bytes) -> Node:
    for number, value in _fields(raw):
        match number, value:
            case 1, _:
                return Const(None)
            case 2, int():
                return Const(bool(value))
            case 3, int():
                return Const(value - (1 << 64) if value >= 1 << 63 else value)
            case 4, int():
                return Const(value)
            case 5, bytes():
                return Const(float(struct.unpack("<d", value)[0]))
            case 6, bytes():
                return Const(_text(value))
            case _:
                pass
    return Opaque(whole)


def _placed(node: Node, at: int) -> Node:
    match node:
        case Const():
            return Const(node.value, at)
        case Name():
            return Name(node.name, at)
        case Select():
            return Select(node.operand, node.name, node.test, at)
        case Call():
            return Call(node.function, node.args, at)
        case Items():
            return Items(node.items, at)
        case Opaque():
            return Opaque(node.raw, at)


def _positions(raw: bytes) -> dict[int, int]:
    """The map of SourceInfo from an expression's id to its offset."""
    positions: dict[int, int] = {}
    for number, value in _fields(raw):
        if number == 4:
            entry = dict(_fields(_bytes(value)))
            key, at = entry.get(1, 0), entry.get(2, 0)
            if isinstance(key, int) and isinstance(at, int):
                positions[key] = at
    return positions


def _fields(raw: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of one protobuf message: number and value."""
    at = 0
    while at < len(raw):
        head, at = _varint(raw, at)
        number, kind = head >> 3, head & 7
        if kind == 0:
            value, at = _varint(raw, at)
            yield number, value
        else:
            size, at = _varint(raw, at) if kind == 2 else (8 if kind == 1 else 4, at)
            yield number, raw[at : at + size]
            at += size


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _bytes(value: int | bytes) -> bytes:
    return value if isinstance(value, bytes) else b""


def _text(value: int | bytes) -> str:
    return _bytes(value).decode()
