"""Why an imported file is refused as a whole."""


class FileRefusedError(Exception):
    """Tells its sender why a file as a whole cannot be taken. No row of it was, unless its reader ended midway."""
