"""The rules of lending: pure functions and values; the standard library only, the date always an argument."""
