"""Why a WebSocket ends. The range tells the browser: 4000–4499 come back, 4500–4999 do not."""

from enum import IntEnum


class CloseCode(IntEnum):
    """The one catalogue of close codes; docs/protocol.md shows it to strangers."""

    NORMAL = 1000
    PROTOCOL_ERROR = 1002
    UNSUPPORTED = 1003
    INVALID_TEXT = 1007
    MESSAGE_TOO_BIG = 1009
    SERVER_ERROR = 1011
    SERVER_STOPPING = 4001
    TOO_SLOW = 4002
    PONG_MISSING = 4003
    TOKEN_EXPIRED = 4501
    TOO_MANY_MESSAGES = 4502


REASONS = {
    CloseCode.NORMAL: "",
    CloseCode.PROTOCOL_ERROR: "protocol error",
    CloseCode.UNSUPPORTED: "only text messages are understood",
    CloseCode.INVALID_TEXT: "text is not UTF-8",
    CloseCode.MESSAGE_TOO_BIG: "message over 4096 bytes",
    CloseCode.SERVER_ERROR: "server error",
    CloseCode.SERVER_STOPPING: "server stopping",
    CloseCode.TOO_SLOW: "too slow: the send buffer is full",
    CloseCode.PONG_MISSING: "no answer to a ping",
    CloseCode.TOKEN_EXPIRED: "token expired",
    CloseCode.TOO_MANY_MESSAGES: "too many messages",
}
