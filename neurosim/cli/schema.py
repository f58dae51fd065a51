"""``neurosim schema``: the scenario file's JSON Schema, for editors."""

from __future__ import annotations


def schema() -> None:
    """Print the JSON Schema of scenario files."""
    import json

    from neurosim.scenario import json_schema

    print(json.dumps(json_schema(), indent=2))
