"""The processes of the server: a supervisor, processes that serve calls, and one that works on imports."""
