"""What is raised for a query that is not understood."""


class UnknownQueryError(ValueError):
    """A query, or a piece of one, that is not understood. The message says which."""
