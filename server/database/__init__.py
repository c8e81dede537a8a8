"""The server's database: counters and operators' keys, in an SQLite file or in PostgreSQL. Nothing about devices."""
