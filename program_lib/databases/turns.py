"""Which outputs share a transaction, and which commit comes when, among all databases that a program writes."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable

from sqlalchemy.engine import URL

from program_lib.errors import ProgramError

PORTS = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306}  # where a URL names none
_KEYS: list[Hashable] = []  # of the databases, in the order in which they were first asked for


def turn_of(database: Hashable) -> tuple[int, int]:
    """The turn of a database's one commit; all of them come before the files of CSV outputs."""
    if database not in _KEYS:
        _KEYS.append(database)
    return 0, _KEYS.index(database)


_ALONE: set[Hashable] = set()  # databases of which an output commits rows on the way
_SHARED: set[Hashable] = set()  # all that are written


def claim_database(database: Hashable, *, alone: bool) -> None:
    """Notes that an output writes into this database. Raises ProgramError where an output that is to be alone is not.

    Rows that it commits on the way and those of another transaction of the same run would wait for each other for ever.
    """
    if database in _ALONE or (alone and database in _SHARED):
        raise ProgramError(
            "an output that commits rows on the way is the only one of its database: another one writes there, too;"
            " leave out Commit every, or let another job write one of them"
        )
    (_ALONE if alone else _SHARED).add(database)


class ClaimedTables:
    """The tables of one database that outputs write; a graph may spell one of them in several ways."""

    def __init__(self) -> None:
        # By table: the mode of each transaction that writes it
        self._modes: dict[Hashable, dict[str, str]] = {}

    def check_beside(self, others: Iterable[Hashable], mode: str, written: str) -> None:
        """Raises ProgramError where another output writes one of these, which share rows with the table, unless both append."""
        modes = {of for other in others for of in self._modes.get(other, {}).values()}
        if _clash(mode, modes):
            raise ProgramError(
                f"another node writes a partition of the table {written}, or what it is a partition of:"
                " let one of them take all the rows"
            )

    def claim(self, table: Hashable, mode: str, written: str, by: str = "") -> None:
        """Raises ProgramError where another output writes it, too, unless both append. `by` names the transaction."""
        others = self._modes.setdefault(table, {})
        if _clash(mode, others.values()):
            raise ProgramError(
                f"another node writes the table {written}, too: let one of them take all the rows"
            )
        others[by] = mode

    def release(self, by: str) -> None:
        """Forgets what a transaction that has ended wrote: an output that commits on the way begins another one."""
        for modes in self._modes.values():
            modes.pop(by, None)


def _clash(mode: str, others: Collection[str]) -> bool:
    """Whether an output of this mode may not write where others of these modes do: all would have to append."""
    return bool(others) and {mode, *others} != {"append"}


def spelled_alike(url: URL) -> str:
    """The URL, password included, as all spellings of it: a host in capitals, the usual port left out, a driver."""
    backend = url.get_backend_name()
    port = url.port or PORTS.get(backend)
    alike = url.set(drivername=backend, host=(url.host or "").lower(), port=port)
    return alike.render_as_string(hide_password=False)
