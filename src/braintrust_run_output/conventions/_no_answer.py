"""What is put out where a model's answer could stand, and is none.

Providers' SDKs call every request ``llm``: their embeddings, rankings, verdicts of moderation, classifications, counts,
images and speech are outputs of no model's turn, nor is the metadata of a response whose content was left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._chat import is_chat
from ._json import is_array, is_object, type_of
from ._reprs import is_repr

if TYPE_CHECKING:
    from ._json import Object

_NOT_SAID = frozenset({"documents", "page_content", "embedding", "embeddings", "nodes", "source_nodes"})
_BESIDE_WHAT_IS_NOT_SAID = _NOT_SAID | {"id", "type", "meta", "metadata", "model", "usage"}
"""Keys of retrieved documents and embeddings, where there is nothing else."""
_BESIDE_A_REQUEST = frozenset({"input", "prompt", "current_agent_name"})
_TOOL_RESULTS = frozenset({"raw_output", "tool_output"})
_MEDIA = frozenset({"format", "mediaType", "media_type", "mimeType", "mime_type"})
_BESIDE_MEDIA = _MEDIA | {"data", "type"}
"""Keys of speech and images as data, where there is nothing else."""
_SHORTEST_EMBEDDING = 8
_SHORTEST_NESTED_EMBEDDING = 1

_EMBEDDINGS = frozenset({"embedding", "embeddings", "embedding_length", "embedding_count", "embeddings_by_type"})
_RANKINGS = frozenset({"relevance_score", "relevanceScore"})
_MODERATIONS = frozenset({"flagged", "flagged_count", "category_scores", "categoryScores"})
_TELLING = _EMBEDDINGS | _RANKINGS | (_MODERATIONS - {"flagged"})
"""Keys of what is none, whatever stands beside them."""
_CLASSES = frozenset({"box", "label", "labels", "score", "scores", "sequence", "index"})
_LIKELIHOODS = frozenset({"scores", "probability", "probabilities"})
_IMAGES = frozenset({"b64_json", "url", "revised_prompt"})
_MEDIA_TYPES = frozenset({
    "audio", "braintrust_attachment", "external_attachment", "file", "image", "image_url", "inline_attachment", "video",
})  # fmt: skip
_OF_A_MEDIUM = frozenset({
    "b64_json", "base64", "file_data", "image", "imageBytes", "image_url", "mediaType", "mimeType", "mime_type",
    "video",
})  # fmt: skip
"""Keys of one image, video, sound or file."""
_MEDIA_LISTS = frozenset({
    "artifacts", "content", "generatedImages", "generatedVideos", "generated_images", "generated_videos", "images",
    "videos",
})  # fmt: skip
_LISTS = ("data", "results", "rankings", "output")
_COUNTS = frozenset({
    "count", "total", "tokens", "token_count", "tokenCount", "total_tokens", "totalTokens", "input_tokens",
    "inputTokens", "images_count", "result_count", "results_count", "cachedContentTokenCount", "billed_units",
    "total_billable_characters", "byte_length", "shape",
})  # fmt: skip
METADATA = frozenset({
    "annotations", "body", "citations", "completed_turns", "completion_tokens", "createTime", "created", "created_at",
    "custom", "finishReason", "finish_reason", "headers", "id", "inputTokens", "input_tokens", "interrupted_turns",
    "latency", "logprobs", "metadata", "metrics", "model", "modelId", "modelVersion", "model_id", "model_provider",
    "model_version", "object", "operation_id", "outputTokens", "output_tokens", "processing_status", "promptFeedback",
    "prompt_tokens", "provider", "providerMetadata", "rawFinishReason", "rawResponse", "raw_response", "references",
    "request", "request_counts", "response", "responseId", "response_id", "response_metadata", "response_usage",
    "sdkHttpResponse", "service_tier", "status", "stopReason", "stop_reason", "stop_sequence", "system_fingerprint",
    "timestamp", "totalUsage", "updated", "usage", "usageMetadata", "usage_metadata", "warnings",
})  # fmt: skip
REASONING = frozenset({"reasoning", "reasoningText", "reasoning_content", "thinking"})
"""Where the reasoning of an answer stands beside it."""
BESIDE_A_TEXT = METADATA | REASONING | {
    "files", "sources", "steps", "text", "toolCalls", "toolResults", "traceId", "runId", "tripwire",
}  # fmt: skip
"""What JavaScript's SDKs return beside the text of an answer."""
_RECORD = frozenset({"id", "object", "status", "type"})
"""What an object has that only says which it is, and how far."""
_TELLING_METADATA = frozenset({
    "annotations", "completed_turns", "finishReason", "finish_reason", "modelId", "modelVersion", "promptFeedback",
    "providerMetadata", "request_counts", "response", "responseId", "sdkHttpResponse", "stop_reason",
    "system_fingerprint", "usage", "usageMetadata", "usage_metadata",
})  # fmt: skip
"""What an answer of a model's own would hardly be called."""

_BESIDE_AN_ERROR = frozenset({"error", "request_id", "type"})
_OF_AN_ERROR = frozenset({"code", "param", "status", "type"})

_ASIDE = frozenset({
    "chattitle", "critic", "critique", "criticism", "evaluation", "evaluator", "feedback", "followupquestions",
    "followups", "grade", "grader", "judge", "judgement", "judgment", "keywords", "memories", "memory", "nextquestions",
    "rating", "relatedquestions", "score", "suggestedquestions", "suggestions", "tags", "title", "verdict",
})  # fmt: skip
"""How a state calls what was said about its answer, without what joins words."""
_JOINTS = str.maketrans("", "", "_- ")
_ANSWERS = (
    ("answer", "final_answer", "final", "final_output", "final_response"),
    ("output", "response", "result"),
    ("reply", "generation", "completion", "message"),
)
"""How a state calls its answer, the surest names first."""


def is_aside(name: str) -> bool:
    """Whether a state's name of something says that it was said about the answer: a title, a critique, a score."""
    return name.lower().translate(_JOINTS) in _ASIDE


def answer_name(state: Object) -> str | None:
    """Return the name of the text that a state calls its answer: the surest; None if there is none, or are several."""
    for alike in _ANSWERS:
        names = [name for name in alike if isinstance(state.get(name), (str, dict, list))]
        if names:
            return names[0] if len(names) == 1 and isinstance(state[names[0]], str) else None
    return None


def is_no_answer(value: object, *, may_be_said: bool = False) -> bool:
    """Whether what a model's call put out is none of its answers.

    Args:
        value: The parsed JSON.
        may_be_said: Whether it may as well be what the model said, asked for JSON: then a count, or a class with its
            score, is an answer.
    """
    if is_not_said(value):
        return True
    if is_array(value):
        nested = value[0] if len(value) == 1 and is_array(value[0]) else value
        return (not may_be_said and _is_vector(nested, 1)) or _is_list_of_ratings(nested, may_be_said=may_be_said)
    if not is_object(value):
        return False
    given = {key: item for key, item in value.items() if item not in (None, "", [], {}, ())}
    if not may_be_said and (not given or _is_unsaid(given)):
        return True
    return (
        not given.keys().isdisjoint(_TELLING)
        or ("flagged" in value and "categories" in value)
        or _is_metadata(given)
        or (value.get("content") == [] and given.keys() <= METADATA)
        or _is_error(given)
        or any(
            is_array(items := given.get(key)) and _is_list_of_ratings(items, may_be_said=may_be_said) for key in _LISTS
        )
    )


def _is_error(given: Object) -> bool:
    """Whether an object is the body with which a provider refuses a request."""
    error = given.get("error")
    if not is_object(error) or not given.keys() <= _BESIDE_AN_ERROR:
        return False
    return isinstance(error.get("message"), str) and not error.keys().isdisjoint(_OF_AN_ERROR)


def holds_no_words(value: object) -> bool:
    """Whether what a function put out is an embedding, a ranking, media, a status or other metadata, and no words."""
    if is_no_answer(value, may_be_said=True):
        return True
    return is_object(value) and (_is_media(value) or value.keys() <= _RECORD)


def is_not_said(value: object) -> bool:
    """Whether a value, or each item of it, is of a kind that no model can have said, whatever put it out."""
    if not is_array(value):
        return _is_thing(value)
    return bool(value) and (_is_vector(value, _SHORTEST_EMBEDDING) or all(_is_thing(item) for item in value))


def _is_thing(value: object) -> bool:
    if isinstance(value, str):
        return is_repr(value)
    if is_array(value):
        return _is_vector(value, _SHORTEST_NESTED_EMBEDDING)
    if not is_object(value):
        return False
    if value.get("lc") and is_object(kwargs := value.get("kwargs")):  # a LangChain object other than a message
        return "content" not in kwargs
    is_schema = type_of(value) == "object" and is_object(value.get("properties"))
    # What a LlamaIndex retriever or splitter finds.
    is_node = (
        ("score" in value and is_object(value.get("node")))
        or str(value.get("class_name")).endswith("Node")
        or ("node_id" in value and "text" in value)
    )
    is_document = not _NOT_SAID.isdisjoint(value) and value.keys() <= _BESIDE_WHAT_IS_NOT_SAID
    is_media = "data" in value and not _MEDIA.isdisjoint(value) and value.keys() <= _BESIDE_MEDIA
    is_tool_result = not _TOOL_RESULTS.isdisjoint(value) and "tool_name" in value
    return is_schema or is_node or is_document or is_media or is_tool_result or _is_request(value)


def _is_request(value: Object) -> bool:
    """Whether an object holds what is asked, and nothing that is said (LlamaIndex's events, Haystack's prompts)."""
    asked = value.get("input", value.get("prompt"))
    if not is_array(asked) or not asked or not value.keys() <= _BESIDE_A_REQUEST:
        return False
    return is_chat(asked) or all(isinstance(item, str) and is_repr(item) for item in asked)


def _is_vector(value: list[object] | tuple[object, ...], shortest: int) -> bool:
    return len(value) >= shortest and all(isinstance(item, float) for item in value)


def _is_list_of_ratings(items: list[object] | tuple[object, ...], *, may_be_said: bool = False) -> bool:
    return bool(items) and all(
        is_object(item)
        and (
            not _RANKINGS.isdisjoint(item)
            or (not may_be_said and bool(item) and _is_unsaid(item))
            or not _MODERATIONS.isdisjoint(item)
            or "embedding" in item
            or "b64_json" in item
            or (not may_be_said and not _IMAGES.isdisjoint(item) and item.keys() <= _IMAGES | {"type", "index"})
        )
        for item in items
    )


def _is_unsaid(given: Object) -> bool:
    """Whether an object that is no JSON of a model's own is none of its answers."""
    return (
        _is_counts(given)
        or _is_class(given)
        or all(is_object(item) and not _LIKELIHOODS.isdisjoint(item) for item in given.values())
        or (given.keys() <= METADATA | REASONING and not REASONING.isdisjoint(given))
        or _is_media(given)
    )


def _is_media(given: Object) -> bool:
    """Whether an object holds images, sound, video or files, and no words."""
    if any(isinstance(item, str) and " " in item for item in given.values()):
        return False
    return (
        type_of(given) in _MEDIA_TYPES
        or "mime_type" in given
        or any(is_array(items := given.get(key)) and items and all(map(_is_medium, items)) for key in _MEDIA_LISTS)
    )


def _is_medium(item: object) -> bool:
    if not is_object(item):
        return isinstance(item, str) and " " not in item
    return "text" not in item and (type_of(item) in _MEDIA_TYPES or not _OF_A_MEDIUM.isdisjoint(item))


def _is_class(item: Object) -> bool:
    """Whether an object is a class with its score."""
    return len(item) > 1 and ("score" in item or "scores" in item) and item.keys() <= _CLASSES


def _is_counts(given: Object) -> bool:
    return given.keys() <= _COUNTS and all(
        isinstance(number, int) and not isinstance(number, bool)
        for item in given.values()
        for number in (item if is_array(item) else (item,))
    )


def _is_metadata(given: Object) -> bool:
    if not given.keys() <= METADATA:
        return False
    return any(
        not isinstance(given[key], str) or key.lower().replace("_", "").endswith(("reason", "id", "version"))
        for key in _TELLING_METADATA & given.keys()
    )
