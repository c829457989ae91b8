"""Where requests come in over gRPC, and what is answered."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from ..otlp import JSON
from .receiving import answer_to
from .settings import Address

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from .receiving import Intake
    from .settings import RelaySettings


def make_grpc_server(intake: Intake, settings: RelaySettings) -> tuple[Any, Address]:
    """Make the server that takes OTLP over gRPC; return it with the address that it has.

    Raises:
        OSError: The address cannot be had.
    """
    import grpc  # type: ignore[import-untyped,unused-ignore]

    server = grpc.aio.server(options=[("grpc.max_receive_message_length", settings.max_request_bytes)])
    server.add_generic_rpc_handlers(
        tuple(
            grpc.method_handlers_generic_handler(
                f"opentelemetry.proto.collector.{package}.v1.{service}",
                {"Export": grpc.unary_unary_rpc_method_handler(_grpc_handler(intake, signal_name))},
            )
            for package, service, signal_name in (("trace", "TraceService", "traces"), ("logs", "LogsService", "logs"))
        )
    )
    wanted = settings.grpc or Address("127.0.0.1", 0)
    try:
        if settings.certificate is not None and settings.private_key is not None:
            pair = settings.private_key.read_bytes(), settings.certificate.read_bytes()
            port = server.add_secure_port(str(wanted), grpc.ssl_server_credentials([pair]))
        else:
            port = server.add_insecure_port(str(wanted))
    except RuntimeError as error:  # grpc's way to say it
        raise OSError(f"{wanted} cannot be had") from error
    return server, Address(wanted.host, port)


def _grpc_handler(intake: Intake, signal_name: str) -> Callable[[bytes, Any], Awaitable[bytes]]:
    async def export(body: bytes, context: Any) -> bytes:
        headers = {str(key): str(value) for key, value in context.invocation_metadata() or ()}
        try:
            # What has been begun is finished, whether or not the sender still waits for it.
            await asyncio.shield(_take_in_room(intake, signal_name, body, headers))
        except Exception as error:  # noqa: BLE001 (each has its answer)
            await context.abort(*_grpc_status(error))
        return b""

    return export


async def _take_in_room(intake: Intake, signal_name: str, body: bytes, headers: Mapping[str, str]) -> None:
    with intake.room() as take_room:
        take_room(len(body))
        await intake.take(signal_name, body, headers, "grpc")


def _grpc_status(error: Exception) -> tuple[Any, str]:
    import grpc

    answer = answer_to(error, JSON)
    codes = {
        400: grpc.StatusCode.INVALID_ARGUMENT,
        401: grpc.StatusCode.UNAUTHENTICATED,
        403: grpc.StatusCode.PERMISSION_DENIED,
        404: grpc.StatusCode.NOT_FOUND,
        413: grpc.StatusCode.INVALID_ARGUMENT,
        500: grpc.StatusCode.INTERNAL,
        503: grpc.StatusCode.UNAVAILABLE,
    }
    return codes.get(answer.status, grpc.StatusCode.INVALID_ARGUMENT), json.loads(answer.body).get("message", "")
