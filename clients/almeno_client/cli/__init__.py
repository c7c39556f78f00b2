"""The command line `almeno`: customers, credit decisions, loans and imports, for people and for programs."""

from almeno_client.cli.app import app, main

__all__ = ["app", "main"]
