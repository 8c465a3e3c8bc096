"""Pure models and rules. Imports pydantic, python-ulid and the standard library only."""
