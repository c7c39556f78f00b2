"""Checked rows of a file are inserted into the book or update it: one batch, one transaction."""
