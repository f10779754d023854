"""The standard as data and a pure engine over it: no database, no store, no HTTP."""
