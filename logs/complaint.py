"""What fails at each of many tries is logged once, while it does for the same reason."""


class Complaint:
    """Why something does not go, as the log was told last. One thread's."""

    def __init__(self) -> None:
        self._why = ""

    def is_news(self, why: str) -> bool:
        """Whether the log is to be told: it goes wrong only now, or for another reason than before."""
        is_news = why != self._why
        self._why = why
        return is_news

    def clear(self) -> None:
        """It goes again."""
        self._why = ""
