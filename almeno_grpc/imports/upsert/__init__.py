"""Checked rows of a file go into the book: one batch, one transaction."""
