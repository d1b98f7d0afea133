"""Why the product did not start."""


class LaunchError(Exception):
    """The product did not start or did not answer. `code` is the exit code for it."""

    def __init__(self, sentence: str, code: int = 1):
        super().__init__(sentence)
        self.code = code
