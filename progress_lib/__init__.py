"""What a program needs to report its progress, and the NATS link that all processes share."""

from progress_lib.node import Node
from progress_lib.progress import Fault, MalformedProgress, Progress, ProgressFunc, Row, Status
from progress_lib.reporting.default_reporter import default_reporter
from progress_lib.reporting.reporter import ProgressReporter
from progress_lib.tracking import track

__all__ = [
    "Fault",
    "MalformedProgress",
    "Node",
    "Progress",
    "ProgressFunc",
    "ProgressReporter",
    "Row",
    "Status",
    "default_reporter",
    "track",
]
