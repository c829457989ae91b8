"""The representations of Python objects, which some write in place of an output.

What can be read of them is: ``ChatMessage(role='assistant', content='Paris.')`` has the fields of a message. What
cannot is no output.
"""

from __future__ import annotations

import ast
import re

_REPR = r"\[?[A-Z]\w*\(\s*\w+=.*(?:\)|\.\.\.)\]?|<\w+\(.*\)>"
_STARTS_LIKE = re.compile(r"\[?[A-Z]\w*\(\s*\w+=|\[?\{['\"]|\[\]")
_ENUM = re.compile(r"<\w+(?:\.\w+)*: ('(?:[^'\\]|\\.)*'|-?\d+)>")
_OBJECT = re.compile(r"<[\w.]+(?: object)?(?: at 0x[0-9a-f]+)?>")
_FIELD = re.compile(r"(?:^| )([a-z]\w*)=")
_MESSAGES = {
    "AIMessage": "ai",
    "AIMessageChunk": "ai",
    "HumanMessage": "human",
    "SystemMessage": "system",
    "ToolMessage": "tool",
    "FunctionMessage": "function",
}
"""The classes of messages that do not say in a field whose they are, and how these are called where they do."""
LITERAL = ("{'", "[{'")
"""How the ``str`` of a Python dictionary or list begins."""
_TOKEN = re.compile(r"'(?:[^'\\]|\\.)*'?|\"(?:[^\"\\]|\\.)*\"?|[][(){},]", re.DOTALL)
"""A string, or a bracket or comma outside of one."""
_BRACKETS = {"(": ")", "[": "]", "{": "}"}
_MOST_FIELDS = 40
_LONGEST = 100_000
_LONGEST_FIELDS = 10_000


def is_repr(text: str) -> bool:
    """Whether a text is the repr of a Python object, or a list of some, cut or whole."""
    return text[:1] in "[<ABCDEFGHIJKLMNOPQRSTUVWXYZ" and bool(re.fullmatch(_REPR, text, re.DOTALL))


def is_cut(text: str) -> bool:
    """Whether a repr was cut: it ends in three dots."""
    return text.endswith("...")


def read_repr(text: str) -> object:
    """Return what a repr says, objects as their fields; None if it cannot be read, or is very long.

    One that was cut is read up to its last whole field.

    Args:
        text: The repr of a list, dictionary or of objects of pydantic, dataclasses and the like.
    """
    if len(text) > _LONGEST or not _STARTS_LIKE.match(text):
        return None
    value = _parsed(text)
    if value is None:
        text = _OBJECT.sub("None", _ENUM.sub(r"\1", text))
        value = _parsed(_whole_part(text) if is_cut(text) else text)
    return value


def _whole_part(text: str) -> str:
    """Return a repr that was cut up to its last whole field, and closed there; empty if there is none."""
    closing: list[str] = []
    end, whole = 0, ""
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark in _BRACKETS:
            closing.append(_BRACKETS[mark])
        elif mark in _BRACKETS.values():
            if not closing or closing.pop() != mark:
                return ""
        elif mark == ",":
            end, whole = token.start(), "".join(reversed(closing))
    return text[:end] + whole if end else ""


def read_fields(text: str) -> dict[str, object] | None:
    """Return the fields in the ``str`` of a pydantic object, ``name='f' args={'city': 'Paris'} id=None``.

    None if the text is none, or very long.
    """
    if len(text) > _LONGEST_FIELDS or not _FIELD.match(text):
        return None
    text = _OBJECT.sub("None", _ENUM.sub(r"\1", text))
    names = list(_FIELD.finditer(text))[:_MOST_FIELDS]
    fields: dict[str, object] = {}
    while names:
        name, *names = names
        # A value may hold what looks like the next field: it ends where it can be parsed.
        for following in range(len(names) + 1):
            end = names[following].start() if following < len(names) else len(text)
            source = text[name.end() : end].strip()
            value = _parsed(source)
            if value is not None or source == "None":
                fields[name[1]] = value
                names = names[following:]
                break
        else:
            return None
    return fields


def _parsed(source: str) -> object:
    try:
        return _value_of(ast.parse(source, mode="eval").body)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _value_of(node: ast.AST) -> object:
    if isinstance(node, ast.Call):
        fields = {keyword.arg: _value_of(keyword.value) for keyword in node.keywords if keyword.arg}
        kind = _MESSAGES.get(node.func.id) if isinstance(node.func, ast.Name) else None
        return fields if kind is None else {"type": kind, **fields}
    if isinstance(node, ast.Dict):
        return {str(_value_of(key)): _value_of(value) for key, value in zip(node.keys, node.values, strict=True) if key}
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        return [_value_of(item) for item in node.elts]
    if isinstance(node, (ast.Name, ast.Attribute)):
        return None
    return ast.literal_eval(node)
