"""What both readers give: files by name, their declared size, and a stream of their bytes."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol


class Entry(NamedTuple):
    """A file of an archive under its cleaned name.

    A source may hold links: then ``target`` says where one leads, as it was packed. A site has
    none.
    """

    name: str
    size: int
    is_executable: bool = False
    target: str | None = None


class Reader(Protocol):
    """One archive format."""

    def inspect(self) -> Iterator[Entry]:
        """Every file that is not left out; raises for an entry that is refused."""

    def contents(self) -> Iterator[tuple[Entry, Iterator[bytes]]]:
        """The same files with their bytes; a file's bytes are read before the next file."""
