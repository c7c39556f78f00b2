"""Why an imported file is refused as a whole."""


class FileRefusedError(Exception):
    """The file as a whole cannot be taken, and none of its rows was, unless its reader was ended midway.

    Attributes:
        message: A sentence for the person who sent the file.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
