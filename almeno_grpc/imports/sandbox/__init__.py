"""The sandbox: a process of its own, with limits, that reads an uploaded file."""
