"""A client of the Almeno credit service."""
