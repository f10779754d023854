"""Fixtures shared by every test: a home of its own, and a database on SQLite or PostgreSQL."""
