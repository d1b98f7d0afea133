"""A progress message cut to the bytes that a server takes. Pure."""

from progress_lib.progress import MalformedProgress, Progress


def fitted(progress: Progress, most: int) -> bytes:
    """The payload in at most `most` bytes: its message is cut first, then what is optional goes, then the name is cut.

    Raises MalformedProgress where none fits.
    """
    while len(payload := progress.to_json()) > most:
        progress = _smaller(progress, most)
    return payload


def _smaller(progress: Progress, most: int) -> Progress:
    if progress.message:
        return progress.replace(message=_half(progress.message))
    if progress.row is not None or progress.ports is not None or progress.fault is not None:
        return progress.replace(row=None, ports=None, fault=None)
    if progress.node_name:
        return progress.replace(node_name=_half(progress.node_name))
    raise MalformedProgress(f"the server takes messages of {most} bytes")


def _half(text: str) -> str:
    return text[: len(text) // 2]
