"""The one root of errors that are a plain sentence for a person, never a trace.

Raised anywhere in crm, agi and ami_bridge; the command line prints it as one line and exits 1, pages show it beside the
form. Holds no import, so that the command line can name it without loading a database.
"""


class Refusal(Exception):
    """Something was refused or cannot be done now. The message says what, where and how to mend it."""


class CrmUnavailable(Refusal):
    """Postgres is away, or not yet fit to serve (no tables). The caller is routed anyway."""
