"""Telemetry: structured logs without secrets or personal data, metrics, and the correlation id."""

from __future__ import annotations

import json
import logging
import re
import sys
from contextvars import ContextVar
from datetime import UTC, datetime

from prometheus_client import Counter, Histogram

from kernel.cards import BLOT, blot

correlation_id: ContextVar[str] = ContextVar("correlation_id", default="-")

REQUESTS = Counter("momiji_http_requests_total", "HTTP answers", ["service", "route", "method", "status"])
REQUEST_SECONDS = Histogram(
    "momiji_http_request_seconds",
    "Time to answer",
    ["service", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)

_STANDARD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {
    "message",
    "asctime",
    "taskName",
    "color_message",
}
_SECRET_NAMES = re.compile(
    r"key|secret|token|password|authorization|cookie|signature|email|phone|name_kana|account", re.IGNORECASE
)
_CARD_LIKE = re.compile(r"(?<![\d-])(?:\d[ -]?){12,18}\d(?![\d-])")


# What providers' and our own secrets begin with; an exception's text may repeat one.
_SECRET_LIKE = re.compile(r"\b(?:(?:sk|rk)_(?:live|test)_|whsec_|mm[ks]_)\w+|\bBearer [\w.~+/=-]+", re.ASCII)


def redact(text: str) -> str:
    """Blank out anything that looks like a card number or a secret, whatever field it came in."""
    return _SECRET_LIKE.sub(BLOT, _CARD_LIKE.sub(BLOT, blot(text)))


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, service, logger, message, correlation id, extra fields."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Format one record; fields with telling names are blanked, card-like digits everywhere."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "service": self._service,
            "logger": record.name,
            "message": redact(record.getMessage()),
            "correlation_id": correlation_id.get(),
        }
        for name, value in vars(record).items():
            if name not in _STANDARD and name not in line:
                line[name] = BLOT if _SECRET_NAMES.search(name) else redact(str(value))
        if record.exc_info:
            line["exception"] = redact(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


def set_up_logging(service: str, level: str) -> None:
    """Send every log record of this process to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("httpx", "httpcore", "stripe", "kafka", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
