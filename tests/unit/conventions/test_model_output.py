"""What a model's call put out, in the shapes of providers and of Braintrust's and others' SDKs, and what is no answer."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from braintrust_run_output.conventions import from_model_output
from braintrust_run_output.conventions._unwrap import unwrap
from emitted import T, call

FILE = {"type": "braintrust_attachment", "filename": "a.png", "content_type": "image/png", "key": "k"}
SPOKEN = {"id": "i", "type": "message", "role": "assistant", "content": [{"type": "audio", "transcript": T}]}

SHAPES = [
    (
        "openai",
        {
            "choices": [{"index": 0, "message": {"role": "assistant", "content": T}, "finish_reason": "stop"}],
            "usage": {},
        },
        T,
    ),
    ("openai list", [{"index": 0, "message": {"role": "assistant", "content": T}, "finish_reason": "stop"}], T),
    (
        "openai n2",
        [
            {"index": 0, "message": {"role": "assistant", "content": "a"}},
            {"index": 1, "message": {"role": "assistant", "content": "b"}},
        ],
        '[{"role":"assistant","content":"a"},{"role":"assistant","content":"b"}]',
    ),
    ("openai refusal", {"choices": [{"message": {"role": "assistant", "content": None, "refusal": "No."}}]}, "No."),
    ("legacy", {"choices": [{"text": T, "index": 0}]}, T),
    (
        "openai empty",
        {"choices": [{"message": {"role": "assistant", "content": ""}, "finish_reason": "content_filter"}]},
        None,
    ),
    (
        "openai audio",
        {
            "choices": [
                {
                    "message": {
                        "role": "assistant",
                        "content": None,
                        "audio": {"id": "a", "data": "UklG", "transcript": T},
                    }
                }
            ]
        },
        T,
    ),
    (
        "responses",
        {
            "id": "r",
            "output": [
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
                {
                    "type": "message",
                    "role": "assistant",
                    "content": [{"type": "output_text", "text": T, "annotations": []}],
                },
            ],
        },
        T,
    ),
    (
        "responses refusal",
        {"output": [{"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}]},
        "No.",
    ),
    (
        "responses mcp",
        {
            "output": [
                {"type": "mcp_list_tools", "tools": [{"name": "x"}], "server_label": "s"},
                {"type": "mcp_call", "id": "m", "name": "f", "arguments": "{}", "output": "42"},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": T}]},
            ]
        },
        T,
    ),
    (
        "responses mcp approval",
        {
            "output": [
                {"type": "mcp_list_tools", "tools": []},
                {"type": "mcp_approval_request", "id": "mcpr_1", "name": "f", "arguments": "{}", "server_label": "s"},
            ]
        },
        call("f", "{}", "mcpr_1"),
    ),
    (
        "responses web",
        {
            "output": [
                {
                    "type": "web_search_call",
                    "id": "ws",
                    "status": "completed",
                    "action": {"type": "search", "query": "q"},
                },
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": T}]},
            ]
        },
        T,
    ),
    (
        "responses preamble web",
        {
            "output": [
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look."}]},
                {"type": "web_search_call", "id": "ws", "status": "completed"},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": T}]},
            ]
        },
        T,
    ),
    ("responses image", {"output": [{"type": "image_generation_call", "id": "ig", "result": "iVBOR"}]}, None),
    (
        "responses image+text",
        {
            "output": [
                {"type": "image_generation_call", "id": "ig", "result": "iVBOR"},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": T}]},
            ]
        },
        T,
    ),
    (
        "responses code",
        {
            "output": [
                {"type": "code_interpreter_call", "id": "ci", "code": "1+1", "outputs": None},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": T}]},
            ]
        },
        T,
    ),
    (
        "responses computer",
        {
            "output": [
                {"type": "reasoning", "summary": []},
                {
                    "type": "computer_call",
                    "id": "cu",
                    "call_id": "call_cu",
                    "action": {"type": "click", "x": 1},
                    "pending_safety_checks": [],
                },
            ]
        },
        call("computer", '{"type":"click","x":1}', "call_cu"),
    ),
    (
        "responses shell",
        {
            "output": [
                {
                    "type": "local_shell_call",
                    "id": "l",
                    "call_id": "call_l",
                    "action": {"type": "exec", "command": ["ls"]},
                }
            ]
        },
        call("local_shell", '{"type":"exec","command":["ls"]}', "call_l"),
    ),
    (
        "responses custom",
        {"output": [{"type": "custom_tool_call", "id": "l", "call_id": "call_l", "name": "f", "input": "x = 1"}]},
        call("f", "x = 1", "call_l"),
    ),
    (
        "responses parallel",
        {
            "output": [
                {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
                {"type": "function_call", "call_id": "b", "name": "g", "arguments": "{}"},
            ]
        },
        '[{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"b","type":"function","function":{"name":"g","arguments":"{}"}}]}]',
    ),
    (
        "responses text+call",
        {
            "output": [
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hm."}]},
                {"type": "function_call", "call_id": "c1", "name": "get_weather", "arguments": '{"city":"Paris"}'},
            ]
        },
        call(content="Hm."),
    ),
    ("responses nothing", {"id": "r", "output": [], "status": "incomplete", "usage": {}}, None),
    (
        "anthropic",
        {
            "id": "m",
            "type": "message",
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": "hm", "signature": "x"}, {"type": "text", "text": T}],
            "stop_reason": "end_turn",
        },
        T,
    ),
    (
        "anthropic tool",
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "c1", "name": "get_weather", "input": {"city": "Paris"}}],
        },
        call(),
    ),
    (
        "anthropic web",
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "I look."},
                {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}},
                {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
                {"type": "text", "text": "The "},
                {"type": "text", "text": "end", "citations": []},
            ],
        },
        "The end",
    ),
    (
        "anthropic mcp",
        {
            "role": "assistant",
            "content": [
                {"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "f", "input": {}},
                {"type": "mcp_tool_result", "tool_use_id": "mcptoolu_1", "content": [{"type": "text", "text": "42"}]},
                {"type": "text", "text": T},
            ],
        },
        T,
    ),
    (
        "anthropic server pause",
        {
            "role": "assistant",
            "content": [{"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"q": 1}}],
            "stop_reason": "pause_turn",
        },
        call("web_search", '{"q":1}', "srvtoolu_1"),
    ),
    ("anthropic empty", {"role": "assistant", "content": [], "stop_reason": "end_turn"}, None),
    (
        "gemini",
        {
            "candidates": [
                {
                    "content": {"parts": [{"text": "hm", "thought": True}, {"text": T}], "role": "model"},
                    "finishReason": "STOP",
                }
            ]
        },
        T,
    ),
    (
        "openai's agents",
        [{"object": "response", "output": [{"type": "message", "content": [{"type": "output_text", "text": T}]}]}],
        T,
    ),
    ("structured results", {"results": [{"name": "A"}]}, '{"results":[{"name":"A"}]}'),
    (
        "langchain, a refusal",
        {"content": "", "type": "ai", "additional_kwargs": {"refusal": "No."}, "tool_calls": []},
        "No.",
    ),
    (
        "gemini, as a dump with nulls",
        {
            "candidates": [
                {
                    "content": {
                        "parts": [
                            {
                                "thought": None,
                                "code_execution_result": None,
                                "executable_code": None,
                                "function_call": None,
                                "function_response": None,
                                "text": T,
                            }
                        ],
                        "role": "model",
                    },
                    "finish_reason": "STOP",
                }
            ]
        },
        T,
    ),
    (
        "gemini call",
        {
            "candidates": [
                {
                    "content": {
                        "parts": [{"functionCall": {"name": "get_weather", "args": {"city": "Paris"}}}],
                        "role": "model",
                    }
                }
            ]
        },
        call(id=None),
    ),
    (
        "gemini code",
        {
            "candidates": [
                {
                    "content": {
                        "parts": [
                            {"text": "Let me."},
                            {"executableCode": {"language": "PYTHON", "code": "1"}},
                            {"codeExecutionResult": {"outcome": "OK", "output": "1"}},
                            {"text": T},
                        ],
                        "role": "model",
                    }
                }
            ]
        },
        T,
    ),
    ("gemini safety", {"candidates": [{"finishReason": "SAFETY", "index": 0}], "modelVersion": "g"}, None),
    (
        "gemini blocked",
        {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 1}, "modelVersion": "g"},
        None,
    ),
    (
        "gemini image",
        {
            "candidates": [
                {"content": {"parts": [{"inlineData": {"mimeType": "image/png", "data": "iVB"}}], "role": "model"}}
            ]
        },
        None,
    ),
    ("converse", {"output": {"message": {"role": "assistant", "content": [{"text": T}]}}, "stopReason": "end_turn"}, T),
    (
        "converse reasoning",
        {
            "output": {
                "message": {
                    "role": "assistant",
                    "content": [{"reasoningContent": {"reasoningText": {"text": "hm"}}}, {"text": T}],
                }
            }
        },
        T,
    ),
    ("titan", {"results": [{"outputText": T}]}, T),
    ("llama", {"generation": T, "stop_reason": "stop"}, T),
    ("cohere v1", {"text": T, "generation_id": "g", "chat_history": [{"role": "USER", "message": "q"}]}, T),
    (
        "cohere v2",
        {"message": {"role": "assistant", "content": [{"type": "text", "text": T}]}, "finish_reason": "COMPLETE"},
        T,
    ),
    ("ollama", {"model": "l", "message": {"role": "assistant", "content": T}, "done": True}, T),
    ("ollama generate", {"model": "l", "response": T, "done": True, "context": [1, 2]}, T),
    (
        "langchain",
        {
            "generations": [
                [
                    {
                        "text": T,
                        "type": "ChatGeneration",
                        "message": {
                            "lc": 1,
                            "type": "constructor",
                            "id": ["langchain", "schema", "messages", "AIMessage"],
                            "kwargs": {"content": T},
                        },
                    }
                ]
            ],
            "llm_output": {},
        },
        T,
    ),
    (
        "langchain msg",
        {"content": T, "type": "ai", "additional_kwargs": {}, "response_metadata": {}, "tool_calls": []},
        T,
    ),
    ("langchain audio", {"content": "", "type": "ai", "additional_kwargs": {"audio": {"transcript": T}}}, T),
    (
        "langchain call",
        {
            "content": "",
            "type": "ai",
            "tool_calls": [{"name": "get_weather", "args": {"city": "Paris"}, "id": "c1", "type": "tool_call"}],
            "additional_kwargs": {
                "tool_calls": [
                    {
                        "id": "c1",
                        "type": "function",
                        "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'},
                    }
                ]
            },
        },
        call(),
    ),
    (
        "llamaindex",
        {
            "message": {"role": "assistant", "additional_kwargs": {}, "blocks": [{"block_type": "text", "text": T}]},
            "raw": {"id": "x"},
            "delta": None,
        },
        T,
    ),
    (
        "llamaindex thinking",
        {
            "message": {
                "role": "assistant",
                "blocks": [{"block_type": "thinking", "content": "hm"}, {"block_type": "text", "text": T}],
            }
        },
        T,
    ),
    (
        "llamaindex call",
        {
            "message": {
                "role": "assistant",
                "blocks": [
                    {
                        "block_type": "tool_call",
                        "tool_call_id": "c1",
                        "tool_name": "get_weather",
                        "tool_kwargs": {"city": "Paris"},
                    }
                ],
            }
        },
        call(),
    ),
    (
        "pydantic",
        {
            "parts": [{"content": "hm", "part_kind": "thinking"}, {"content": T, "part_kind": "text"}],
            "usage": {"input_tokens": 1},
            "model_name": "m",
            "kind": "response",
        },
        T,
    ),
    (
        "pydantic call",
        {
            "parts": [
                {"tool_name": "get_weather", "args": '{"city":"Paris"}', "tool_call_id": "c1", "part_kind": "tool-call"}
            ],
            "kind": "response",
        },
        call(),
    ),
    (
        "pydantic structured",
        {
            "parts": [
                {
                    "tool_name": "final_result",
                    "args": '{"city": "Paris"}',
                    "tool_call_id": "c1",
                    "part_kind": "tool-call",
                }
            ],
            "kind": "response",
        },
        '{"city":"Paris"}',
    ),
    (
        "aisdk reasoning",
        {
            "content": [{"type": "reasoning", "text": "hm"}, {"type": "text", "text": T}],
            "finishReason": "stop",
            "usage": {},
            "response": {"id": "x"},
        },
        T,
    ),
    (
        "aisdk only meta",
        {
            "finishReason": {"raw": "stop", "unified": "stop"},
            "response": {"id": "x"},
            "usage": {"inputTokens": {"total": 1}},
        },
        None,
    ),
    (
        "aisdk v3 json",
        {
            "finishReason": "stop",
            "text": "",
            "toolCalls": [
                {"args": '{"city":"Paris"}', "toolCallType": "function", "toolName": "json", "type": "tool-call"}
            ],
        },
        '{"city":"Paris"}',
    ),
    (
        "strands structured",
        [{"type": "toolUse", "name": "strands_structured_output", "toolUseId": "c1", "input": {"city": "Paris"}}],
        '{"city":"Paris"}',
    ),
    (
        "aisdk provider executed",
        {
            "content": [
                {
                    "type": "tool-call",
                    "toolCallId": "w",
                    "toolName": "web_search",
                    "input": "{}",
                    "providerExecuted": True,
                },
                {"type": "tool-result", "toolCallId": "w", "toolName": "web_search", "result": {}},
                {"type": "text", "text": T},
            ]
        },
        T,
    ),
    (
        "flue",
        [
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm"},
                    {"type": "toolCall", "id": "c1", "name": "get_weather", "arguments": {"city": "Paris"}},
                ],
            }
        ],
        call(),
    ),
    ("output_text", {"output_text": T}, T),
    ("generated_text", {"generated_text": T}, T),
    ("generated list", [{"generated_text": T}], T),
    ("codex", {"message": T}, T),
    ("content", {"content": T}, T),
    ("output", {"output": T}, T),
    ("text", T, T),
    ("number", 42, "42"),
    ("embedding", {"embedding_length": 1536}, None),
    ("embedding2", {"embedding_count": 1, "embedding_length": 3072}, None),
    ("embedding3", {"embedding": [0.1, 0.2]}, None),
    (
        "embedding oai",
        {
            "object": "list",
            "data": [{"object": "embedding", "embedding": [0.1], "index": 0}],
            "model": "m",
            "usage": {},
        },
        None,
    ),
    ("embeddings", [[0.1, 0.2], [0.3, 0.4]], None),
    ("rerank", [{"index": 1, "relevance_score": 0.06}], None),
    ("rerank2", {"results": [{"index": 1, "relevance_score": 0.06}], "id": "x"}, None),
    ("rerank3", {"results": [{"index": 1, "relevance_score": 0.06, "document": {"text": "x"}}], "meta": {}}, None),
    ("moderation", {"categories": {"hate": False}, "flagged": False, "category_scores": {}}, None),
    ("moderation2", {"id": "modr", "model": "m", "results": [{"flagged": False, "categories": {}}]}, None),
    ("moderation3", {"flagged_count": 0, "result_count": 1}, None),
    ("moderation list", [{"flagged": False, "categories": {"hate": False}, "category_scores": {}}], None),
    ("count", {"count": 2}, None),
    ("count2", {"totalTokens": 12}, None),
    ("count3", {"input_tokens": 12}, None),
    ("class", [{"label": "POS", "score": 0.9}], None),
    ("class2", [[{"label": "POS", "score": 0.9}]], None),
    ("class3", {"labels": ["a"], "scores": [0.1], "sequence": "x"}, None),
    ("meta", {"id": "x", "model": "m", "usage": {"total_tokens": 1}, "object": "chat.completion"}, None),
    ("images", {"created": 1, "data": [{"b64_json": "x"}]}, None),
    ("images as text", json.dumps({"created": 1, "data": [{"b64_json": "x", "revised_prompt": "A cat."}]}), None),
    ("refused", {"error": {"message": "Slow down", "type": "rate_limit_error", "code": 429}}, None),
    ("refused, as text", json.dumps({"type": "error", "error": {"type": "overloaded", "message": "Wait"}}), None),
    ("an error that was said", '{"error": {"message": "No such city."}}', '{"error": {"message": "No such city."}}'),
    (
        "an error with more",
        '{"error": {"message": "x", "code": 1}, "a": 2}',
        '{"error": {"message": "x", "code": 1}, "a": 2}',
    ),
    ("spoken", {"type": "response.done", "response": {"output": [SPOKEN]}}, T),
    ("images2", {"data": [{"url": "http://x"}]}, None),
    ("speech", {"content": [{"type": "file", "file": {"filename": "a.mp3", "file_data": FILE}}]}, None),
    ("speech with timestamps", {"content": [{"type": "file", "file": {}}], "annotations": [{"start": 0.1}]}, None),
    ("speech in bytes", {"mime_type": "audio/mpeg", "audio_size_bytes": 3, "file": {"file_data": FILE}}, None),
    ("speech without bytes", {"type": "audio", "mime_type": "audio/mpeg"}, None),
    ("image as content", {"content": [{"type": "image_url", "image_url": {"url": FILE}}]}, None),
    (
        "images counted",
        {"created": 1, "size": "1x1", "images": [{"image_url": {"url": FILE}, "revised_prompt": "A cat."}]},
        None,
    ),
    ("images of Google", {"generated_images_count": 1, "generated_images": [{"mime_type": "image/png"}]}, None),
    ("images attached", {"images": [FILE], "warnings": [], "providerMetadata": {"p": {"text": "A cat."}}}, None),
    ("images in base64", {"images": ["iVBORw0KGgo"], "error": None}, None),
    ("artifacts", {"result": "success", "artifacts": [{"base64": "iVBORw0KGgo", "finishReason": "SUCCESS"}]}, None),
    ("transcription", {"content": [{"type": "text", "text": T}], "annotations": {"language": "en"}}, T),
    ("turn of a voice", {"status": "completed", "content": [{"type": "text", "text": T}, {"type": "file"}]}, T),
    (
        "turn of a voice that calls",
        {"status": "completed", "content": [], "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]},
        call("f", "{}", None),
    ),
    ("turn of a voice, cancelled", {"status": "cancelled", "content": []}, None),
    ("voice session", {"status": "closed", "completed_turns": 2, "interrupted_turns": 0}, None),
    ("video in the making", {"status": "queued", "content": [], "operation_id": "o1"}, None),
    ("translation", [{"translation_text": T}], T),
    ("summary", {"summary_text": T}, T),
    ("objects in an image", [{"label": "cat", "score": 0.9, "box": {"xmin": 1}}], None),
    (
        "call and its older name",
        [
            {
                "message": {
                    "role": "assistant",
                    "tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": "{}"}}],
                    "function_call": {"name": "f", "arguments": "{}"},
                },
                "finish_reason": "tool_calls",
            }
        ],
        call("f", "{}"),
    ),
    ("silence", {"content": [], "annotations": {"language": "en"}}, None),
    ("similarities", [0.91, 0.13], None),
    ("shape", {"shape": [1, 2, 384]}, None),
    ("bytes", {"byte_length": 10}, None),
    ("verdicts", [{"categories": {"hate": False}, "category_scores": {"hate": 0.1}}], None),
    ("classes", [{"toxicity": {"scores": {"toxic": 0.1}}}], None),
    ("probabilities", {"team": {"type": "choice", "choice": "a", "probabilities": {"a": 1}}}, None),
    ("reasoning beside", {"reasoning": "hm", "message": T}, T),
    ("reasoning alone", {"reasoning": "hm"}, None),
    ("no role", {"content": T, "role": None, "reasoning_content": "hm", "tool_calls": [], "metrics": {"n": 1}}, T),
    ("calls alone", [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}], call("f", "{}")),
    (
        "call of an entry",
        [
            {
                "object": "entry",
                "type": "function.call",
                "id": "f1",
                "tool_call_id": "c1",
                "name": "f",
                "arguments": "{}",
            }
        ],
        call("f", "{}"),
    ),
    (
        "blocks named so",
        {
            "role": "assistant",
            "content": [
                {"type": "reasoningBlock", "text": "hm"},
                {"type": "toolUseBlock", "name": "f", "toolUseId": "c1", "input": {}},
            ],
        },
        call("f", "{}"),
    ),
    (
        "interaction",
        {
            "object": "interaction",
            "steps": [{"type": "thought"}, {"type": "model_output", "content": [{"type": "text", "text": T}]}],
        },
        T,
    ),
    (
        "interaction with calls",
        {
            "object": "interaction",
            "steps": [
                {"type": "thought"},
                {"type": "model_output", "text": "Look."},
                {"type": "function_call", "id": "c1", "name": "f", "arguments": {}},
            ],
        },
        call("f", "{}", content="Look."),
    ),
    (
        "interaction's outputs",
        {"status": "completed", "outputs": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        "ab",
    ),
    ("interaction's thought", {"object": "interaction", "usage": {}, "steps": [{"type": "thought"}]}, None),
    ("interaction in progress", {"object": "interaction", "usage": {"n": 1}, "status": "in_progress"}, None),
    ("dspy with more", [{"text": f"[[ ## answer ## ]]\n{T}\n\n[[ ## completed ## ]]", "logprobs": None}], T),
    (
        "compacted",
        [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "q"}]},
            {"type": "compaction_summary"},
        ],
        None,
    ),
    ("structured", {"city": "Paris", "country": "France"}, '{"city":"Paris","country":"France"}'),
    ("structured label", {"label": "spam", "confidence": 0.9}, '{"label":"spam","confidence":0.9}'),
    ("empty", {}, None),
    ("none", None, None),
    ("[]", [], None),
    ("json text", '{"city": "Paris"}', '{"city": "Paris"}'),
    ("json list text", '["a", "b"]', '["a", "b"]'),
    ("json said choices", '{"choices": ["a","b"]}', '{"choices": ["a","b"]}'),
    ("json str resp", json.dumps({"choices": [{"message": {"role": "assistant", "content": T}}]}), T),
    ("cut", '{"role": "assistant", "content": "Par', None),
    ("bracket text", "[1] Paris is", "[1] Paris is"),
    ("quote text", '"Paris" it is', '"Paris" it is'),
    ("brace text", "{name} is here", "{name} is here"),
    ("latex", "\\[x\\]", "\\[x\\]"),
    ("mdlink", "[Paris](http://x) is", "[Paris](http://x) is"),
    (
        "repr",
        "ChatCompletion(id='x', choices=[Choice(finish_reason='stop', index=0, message=ChatCompletionMessage(content='The capital of France is Paris.', role='assistant', tool_calls=None))])",
        T,
    ),
    (
        "haystack repr",
        "ChatMessage(_role=<ChatRole.ASSISTANT: 'assistant'>, _content=[TextContent(text='The capital of France is Paris.')], _name=None, _meta={'model': 'm'})",
        T,
    ),
    ("repr unknown", "Foo(x=1)", None),
    ("repr of a generator as JSON", '"<generator object answer at 0x7f12>"', None),
    ("true", "true", "true"),
    ("null", "null", None),
    (
        "stream chunks repeat",
        [
            {"role": "assistant", "content": "The "},
            {"role": "assistant", "content": "cat"},
            {"role": "assistant", "content": "The cat"},
        ],
        "The cat",
    ),
]


@pytest.mark.parametrize(("output", "said"), [pytest.param(*case[1:], id=case[0]) for case in SHAPES])
def test_what_a_models_call_put_out(output, said):
    completion = from_model_output(output, "output")

    assert (completion and completion.render()) == said


@pytest.mark.parametrize(
    ("output", "said"),
    [pytest.param(*case[1:], id=case[0]) for case in SHAPES if isinstance(case[1], (dict, list))],
)
def test_the_same_as_json_text(output, said):
    completion = from_model_output(json.dumps(output), "output", may_be_said=False)

    assert (completion and completion.render()) == said


def chunk(**delta):
    return {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}


STREAMS = {
    "text": (
        [chunk(role="assistant", content=""), chunk(content="Par"), chunk(content="is."), {"choices": []}],
        "Paris.",
    ),
    "refusal": ([chunk(refusal="N"), chunk(refusal="o.")], "No."),
    "call": (
        [
            chunk(tool_calls=[{"index": 0, "id": "c1", "function": {"name": "get_weather", "arguments": ""}}]),
            chunk(tool_calls=[{"index": 0, "function": {"arguments": '{"city":'}}]),
            chunk(tool_calls=[{"index": 0, "function": {"arguments": '"Paris"}'}}]),
        ],
        call(),
    ),
    "nothing": ([chunk(role="assistant", content=None), {"choices": []}], None),
    "Responses API": (
        [
            {"type": "response.created", "response": {"output": []}},
            {"type": "response.output_text.delta", "delta": "Paris."},
            {
                "type": "response.completed",
                "response": {"output": [{"type": "message", "content": [{"type": "output_text", "text": "Paris."}]}]},
            },
        ],
        "Paris.",
    ),
}


@pytest.mark.parametrize(("pieces", "said"), STREAMS.values(), ids=STREAMS)
def test_the_pieces_of_a_stream_add_up(pieces, said):
    for completion in (
        from_model_output(pieces, "output"),
        unwrap(pieces, "output"),
        unwrap(json.dumps(pieces), "output"),
    ):
        assert (completion and completion.render()) == said


@pytest.mark.parametrize(
    "said",
    [
        '{"name": "Bob", "role": "developer"}',
        '[{"type": "phone_call", "to": "Bob"}]',
        '{"results": [{"name": "A"}]}',
        '{"outputs": []}',
        '{"choices": [{"a": 1}]}',
        '{"count": 2}',
        '{"label": "spam", "score": 0.9}',
        '{"city": "Paris"}',
        "[1, 2]",
    ],
)
def test_json_that_a_model_may_have_said_is_its_answer(said):
    assert from_model_output(said, "output").render() == said


@pytest.mark.parametrize(
    "output",
    ['{"embedding": [0.1]}', '{"flagged": true, "categories": {}}', '[{"index": 0, "relevance_score": 0.1}]', "[]"],
)
def test_json_that_no_model_would_say_is_none(output):
    assert from_model_output(output, "output") is None


texts = st.text(min_size=1).filter(
    lambda text: text.strip() and text[0] not in '{["<_*(RABCDEFGHIJKLMNOPQSTUVWXYZ' and text != "null"
)


@given(texts)
def test_any_plain_text_is_taken_verbatim(text):
    completion = from_model_output(text, "output")

    assert completion is None or completion.text == text or json.loads(text) is not None


@given(texts.filter(lambda text: not text[0].isdigit()), st.sampled_from(["stop", None]))
def test_any_text_comes_out_of_every_wrapper(text, reason):
    message = {"role": "assistant", "content": text}
    for output in (
        message,
        [message],
        {"choices": [{"message": message, "finish_reason": reason}]},
        {"output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}]},
        {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}}]},
        {"content": [{"type": "text", "text": text}], "finishReason": reason},
        {"message": {"role": "assistant", "blocks": [{"block_type": "text", "text": text}]}},
    ):
        assert from_model_output(json.dumps(output), "output").text == text


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=15,
)


@given(json_values, st.integers(0, 80))
def test_json_that_was_cut_gives_nothing(value, end):
    text = json.dumps({"role": "assistant", "content": value})

    assert from_model_output(text[: min(end, len(text) - 1)] if end > 10 else text[:10], "output") is None
