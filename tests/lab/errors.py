"""The one kind of failure that the lab reports to people."""


class LabError(Exception):
    """Says in its text what failed and what the tool that failed said."""
