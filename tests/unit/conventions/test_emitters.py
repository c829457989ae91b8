"""The attributes, events and records of each emitter in its variations: streaming, tools, reasoning, content off, cut."""

from __future__ import annotations

import json

import pytest

from braintrust_run_output.conventions import generic_excerpt, read_completion, read_generic_output
from braintrust_run_output.conventions.log_records import read_record
from emitted import SpanEvent, T, call

J = json.dumps
O = "gen_ai.output.messages"  # noqa: E741
C = {"gen_ai.operation.name": "chat"}
LLM = {"openinference.span.kind": "LLM"}
M = "llm.output_messages.0.message."


def parts(*parts, role="assistant", reason="stop"):
    return json.dumps([{"role": role, "parts": list(parts), "finish_reason": reason}])


def t(text=T):
    return {"type": "text", "content": text}


ATTRIBUTES = [
    ("pydantic-ai, cut", {"final_result": '{"city": "Par', "agent_name": "a"}, None),
    ("pydantic-ai, whole", {"final_result": '{"city":"Paris"}', "agent_name": "a"}, '{"city":"Paris"}'),
    ("vercel, an object that was cut", {"ai.response.object": '{"city": "Par'}, None),
    ("langwatch, cut", {"langwatch.span.type": "llm", "langwatch.output": '{"type": "text", "value": "Par'}, None),
    ("a structured answer set by hand", {O: '{"city": "Paris"}'}, '{"city": "Paris"}'),
    ("an empty object set by hand", {O: "{}"}, None),
    (
        "logfire, a refusal and hosted items",
        {
            "events": J(
                [
                    {"event.name": "gen_ai.user.message", "role": "user", "content": "?"},
                    {"event.name": "gen_ai.unknown", "data": {"type": "mcp_list_tools", "tools": []}},
                    {"event.name": "gen_ai.unknown", "data": {"type": "refusal", "refusal": "No."}},
                ]
            )
        },
        "No.",
    ),
    (
        "logfire, a computer's call",
        {
            "events": J(
                [
                    {"event.name": "gen_ai.user.message", "role": "user", "content": "?"},
                    {
                        "event.name": "gen_ai.unknown",
                        "data": {"type": "computer_call", "call_id": "c1", "action": {"type": "click"}},
                    },
                ]
            )
        },
        call("computer", '{"type":"click"}'),
    ),
    (
        "server tools that list or draw",
        {
            O: parts(
                {"type": "server_tool_call", "name": "mcp_list_tools", "server_tool_call": {"type": "mcp_list_tools"}},
                {
                    "type": "server_tool_call",
                    "name": "image_generation",
                    "server_tool_call": {"type": "image_generation"},
                },
            )
        },
        None,
    ),
    (
        "langfuse, an image",
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.output": J({"type": "image_generation_call", "result": "x"}),
        },
        None,
    ),
    (
        "promptflow, a stream",
        {
            "span_type": "LLM",
            "output": '"<generator object f at 0x7f>"',
            "llm.generated_message": J({"role": "assistant", "content": T}),
        },
        T,
    ),
    (
        "oi reasoning that looks like a text",
        {
            **LLM,
            M + "role": "assistant",
            M + "contents.0.message_content.type": "text",
            M + "contents.0.message_content.text": "hm",
            "llm.output_messages.1.message.role": "assistant",
            "llm.output_messages.1.message.contents.0.message_content.type": "text",
            "llm.output_messages.1.message.contents.0.message_content.text": T,
            "output.value": J(
                {
                    "object": "response",
                    "output": [
                        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
                        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": T}]},
                    ],
                }
            ),
        },
        T,
    ),
    # PARTS
    ("text", {O: parts(t())}, T),
    ("reasoning first", {O: parts({"type": "reasoning", "content": "hm"}, t())}, T),
    ("reasoning after", {O: parts(t(), {"type": "reasoning", "content": "hm"})}, T),
    ("thinking message", {O: J([{"role": "thinking", "parts": [t("hm")]}, {"role": "assistant", "parts": [t()]}])}, T),
    (
        "server tools",
        {
            O: parts(
                t("I look."),
                {"type": "server_tool_call", "id": "s", "name": "web", "arguments": {}},
                {"type": "server_tool_call_response", "id": "s", "response": {}},
                t(),
            )
        },
        T,
    ),
    (
        "builtin",
        {
            O: parts(
                t("I look."),
                {"type": "tool_call", "id": "s", "name": "web", "arguments": {}, "builtin": True},
                {"type": "tool_call_response", "id": "s", "name": "web", "result": {}, "builtin": True},
                t(),
            )
        },
        T,
    ),
    ("srvtoolu ids", {O: parts({"type": "tool_call", "id": "srvtoolu_1", "name": "web", "arguments": {}}, t())}, T),
    (
        "mcp",
        {
            O: parts(
                {"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "f", "input": {}},
                {"type": "mcp_tool_result", "tool_use_id": "mcptoolu_1"},
                t(),
            )
        },
        T,
    ),
    ("stream pieces", {O: parts(t("The capital "), t("of France is Paris."), t())}, T),
    ("dspy", {O: parts(t("[[ ## reasoning ## ]]\nhm\n\n[[ ## answer ## ]]\n" + T + "\n\n[[ ## completed ## ]]"))}, T),
    ("dspy title", {O: parts(t("[[ ## title ## ]]\n" + T + "\n\n[[ ## completed ## ]]"))}, T),
    (
        "parallel messages",
        {
            O: J(
                [
                    {"role": "assistant", "parts": [{"type": "tool_call", "id": "a", "name": "f", "arguments": {}}]},
                    {"role": "assistant", "parts": [{"type": "tool_call", "id": "b", "name": "g", "arguments": {}}]},
                ]
            )
        },
        '[{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"b","type":"function","function":{"name":"g","arguments":"{}"}}]}]',
    ),
    (
        "text msg then call msg",
        {
            O: J(
                [
                    {"role": "assistant", "parts": [t("Hm.")]},
                    {
                        "role": "assistant",
                        "parts": [
                            {"type": "tool_call", "id": "c1", "name": "get_weather", "arguments": {"city": "Paris"}}
                        ],
                    },
                ]
            )
        },
        call(content="Hm."),
    ),
    ("content off", {O: parts({"type": "text"})}, None),
    ("content off call", {O: parts({"type": "tool_call", "id": "c", "name": "f"})}, None),
    ("content off mix", {O: parts({"type": "text"}, {"type": "tool_call", "id": "c", "name": "f"})}, None),
    ("empty", {O: "[]"}, None),
    ("redacted", {O: parts(t("__REDACTED__"))}, None),
    ("null", {O: "null"}, None),
    (
        "rig, a call without a type",
        {O: J([{"id": "c1", "call_id": None, "function": {"name": "get_weather", "arguments": {"city": "Paris"}}}])},
        call(),
    ),
    (
        "rig, a text before it",
        {
            O: J(
                [
                    {
                        "role": "assistant",
                        "content": [
                            {"text": "Hm."},
                            {"id": "c1", "function": {"name": "get_weather", "arguments": {"city": "Paris"}}},
                        ],
                    }
                ]
            )
        },
        call(content="Hm."),
    ),
    (
        "speech",
        {"gen_ai.request.model": "tts", "output": J({"data": "UklGRiQAAABXQVZF", "format": "pcm"})},
        None,
    ),
    (
        "an image",
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.output": J({"type": "image", "data": "iVBORw0KGgo", "mimeType": "image/png"}),
        },
        None,
    ),
    (
        "data that is an answer",
        {"gen_ai.request.model": "m", "output": J({"data": [1, 2], "summary": "two"})},
        J({"data": [1, 2], "summary": "two"}),
    ),
    (
        "final_result",
        {O: parts({"type": "tool_call", "id": "t", "name": "final_result", "arguments": {"city": "Paris"}})},
        '{"city":"Paris"}',
    ),
    (
        "final_result str",
        {O: parts({"type": "tool_call", "id": "t", "name": "final_result", "arguments": '{"city": "Paris"}'})},
        '{"city":"Paris"}',
    ),
    (
        "text+final_result",
        {O: parts(t("ok"), {"type": "tool_call", "id": "t", "name": "final_result", "arguments": {"city": "Paris"}})},
        '{"city":"Paris"}',
    ),
    ("number", {O: "42"}, "42"),
    ("plain", {O: "Paris."}, "Paris."),
    ("json str", {O: '"Paris."'}, "Paris."),
    ("double", {O: J(parts(t()))}, T),
    ("tuple", {O: (J({"role": "assistant", "parts": [t()]}),)}, T),
    ("tuple text", {O: ("Paris.",)}, "Paris."),
    ("cut", {O: parts(t())[:60]}, None),
    ("cut json str", {O: J(parts(t()))[:60]}, None),
    (
        "openai choice",
        {O: J([{"index": 0, "message": {"role": "assistant", "content": T}, "finish_reason": "stop"}])},
        T,
    ),
    ("messages wrapper", {O: J({"messages": [{"role": "assistant", "content": T}]})}, T),
    ("response wrapper", {O: J({"choices": [{"message": {"role": "assistant", "content": T}}]})}, T),
    ("text key", {O: J([{"role": "assistant", "text": T}])}, T),
    ("message key", {O: J([{"role": "assistant", "message": T}])}, T),
    ("text parts text", {O: J([{"role": "assistant", "parts": [{"type": "text", "text": T}]}])}, T),
    ("nested json content", {O: parts(t(J([{"type": "text", "text": T}])))}, T),
    ("audio part", {O: parts({"type": "audio", "transcript": T, "data": "x"})}, T),
    ("blob", {O: parts({"type": "blob", "mime_type": "image/png", "data": "x"})}, None),
    ("uri", {O: parts({"type": "uri", "uri": "http://x"})}, None),
    ("native list", {O: [{"role": "assistant", "parts": [t()]}]}, T),
    ("structured text", {O: parts(t('{"a": 1}'))}, '{"a": 1}'),
    (
        "exchange",
        {
            O: J(
                [
                    {"role": "assistant", "parts": [{"type": "tool_call", "id": "a", "name": "f", "arguments": {}}]},
                    {"role": "tool", "parts": [{"type": "tool_call_response", "id": "a", "response": "x"}]},
                    {"role": "assistant", "parts": [t()]},
                ]
            )
        },
        T,
    ),
    # indexed
    (
        "idx thinking",
        {
            "gen_ai.completion.0.role": "thinking",
            "gen_ai.completion.0.content": "hm",
            "gen_ai.completion.1.role": "assistant",
            "gen_ai.completion.1.content": T,
        },
        T,
    ),
    (
        "idx thinking call",
        {
            "gen_ai.completion.0.role": "thinking",
            "gen_ai.completion.0.content": "hm",
            "gen_ai.completion.1.role": "assistant",
            "gen_ai.completion.1.tool_calls.0.name": "get_weather",
            "gen_ai.completion.1.tool_calls.0.id": "c1",
            "gen_ai.completion.1.tool_calls.0.arguments": '{"city":"Paris"}',
        },
        call(),
    ),
    (
        "idx anth srv",
        {
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.content": T,
            "gen_ai.completion.0.tool_calls.0.id": "srvtoolu_1",
            "gen_ai.completion.0.tool_calls.0.name": "web_search",
            "gen_ai.completion.0.tool_calls.0.arguments": "{}",
        },
        T,
    ),
    ("idx async gen", {"gen_ai.completion.0.content": "<async_generator object x at 0x10>"}, None),
    ("idx blocks", {"gen_ai.completion.0.content.0.type": "text", "gen_ai.completion.0.content.0.text": T}, T),
    (
        "idx blocks, several",
        {
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.content.0.text": "The capital of ",
            "gen_ai.completion.0.content.1.text": "France is Paris.",
        },
        T,
    ),
    ("idx starts at 1", {"gen_ai.completion.1.role": "assistant", "gen_ai.completion.1.content": T}, T),
    # litellm
    (
        "litellm stale",
        {
            O: parts(t()),
            "gen_ai.response.finish_reasons": ("stop",),
            "gen_ai.completion.0.function_call.name": "f",
            "gen_ai.completion.0.function_call.arguments": "{}",
        },
        T,
    ),
    (
        "litellm stale json",
        {
            O: parts(t()),
            "gen_ai.response.finish_reasons": '["stop"]',
            "gen_ai.completion.0.function_call.name": "f",
            "gen_ai.completion.0.function_call.arguments": "{}",
        },
        T,
    ),
    (
        "litellm stale no attr",
        {
            O: parts(t()),
            "gen_ai.completion.0.function_call.name": "f",
            "gen_ai.completion.0.function_call.arguments": "{}",
        },
        T,
    ),
    (
        "litellm call+text",
        {
            O: parts(t(), reason="tool_calls"),
            "gen_ai.response.finish_reasons": ("tool_calls",),
            "gen_ai.completion.0.function_call.name": "get_weather",
            "gen_ai.completion.0.function_call.arguments": '{"city":"Paris"}',
        },
        call(id=None, content=T),
    ),
    (
        "litellm raw",
        {
            "llm.openai.choices": "[{'finish_reason': 'stop', 'index': 0, 'message': {'content': '"
            + T
            + "', 'role': 'assistant', 'tool_calls': None}}]"
        },
        T,
    ),
    ("litellm raw anth", {"llm.anthropic.content": "[{'type': 'text', 'text': '" + T + "'}]"}, T),
    (
        "litellm none out",
        {
            "llm.None.output": "[{'type': 'message', 'role': 'assistant', 'content': [{'type': 'output_text', 'text': '"
            + T
            + "'}]}]"
        },
        T,
    ),
    (
        "litellm none obj",
        {
            "llm.None.output": "[ResponseOutputMessage(id='m', content=[ResponseOutputText(annotations=[], text='"
            + T
            + "', type='output_text', logprobs=[])], role='assistant', status='completed', type='message')]"
        },
        T,
    ),
    ("litellm raw embeddings", {"llm.openai.data": "[{'embedding': [0.1]}]"}, None),
    # OI
    (
        "oi late index",
        {**LLM, "llm.output_messages.3.message.role": "assistant", "llm.output_messages.3.message.content": T},
        T,
    ),
    (
        "oi very late",
        {
            **LLM,
            "output.value": "x",
            "llm.output_messages.12.message.role": "assistant",
            "llm.output_messages.12.message.content": T,
        },
        T,
    ),
    ("oi content.0", {**LLM, M + "content.0": T}, T),
    ("oi list no mime", {**LLM, "output.value": J([{"role": "assistant", "content": T}])}, T),
    (
        "oi list agno",
        {
            **LLM,
            "output.mime_type": "application/json",
            "output.value": J([{"role": "user", "content": "q"}, {"role": "assistant", "content": T}]),
        },
        T,
    ),
    (
        "oi parallel items",
        {
            **LLM,
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "get_weather",
            "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"city":"Paris"}',
            "llm.output_messages.0.message.tool_calls.0.tool_call.id": "c1",
            "llm.output_messages.1.message.role": "assistant",
            "llm.output_messages.1.message.tool_calls.0.tool_call.function.name": "g",
            "llm.output_messages.1.message.tool_calls.0.tool_call.id": "c2",
        },
        '[{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"get_weather","arguments":"{\\"city\\":\\"Paris\\"}"}},{"id":"c2","type":"function","function":{"name":"g","arguments":"{}"}}]}]',
    ),
    ("oi embedding llm", {**LLM, "output.value": J({"data": [{"embedding": [0.1]}], "object": "list"})}, None),
    (
        "oi moderation llm",
        {
            **LLM,
            "output.value": J({"results": [{"flagged": False, "categories": {}}], "id": "m"}),
            "output.mime_type": "application/json",
        },
        None,
    ),
    (
        "oi mcp in value",
        {
            **LLM,
            "output.value": J(
                {
                    "object": "response",
                    "output": [{"type": "mcp_approval_request", "id": "m1", "name": "f", "arguments": "{}"}],
                }
            ),
            "output.mime_type": "application/json",
        },
        call("f", "{}", "m1"),
    ),
    (
        "oi repr haystack",
        {
            **LLM,
            "output.value": J(
                {
                    "replies": [
                        "ChatMessage(_role=<ChatRole.ASSISTANT: 'assistant'>, _content=[TextContent(text='"
                        + T
                        + "')], _name=None, _meta={})"
                    ]
                }
            ),
            "output.mime_type": "application/json",
        },
        T,
    ),
    ("oi async gen", {**LLM, "output.value": "<groq.Stream object at 0x1f>"}, None),
    ("oi redacted", {**LLM, "output.value": "__REDACTED__", M + "role": "assistant"}, None),
    (
        "oi cut json",
        {**LLM, "output.value": '{"choices": [{"message": {"content": "The', "output.mime_type": "application/json"},
        None,
    ),
    (
        "oi thinking block",
        {
            **LLM,
            M + "role": "assistant",
            M + "contents.0.message_content.type": "reasoning",
            M + "contents.0.message_content.text": "hm",
            M + "contents.1.message_content.type": "text",
            M + "contents.1.message_content.text": T,
        },
        T,
    ),
    # vercel
    (
        "v stale",
        {
            "ai.response.text": T,
            "ai.response.finishReason": "stop",
            "ai.response.toolCalls": J([{"toolCallId": "a", "toolName": "f", "input": "{}"}]),
        },
        T,
    ),
    (
        "v calls",
        {
            "ai.response.text": "",
            "ai.response.finishReason": "tool-calls",
            "ai.response.toolCalls": J([{"toolCallId": "c1", "toolName": "get_weather", "input": '{"city":"Paris"}'}]),
        },
        call(),
    ),
    (
        "v text+calls",
        {
            "ai.response.text": "Hm.",
            "ai.response.finishReason": "tool-calls",
            "ai.response.toolCalls": J([{"toolCallId": "c1", "toolName": "get_weather", "input": {"city": "Paris"}}]),
        },
        call(content="Hm."),
    ),
    ("v embed", {"ai.operationId": "ai.embed", "ai.embedding": "[0.1]", "ai.value": "x"}, None),
    ("v result", {"ai.result.text": T}, T),
    # langfuse
    (
        "lf cut",
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.output": '{"role": "assistant", "content": "Par',
        },
        None,
    ),
    ("lf text", {"langfuse.observation.type": "generation", "langfuse.observation.output": T}, T),
    (
        "lf json text",
        {"langfuse.observation.type": "generation", "langfuse.observation.output": '{"city": "Paris"}'},
        '{"city": "Paris"}',
    ),
    (
        "lf audio",
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.output": J({"role": "assistant", "content": None, "audio": {"transcript": T}}),
        },
        T,
    ),
    (
        "lf n2",
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.output": J(
                [{"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"}]
            ),
        },
        '[{"role":"assistant","content":"a"},{"role":"assistant","content":"b"}]',
    ),
    (
        "lf items",
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.output": J(
                [
                    {"type": "reasoning", "summary": []},
                    {"type": "web_search_call", "id": "w"},
                    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": T}]},
                ]
            ),
        },
        T,
    ),
    (
        "lf item dict",
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.output": J(
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": T}]}
            ),
        },
        T,
    ),
    ("lf js text", {"langfuse.observation.type": "generation", "langfuse.observation.output": J(T)}, T),
    ("lf number", {"langfuse.observation.type": "generation", "langfuse.observation.output": "42"}, "42"),
    (
        "lf meta only",
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.output": J({"role": "assistant", "content": None}),
        },
        None,
    ),
    # mlflow
    (
        "ml",
        {
            "mlflow.spanType": '"CHAT_MODEL"',
            "mlflow.spanOutputs": J({"choices": [{"message": {"role": "assistant", "content": T}}]}),
        },
        T,
    ),
    ("ml text", {"mlflow.spanType": '"LLM"', "mlflow.spanOutputs": J(T)}, T),
    ("ml unquoted", {"mlflow.spanType": "LLM", "mlflow.spanOutputs": T}, T),
    ("ml embedding", {"mlflow.spanType": '"EMBEDDING"', "mlflow.spanOutputs": J([0.1])}, None),
    (
        "ml langchain",
        {
            "mlflow.spanType": '"CHAT_MODEL"',
            "mlflow.spanOutputs": J(
                {"generations": [[{"text": T, "message": {"content": T, "type": "ai"}}]], "llm_output": None}
            ),
        },
        T,
    ),
    (
        "ml cut",
        {
            "mlflow.spanType": '"CHAT_MODEL"',
            "mlflow.spanOutputs": J({"choices": [{"message": {"role": "assistant", "content": T}}]})[:50],
        },
        None,
    ),
    # langwatch
    ("lw", {"langwatch.span.type": "llm", "langwatch.output": J({"type": "text", "value": T})}, T),
    (
        "lw json",
        {
            "langwatch.span.type": "llm",
            "langwatch.output": J(
                {"type": "json", "value": {"choices": [{"message": {"role": "assistant", "content": T}}]}}
            ),
        },
        T,
    ),
    (
        "lw structured",
        {"langwatch.span.type": "llm", "langwatch.output": J({"type": "json", "value": {"city": "Paris"}})},
        '{"city":"Paris"}',
    ),
    # promptflow
    (
        "pf",
        {"span_type": "LLM", "output": J({"choices": [{"message": {"role": "assistant", "content": T}}]}, indent=2)},
        T,
    ),
    ("pf stream", {"span_type": "LLM", "output": J(T)}, T),
    ("pf gen", {"span_type": "LLM", "output": '"<generator object f at 0x7f>"'}, None),
    ("pf embedding", {"span_type": "Embedding", "output": J({"data": []})}, None),
    ("app output", {"output": "x"}, None),
    ("pipecat", {**C, "output": T}, T),
    ("pipecat tts", {"gen_ai.operation.name": "tts", "text": T}, None),
    ("pipecat stt", {"gen_ai.operation.name": "stt", "transcript": "q", "output": "x"}, None),
    ("volt llm", {"span.type": "llm", "output": T}, T),
    ("volt tool", {"span.type": "tool", "output": T, "tool.name": "f"}, None),
    ("volt agent", {"entity.type": "agent", "output": T}, T),
    (
        "logfire agents cc",
        {
            "logfire.msg_template": "Chat completion with {gen_ai.request.model!r}",
            "gen_ai.request.model": "m",
            "output": J([{"role": "assistant", "content": T, "tool_calls": None}]),
        },
        T,
    ),
    (
        "genkit",
        {
            "genkit:metadata:subtype": "model",
            "genkit:output": J(
                {
                    "message": {"role": "model", "content": [{"text": T}]},
                    "finishReason": "stop",
                    "usage": {},
                    "raw": {"choices": []},
                }
            ),
        },
        T,
    ),
    (
        "genkit data",
        {
            "genkit:metadata:subtype": "model",
            "genkit:output": J({"message": {"role": "model", "content": [{"data": {"city": "Paris"}}]}}),
        },
        '{"city":"Paris"}',
    ),
    (
        "mastra structured by another model",
        {"mastra.model_generation.output": J({"text": T, "object": {"city": "Paris"}, "files": []})},
        '{"city":"Paris"}',
    ),
    (
        "mastra structured",
        {"mastra.model_generation.output": J({"text": '{"city": "Paris"}', "object": {"city": "Paris"}, "files": []})},
        '{"city": "Paris"}',
    ),
    (
        "blocks as a text of several lines",
        {
            "gen_ai.output.messages": J(
                [{"role": "assistant", "content": json.dumps([{"type": "text", "text": T}], indent=2)}]
            )
        },
        T,
    ),
    (
        "blocks as a text of several lines in a part",
        {
            "gen_ai.output.messages": J(
                [
                    {
                        "role": "assistant",
                        "parts": [{"type": "text", "content": json.dumps([{"type": "text", "text": T}], indent=2)}],
                    }
                ]
            )
        },
        T,
    ),
    ("a text in brackets", {"gen_ai.output.messages": J([{"role": "assistant", "content": "[1] {x}"}])}, "[1] {x}"),
    (
        "genkit tool",
        {
            "genkit:metadata:subtype": "model",
            "genkit:output": J(
                {
                    "message": {
                        "role": "model",
                        "content": [{"toolRequest": {"name": "get_weather", "ref": "c1", "input": {"city": "Paris"}}}],
                    },
                    "finishReason": "stop",
                }
            ),
        },
        call(),
    ),
    (
        "genkit old",
        {
            "genkit:metadata:subtype": "model",
            "genkit:output": J(
                {
                    "candidates": [
                        {"index": 0, "message": {"role": "model", "content": [{"text": T}]}, "finishReason": "stop"}
                    ]
                }
            ),
        },
        T,
    ),
    (
        "genkit blocked",
        {"genkit:metadata:subtype": "model", "genkit:output": J({"finishReason": "blocked", "usage": {}})},
        None,
    ),
    ("sentry", {**C, "gen_ai.response.text": J([T])}, T),
    ("sentry plain", {**C, "gen_ai.response.text": T}, T),
    (
        "sentry calls",
        {
            **C,
            "gen_ai.response.tool_calls": J(
                [{"name": "get_weather", "arguments": '{"city":"Paris"}', "id": "c1", "type": "function_call"}]
            ),
        },
        call(),
    ),
    ("sentry object", {**C, "gen_ai.response.text": '{"city": "Paris"}'}, '{"city": "Paris"}'),
    (
        "sentry both",
        {
            **C,
            "gen_ai.response.text": "Hm.",
            "gen_ai.response.tool_calls": J(
                [{"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'}}]
            ),
        },
        call(content="Hm."),
    ),
    ("sentry filtered", {**C, "gen_ai.response.text": "[Filtered]"}, None),
    ("lmnr llm", {"lmnr.span.type": "LLM", "lmnr.span.output": J([{"role": "assistant", "content": T}])}, T),
    (
        "mirascope",
        {"mirascope.response.content": J([{"type": "thought", "thought": "hm"}, {"type": "text", "text": T}])},
        T,
    ),
    (
        "miras tool",
        {
            "mirascope.response.content": J(
                [{"type": "tool_call", "id": "c1", "name": "get_weather", "args": '{"city":"Paris"}'}]
            )
        },
        call(),
    ),
    # events attr
    (
        "ev google",
        {
            **C,
            "events": J(
                [
                    {"content": "q", "role": "user"},
                    {"index": 0, "finish_reason": "STOP", "message": {"role": "assistant", "content": [T]}},
                ]
            ),
        },
        T,
    ),
    (
        "ev google call",
        {
            **C,
            "events": J(
                [
                    {"content": "q", "role": "user"},
                    {
                        "index": 0,
                        "finish_reason": "STOP",
                        "message": {
                            "role": "assistant",
                            "content": [
                                {"function_call": {"id": "c1", "name": "get_weather", "args": {"city": "Paris"}}}
                            ],
                        },
                    },
                ]
            ),
        },
        call(),
    ),
    ("ev no output", {**C, "events": J([{"content": "q", "role": "user"}])}, None),
    ("ev app", {"events": J([{"message": {"role": "assistant", "content": T}}])}, None),
    (
        "ev text then call",
        {
            **C,
            "events": J(
                [
                    {"event.name": "gen_ai.user.message", "role": "user", "content": "q"},
                    {"event.name": "gen_ai.assistant.message", "role": "assistant", "content": "Hm."},
                    {
                        "event.name": "gen_ai.assistant.message",
                        "role": "assistant",
                        "tool_calls": [
                            {
                                "id": "c1",
                                "type": "function",
                                "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'},
                            }
                        ],
                    },
                ]
            ),
        },
        call(content="Hm."),
    ),
    (
        "adk",
        {
            "gcp.vertex.agent.llm_response": J(
                {"content": {"role": "model", "parts": [{"thought": True, "text": "hm"}, {"text": T}]}}
            )
        },
        T,
    ),
    ("adk off", {"gcp.vertex.agent.llm_response": "{}"}, None),
    (
        "langsmith audio",
        {
            "langsmith.span.kind": "llm",
            "gen_ai.completion": J(
                {"choices": [{"message": {"role": "assistant", "content": None, "audio": {"transcript": T}}}]}
            ),
        },
        T,
    ),
    ("langsmith err", {"langsmith.span.kind": "llm", "gen_ai.completion": J({"output": None})}, None),
    ("langsmith emb", {"langsmith.span.kind": "llm", "gen_ai.completion": J({"embedding": [0.1]})}, None),
    ("langsmith cut", {"langsmith.span.kind": "llm", "gen_ai.completion": '{"choices": [{"message": {"con'}, None),
    ("plain seq", {"gen_ai.completion": ("Paris.",)}, "Paris."),
    ("plain", {"gen_ai.completion": '{"a": 1'}, '{"a": 1'),
    ("Converse's blocks", {"gen_ai.completion": J([{"text": T}])}, T),
    (
        "Converse's blocks, a call",
        {
            "gen_ai.completion": J(
                [
                    {"text": "Hm."},
                    {"toolUse": {"toolUseId": "c1", "name": "get_weather", "input": {"city": "Paris"}}},
                ]
            )
        },
        call(content="Hm."),
    ),
    (
        "a list of texts that a model said",
        {"gen_ai.completion": J([{"text": "a"}, {"text": "b"}])},
        J([{"text": "a"}, {"text": "b"}]),
    ),
    (
        "a tool's, by what it executes",
        {"gen_ai.completion": J([{"text": "sunny"}]), "tool.name": "get_weather", "tool.id": "c1"},
        None,
    ),
    ("broadcast", {"gen_ai.completion": J({"completion": T, "reasoning": "hm", "toolCalls": []})}, T),
    ("broadcast JSON", {"gen_ai.completion": J({"completion": '{"a": 1}', "toolCalls": []})}, '{"a": 1}'),
    ("broadcast nothing", {"gen_ai.completion": J({"completion": "", "reasoning": None, "toolCalls": []})}, None),
    (
        "broadcast call",
        {
            "gen_ai.completion": J(
                {
                    "completion": "Hm.",
                    "toolCalls": [{"id": "c1", "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'}}],
                }
            )
        },
        call(content="Hm."),
    ),
    ("completion, response", {"gen_ai.completion": J({"choices": [{"message": {"content": T}}]})}, T),
    (
        "completion, Anthropic's response",
        {
            "gen_ai.completion": J(
                {"type": "message", "role": "assistant", "content": [{"type": "text", "text": T}], "usage": {}}
            )
        },
        T,
    ),
    ("completion, messages", {"gen_ai.completion": J([{"role": "assistant", "content": T}])}, T),
    ("completion, like one", {"gen_ai.completion": '{"completion": 0.5}'}, '{"completion": 0.5}'),
    ("lk", {"lk.response.text": T}, T),
    (
        "lk calls",
        {"lk.response.function_calls": J([{"name": "get_weather", "arguments": '{"city":"Paris"}', "call_id": "c1"}])},
        call(),
    ),
    (
        "lk calls seq",
        {"lk.response.function_calls": (J({"name": "get_weather", "arguments": '{"city":"Paris"}', "call_id": "c1"}),)},
        call(),
    ),
]


@pytest.mark.parametrize(("attributes", "said"), [pytest.param(*case[1:], id=case[0]) for case in ATTRIBUTES])
def test_attributes(attributes, said):
    completion = read_completion(attributes)

    assert (completion and completion.render()) == said


EVENTS = [
    (
        "azure",
        [("gen_ai.choice", {"gen_ai.event.content": J({"message": {"content": T}, "finish_reason": "stop"})})],
        T,
    ),
    (
        "lk event",
        [
            (
                "gen_ai.choice",
                {
                    "role": "assistant",
                    "tool_calls": (
                        J(
                            {
                                "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'},
                                "id": "c1",
                                "type": "function",
                            }
                        ),
                    ),
                },
            )
        ],
        call(),
    ),
    (
        "lk event both",
        [
            (
                "gen_ai.choice",
                {
                    "role": "assistant",
                    "content": "Hm.",
                    "tool_calls": (
                        J(
                            {
                                "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'},
                                "id": "c1",
                                "type": "function",
                            }
                        ),
                    ),
                },
            )
        ],
        call(content="Hm."),
    ),
    (
        "logfire inplace",
        [("gen_ai.choice", {"event_body": J({"index": 0, "message": {"role": "assistant", "content": [T]}})})],
        T,
    ),
    ("monocle", [("data.output", {"response": J({"assistant": T})})], T),
    ("monocle list", [("data.output", {"response": (J({"assistant": T}),)})], T),
    ("monocle returned", [("data.output", {"response": J({"result": T})})], T),
    ("monocle returned data", [("data.output", {"response": J({"result": {"city": "x"}})})], '{"city":"x"}'),
    ("monocle plain", [("data.output", {"response": T})], T),
    ("monocle err", [("data.output", {"error_code": "x", "response": ""})], None),
    ("strands", [("gen_ai.choice", {"message": J([{"text": T}]), "finish_reason": "end_turn"})], T),
    (
        "strands reasoning",
        [("gen_ai.choice", {"message": J([{"reasoningContent": {"reasoningText": {"text": "hm"}}}, {"text": T}])})],
        T,
    ),
    ("details", [("gen_ai.client.inference.operation.details", {O: parts(t())})], T),
    (
        "content completion",
        [("gen_ai.content.completion", {"gen_ai.completion": J([{"role": "assistant", "content": T}])})],
        T,
    ),
    ("choice off", [("gen_ai.choice", {"finish_reason": "stop", "index": 0})], None),
    (
        "an image as content",
        [
            (
                "gen_ai.content.completion",
                {
                    "gen_ai.completion": J(
                        [{"role": "assistant", "content": {"url": "http://x", "revised_prompt": "p"}}]
                    )
                },
            )
        ],
        None,
    ),
    (
        "a call as content",
        [
            (
                "gen_ai.content.completion",
                {
                    "gen_ai.completion": J(
                        [{"role": "assistant", "content": {"name": "get_weather", "arguments": '{"city":"Paris"}'}}]
                    )
                },
            )
        ],
        call(id=None),
    ),
    (
        "named after the event",
        [("gen_ai.completion", {"gen_ai.completion.index": 0, "gen_ai.completion.content": T})],
        T,
    ),
    ("named after choice", [("gen_ai.choice", {"gen_ai.choice.role": "assistant", "gen_ai.choice.content": T})], T),
    ("named after both", [("gen_ai.choice", {"gen_ai.choice.message.content": T})], T),
    ("named after event off", [("gen_ai.completion", {"gen_ai.completion.index": 0})], None),
    (
        "named after the choice's place",
        [("gen_ai.assistant.message", {"choices.0.index": 0, "choices.0.message.content": T, "model": "m"})],
        T,
    ),
    ("event data", [("gen_ai.choice", {"event.data": J({"index": 0, "message": {"content": T}})})], T),
    (
        "voice, spoken",
        [("gen_ai.output.messages", {"gen_ai.event.content": J({"messages": [{"transcript": T}]})})],
        T,
    ),
    ("voice, written", [("gen_ai.output.messages", {"gen_ai.event.content": J({"messages": [{"text": T}]})})], T),
    ("voice, one part", [("gen_ai.output.messages", {"gen_ai.event.content": J({"text": T})})], T),
]


@pytest.mark.parametrize(("events", "said"), [pytest.param(*case[1:], id=case[0]) for case in EVENTS])
def test_events(events, said):
    completion = read_completion({}, [SpanEvent(*event) for event in events])

    assert (completion and completion.render()) == said


GENERIC = [
    (
        "autogen, agents that talk to each other",
        {
            "output.value": J(
                [
                    {"source": "user", "content": "?", "type": "TextMessage"},
                    {"source": "alice", "content": "Over to bob.", "type": "HandoffMessage"},
                    {"source": "bob", "content": T, "type": "TextMessage"},
                ]
            ),
            "openinference.span.kind": "AGENT",
        },
        T,
    ),
    (
        "haystack, a prompt",
        {
            "output.value": J(
                {"prompt": ["ChatMessage(_role=<ChatRole.USER: 'user'>, _content=[TextContent(text='?')])"]}
            ),
            "openinference.span.kind": "CHAIN",
        },
        None,
    ),
    (
        "langfuse, a generation",
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.output": J({"a": None, "id": "x", "type": "image_generation_call"}),
        },
        None,
    ),
    ("lw span", {"langwatch.span.type": "span", "langwatch.output": J({"type": "text", "value": T})}, T),
    ("lmnr", {"lmnr.span.output": J(T)}, T),
    ("agentops", {"agentops.entity.output": T}, T),
    ("logfire return", {"logfire.msg_template": "Calling x", "return": T}, T),
    ("app return", {"return": T}, None),
    ("mirascope", {"mirascope.trace.output": T}, T),
    ("mlflow agent", {"mlflow.spanType": '"AGENT"', "mlflow.spanOutputs": J(T)}, T),
    ("pf fn", {"span_type": "Function", "output": J(T)}, T),
    ("genkit flow", {"genkit:metadata:subtype": "flow", "genkit:output": J(T)}, T),
    ("result", {"traceloop.entity.output": J({"result": T})}, T),
    ("sagemaker", {"traceloop.entity.output": J({"outputs": [{"generated_text": T}]})}, T),
    ("task output", {"gen_ai.task.output": J({"outputs": T})}, T),
    (
        "repr agent",
        {
            "output.value": "AgentOutput(response=ChatMessage(role=<MessageRole.ASSISTANT: 'assistant'>, additional_kwargs={}, blocks=[TextBlock(block_type='text', text='"
            + T
            + "')]), structured_response=None)",
            "openinference.span.kind": "CHAIN",
        },
        T,
    ),
    ("stopevent", {"output.value": "StopEvent(result='" + T + "')", "openinference.span.kind": "CHAIN"}, T),
    (
        "docs",
        {"output.value": "[Document(id='1', page_content='x', metadata={})]", "openinference.span.kind": "CHAIN"},
        None,
    ),
    ("cut", {"traceloop.entity.output": '{"outputs": "The cap'}, None),
    ("pyrepr dict", {"agentops.task.output": "{'answer': '" + T + "'}"}, T),
    (
        "haystack repr",
        {
            "traceloop.entity.output": J(
                {
                    "llm": {
                        "replies": [
                            "ChatMessage(_role=<ChatRole.ASSISTANT: 'assistant'>, _content=[TextContent(text='"
                            + T
                            + "')], _name=None)"
                        ]
                    }
                }
            )
        },
        T,
    ),
    (
        "autogen",
        {
            "output.value": J(
                {
                    "messages": [
                        {"source": "user", "content": "q", "type": "TextMessage"},
                        {"source": "bob", "content": T, "type": "TextMessage"},
                    ],
                    "stop_reason": "x",
                }
            ),
            "openinference.span.kind": "AGENT",
        },
        T,
    ),
]


@pytest.mark.parametrize(("attributes", "said"), [pytest.param(*case[1:], id=case[0]) for case in GENERIC])
def test_generic_outputs(attributes, said):
    excerpt = generic_excerpt(attributes)
    output = None if excerpt is None else read_generic_output(excerpt)

    assert (output and output.render()) == said
    assert read_completion(attributes) is None


RECORDS = [
    (
        "google, a call as the str of an object",
        (
            "gen_ai.choice",
            {
                "message": {
                    "role": "model",
                    "content": [{"function_call": "id=None args={'city': 'Paris'} name='get_weather'"}],
                }
            },
            {},
        ),
        call(id=None),
    ),
    (
        "groq, calls as the str of objects",
        (
            "gen_ai.choice",
            {
                "message": {
                    "content": None,
                    "tool_calls": [
                        "id='c1' function=Function(arguments='{\"city\":\"Paris\"}', name='get_weather') type='function'"
                    ],
                }
            },
            {},
        ),
        call(),
    ),
    ("choice", ("gen_ai.choice", {"index": 0, "message": {"role": "assistant", "content": T}}, {}), T),
    (
        "adk",
        (
            "gen_ai.choice",
            {"content": {"role": "model", "parts": [{"text": T}]}, "index": 0, "finish_reason": "STOP"},
            {},
        ),
        T,
    ),
    (
        "adk pieces",
        (
            "gen_ai.choice",
            {
                "content": {
                    "role": "model",
                    "parts": [{"text": "The capital "}, {"text": "of France is Paris."}, {"text": T}],
                }
            },
            {},
        ),
        T,
    ),
    ("off", ("gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": {}}, {}), None),
    ("elided", ("gen_ai.choice", {"content": "<elided>", "index": 0}, {}), None),
    (
        "sdk obj",
        (
            "gen_ai.choice",
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "tool_calls": [
                        "ChatCompletionMessageToolCall(id='c1', function=Function(arguments='{\"city\":\"Paris\"}', name='get_weather'), type='function')"
                    ],
                },
            },
            {},
        ),
        call(),
    ),
    (
        "beside",
        (
            "gen_ai.choice",
            {
                "index": 0,
                "message": {"content": None, "role": "assistant"},
                "finish_reason": "tool_calls",
                "tool_calls": [
                    {
                        "id": "c1",
                        "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'},
                        "type": "function",
                    }
                ],
            },
            {},
        ),
        call(),
    ),
]


@pytest.mark.parametrize(("record", "said"), [pytest.param(*case[1:], id=case[0]) for case in RECORDS])
def test_records(record, said):
    completion = read_record(*record)

    assert (completion and completion.render()) == said


BLOCKS = {
    "thinking and text": (["hm", T], T),
    "text and text, while streaming": (
        [{"type": "text", "content": "The "}, {"type": "text", "content": "end"}],
        "The end",
    ),
    "thinking, while streaming": ([{"type": "thinking", "content": "hm"}, {"type": "text", "content": T}], T),
}


@pytest.mark.parametrize(("contents", "said"), BLOCKS.values(), ids=BLOCKS)
def test_a_record_for_each_block_of_a_turn(contents, said):
    records = [
        read_record("gen_ai.choice", {"index": n, "message": {"content": content}}, {"gen_ai.system": "anthropic"})
        for n, content in enumerate(contents)
    ]
    first, *more = [record for record in records if record is not None]
    for record in more:
        first = first.joined(record)

    assert first.render() == said


def test_choices_of_other_providers_stay_apart():
    first, second = (
        read_record("gen_ai.choice", {"index": n, "message": {"content": str(n)}}, {"gen_ai.system": "openai"})
        for n in range(2)
    )

    assert [message["content"] for message in json.loads(first.joined(second).render())] == ["0", "1"]
