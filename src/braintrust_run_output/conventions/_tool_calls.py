"""Calls of tools and their results, in every JSON shape that providers and instrumentations use.

What a provider's own (hosted) tools do is a tool step like any other: what the model says after it is the answer.
"""

from __future__ import annotations

from ..completion import ToolCall
from ._json import Object, compact, first_string, is_object, type_of, unquoted

CALL_TYPES = frozenset({
    "tool_call", "tool_use", "function_call", "function.call", "tool-call", "toolUse", "toolCall", "server_tool_call",
    "custom_tool_call", "server_tool_use", "mcp_tool_use", "builtin-tool-call", "computer_call", "local_shell_call",
    "shell_call", "apply_patch_call", "mcp_approval_request", "toolUseBlock",
})  # fmt: skip
_HOSTED_TYPES = ("server_tool", "mcp_tool", "builtin-tool")
"""How the types of calls begin that the provider carries out."""
_HOSTED_CALL = "_tool_call"
"""How they end: code_interpreter_tool_call, mcp_server_tool_call."""
_HOSTED_IDS = ("srvtoolu_", "mcptoolu_")
HOSTED_ITEMS = frozenset({
    "web_search_call", "file_search_call", "code_interpreter_call", "mcp_call", "tool_search_call", "search_results",
    "tool.execution",
})  # fmt: skip
"""Items of OpenAI's and Mistral's responses in which the provider carries out a call and has its result."""
_HOSTED_CODE = ("executableCode", "executable_code")
RESULT_TYPES = frozenset({
    "tool_call_response", "tool_result", "tool-result", "toolResult", "function_call_output",
    "server_tool_call_response", "builtin-tool-return", "tool-return", "server_tool_result", "mcp_approval_response",
    "toolResultBlock",
})  # fmt: skip
_UI_TOOLS = ("tool-", "dynamic-tool")
_TOOL_CALL_KEYS = ("toolUse", "functionCall", "tool_call", "toolRequest")
_TOOL_RESULT_KEYS = (
    "toolResult", "toolResponse", "functionResponse", "function_response", "tool_call_result", "codeExecutionResult",
    "code_execution_result",
)  # fmt: skip
_NESTED = ("function", "function_call", "payload", *_TOOL_CALL_KEYS)
"""Where some put a call's name and arguments."""
_BARE_CALL = {"name", "arguments"}
_CALL_IDS = ("call_id", "tool_call_id", "toolCallId", "toolUseId", "id", "tool_id", "ref")
_NAMES = ("name", "toolName", "tool_name")
_ARGUMENTS = (
    "arguments", "input", "args", "parameters", "tool_kwargs", "tool_arguments", "action", "operation", "code",
    "queries", "server_tool_call",
)  # fmt: skip
_RESULT_IDS = ("id", "tool_call_id", "tool_use_id", "toolUseId", "call_id", "toolCallId")


def read_tool_call(item: object) -> ToolCall | None:
    """Return the tool call that an object describes, whatever it calls its parts; None if it names no tool.

    A part or OpenAI call that has no arguments at all, not even empty ones, was written with content capture off.
    """
    if not is_object(item):
        return None
    if type_of(item) == "tool_call" and is_object(content := item.get("content")):  # Azure's agents
        return read_tool_call(content)
    inner = item
    if not item.keys().isdisjoint(_NESTED):
        inner = next((nested for key in _NESTED if is_object(nested := item.get(key))), item)
    if _withholds_arguments(item, inner):
        return None
    name = first_string(inner, *_NAMES)
    arguments = next((inner[key] for key in _ARGUMENTS if inner.get(key) is not None), {})
    if name is None and (kind := type_of(item)).endswith("_call") and kind not in ("tool_call", "function_call"):
        name = kind.removesuffix("_call")  # an item of the Responses API: computer_call, web_search_call ...
    if name is None and _is_ui_tool(item):
        name = type_of(item).removeprefix(_UI_TOOLS[0])
    if name is None and not arguments:
        return None
    identifier = first_string(inner, *_CALL_IDS) or first_string(item, *_CALL_IDS)
    text = arguments_in(arguments) if isinstance(arguments, str) else compact(arguments)
    return ToolCall(name or "", text, identifier, _is_hosted(item, identifier))


def _is_hosted(item: Object, identifier: str | None) -> bool:
    kind = type_of(item)
    return (
        kind in HOSTED_ITEMS
        or kind.startswith(_HOSTED_TYPES)
        or kind.endswith(_HOSTED_CALL)
        or (identifier is not None and identifier.startswith(_HOSTED_IDS))
        or item.get("builtin") is True
        or item.get("providerExecuted") is True
    )


def _withholds_arguments(item: Object, inner: Object) -> bool:
    is_part_or_openai = item.get("function") is inner or type_of(item) in ("tool_call", "function_call", "function")
    return is_part_or_openai and inner.keys().isdisjoint(_ARGUMENTS)


def arguments_in(text: str) -> str:
    """Return a call's arguments, also out of JSON within JSON."""
    return unquoted(text) if text[:2] == '"{' else text


def is_tool_call(block: Object) -> bool:
    """Whether a content block or item is a call of a tool."""
    kind = type_of(block)
    return (
        kind in CALL_TYPES
        or kind in HOSTED_ITEMS
        or kind.endswith(_HOSTED_CALL)
        or (not block.keys().isdisjoint(_TOOL_CALL_KEYS) and any(is_object(block.get(key)) for key in _TOOL_CALL_KEYS))
        or (kind in ("", "function") and is_object(called := block.get("function")) and "name" in called)
        or (is_object(block.get("function_call")) and "content" not in block)
        or (isinstance(block.get("tool_name"), str) and "arguments" in block)
        or block.keys() == _BARE_CALL
        or _is_ui_tool(block)
    )


def is_call_of_openai(item: Object) -> bool:
    """Whether an object is a call in OpenAI's form, and not the definition of a tool."""
    function = item.get("function")
    return type_of(item) == "function" and is_object(function) and "arguments" in function


def is_tool_result(block: Object) -> bool:
    """Whether a content block or item is what a call resulted in."""
    kind = type_of(block)
    return (
        kind in RESULT_TYPES
        or kind.endswith(("_tool_result", "_call_output"))
        or _has_any(block, _TOOL_RESULT_KEYS)
        or (_is_ui_tool(block) and str(block.get("state")).startswith("output"))
    )


def answered_by(result: Object) -> str | None:
    """Return the id of the call that a result is of."""
    return first_string(result, *_RESULT_IDS)


def is_hosted_code(block: Object) -> bool:
    """Whether a block is code that the provider has run."""
    return _has_any(block, _HOSTED_CODE)


def _is_ui_tool(block: Object) -> bool:
    """Whether a part of a message of Vercel's user interface is a tool's: its call and, later, its result."""
    return type_of(block).startswith(_UI_TOOLS) and "toolCallId" in block


def _has_any(block: Object, keys: tuple[str, ...]) -> bool:
    """Whether any of the keys has a value. Dumps of SDK objects have all, most of them null."""
    return not block.keys().isdisjoint(keys) and any(block.get(key) is not None for key in keys)
