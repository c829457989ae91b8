"""Of BTQL, Braintrust's query language, what the Braintrust SDKs, its command line ``bt`` and this package send.

Queries come as text (clauses divided by ``|``, or SQL) or as JSON; `text` turns the first into the second, `query`
reads a query, `expressions` what stands in it. Whatever is not understood is refused, never ignored: a test that passes
here does not pass by luck.
"""

from .errors import UnknownQueryError
from .query import Query, parse_query

__all__ = ["Query", "UnknownQueryError", "parse_query"]
