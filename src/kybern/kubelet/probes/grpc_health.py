"""The gRPC health check of a probe: `grpc.health.v1.Health/Check`, whose two messages have one field each.

Source: https://github.com/grpc/grpc/blob/master/doc/health-checking.md
"""

from typing import Any, Final

import grpc.aio

METHOD: Final = "/grpc.health.v1.Health/Check"
SERVING: Final = 1
SERVICE_TAG, STATUS_TAG = b"\x0a", 0x08
"""Field 1 as a string, and as a varint."""
SERVICE_LIMIT = 127
"""Bytes of a service's name: its length then fits into one byte."""
STATUS_NAMES: Final = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}


class NotServing(Exception):
    """The service answered that it does not serve, or did not answer; the text is for a person."""


async def check_health(host: str, port: int, service: str, timeout_seconds: float) -> None:
    """Ask once. Raises NotServing."""
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    async with grpc.aio.insecure_channel(target, options=[("grpc.enable_http_proxy", 0)]) as channel:
        call: Any = channel.unary_unary(METHOD, request_serializer=encode_request, response_deserializer=decode_status)
        try:
            status = await call(service, timeout=timeout_seconds)
        except grpc.aio.AioRpcError as error:
            code = error.code().name
            if code == "DEADLINE_EXCEEDED":
                text = f"timeout: health rpc did not complete within {timeout_seconds}s"
            elif code == "UNIMPLEMENTED":
                text = "this server does not implement the grpc health protocol (grpc.health.v1.Health)"
            else:
                text = f"health rpc probe failed: {error.details()}"
            raise NotServing(text) from error
    if status != SERVING:
        raise NotServing(f'service unhealthy (responded with "{STATUS_NAMES.get(status, status)}")')


def encode_request(service: str) -> bytes:
    """A `HealthCheckRequest`. Raises NotServing for a name that no service has."""
    name = service.encode()
    if len(name) > SERVICE_LIMIT:
        raise NotServing(f"the service's name is longer than {SERVICE_LIMIT} bytes")
    return SERVICE_TAG + bytes([len(name)]) + name if name else b""


def decode_status(data: bytes) -> int:
    """The status of a `HealthCheckResponse`; an absent field is 0."""
    return data[1] if len(data) >= 2 and data[0] == STATUS_TAG else 0
