"""The migrations: each revision takes the schema one step further, from any older file."""
