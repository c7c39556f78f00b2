"""PostgreSQL: a database that the servers of several machines share."""
