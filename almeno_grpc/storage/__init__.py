"""The store: tables, engine, transactions, migrations. The only place that knows SQL."""
