"""Rows whose files another library reads together, as one repository of the Hugging Face Hub."""

from peanut.errors import pick
from peanut.weights.store import here, pull
from peanut.weights.table import entries


def at_hand(name: str) -> str | None:
    """Where a row's files lie on this machine: their folder in the cache, or else the repository that the Hub's own
    client keeps; None if they are nowhere. Raises UsageError for a name that the table does not have.
    """
    entry = pick("weights", name, entries())
    if here(name):
        return str(pull(name).parent)
    for file in entry.files:
        kind, _, rest = file.sources[0].partition(":")
        if kind == "hub" and file.name == "config.json":
            from huggingface_hub import try_to_load_from_cache

            repository = rest.partition(":")[0]
            return repository if isinstance(try_to_load_from_cache(repository, file.name), str) else None
    return None


def folder(name: str) -> str:
    """Where a row's files lie, fetched if they are not at hand. Raises UsageError as `pull` does."""
    return at_hand(name) or str(pull(name).parent)
