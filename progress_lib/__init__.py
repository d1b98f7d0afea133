"""What a program needs to report its progress, and the NATS link that all processes share."""

from progress_lib.progress import MalformedProgress, Progress, ProgressFunc, Row, Status
from progress_lib.reporter import ProgressReporter

__all__ = ["MalformedProgress", "Progress", "ProgressFunc", "ProgressReporter", "Row", "Status"]
