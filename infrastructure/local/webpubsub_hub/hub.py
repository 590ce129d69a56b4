"""The hub: which connections exist, in which groups, and what reaches them."""

import asyncio
import secrets
from collections.abc import Iterable

from infrastructure.local.webpubsub_hub.connection import Connection, Permissions
from infrastructure.local.webpubsub_hub.limits import Limits
from infrastructure.local.webpubsub_hub.outbox import Budget, Outbox
from infrastructure.local.webpubsub_hub.protocol import Message


class HubFull(Exception):
    """As many connections as the hub takes are open."""


class Hub:
    """In memory, in one event loop: no lock is needed, no method waits."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._budget = Budget(limits.hub_bytes)
        self._connections: dict[str, Connection] = {}
        self._groups: dict[str, dict[str, Connection]] = {}
        self._expiries: dict[str, asyncio.TimerHandle] = {}

    def open(
        self, user: str | None, roles: Iterable[str], groups: Iterable[str], reliable: bool
    ) -> Connection:
        """A new connection, in the groups that its token names."""
        if len(self._connections) >= self.limits.connections:
            raise HubFull(f"{self.limits.connections} connections are open.")
        connection = Connection(
            id=secrets.token_urlsafe(18),
            user=user,
            reliable=reliable,
            permissions=Permissions(roles),
            limits=self.limits,
            budget=self._budget,
        )
        self._connections[connection.id] = connection
        for group in groups:
            self.join(connection, group)
        return connection

    def recover(self, connection_id: str) -> Connection | None:
        """The reliable connection that a client wants back, if it still waits."""
        connection = self._connections.get(connection_id)
        if connection is None or not connection.reliable:
            return None
        self._stop_expiry(connection_id)
        return connection

    def lost(self, connection: Connection, outbox: Outbox, for_good: bool) -> None:
        """A socket ended. A reliable connection waits for its client, any other is gone."""
        if not connection.detach(outbox) or connection.id not in self._connections:
            return
        if for_good or not connection.reliable:
            self.remove(connection)
            return
        loop = asyncio.get_running_loop()
        self._stop_expiry(connection.id)
        self._expiries[connection.id] = loop.call_later(
            self.limits.recovery_seconds, self.remove, connection
        )

    def remove(self, connection: Connection) -> None:
        """Forget a connection and all that waits for it."""
        self._connections.pop(connection.id, None)
        self._stop_expiry(connection.id)
        self.leave_all(connection)
        connection.release()

    def close(
        self, connections: Iterable[Connection], reason: str, excluded: Iterable[str] = ()
    ) -> None:
        """End connections with a reason that their clients can read."""
        without = frozenset(excluded)
        for connection in list(connections):
            if connection.id not in without:
                self.end(connection, reason)

    def end(self, connection: Connection, reason: str, code: int = 1000) -> None:
        """End one connection; a code other than 1000 says that it broke a rule."""
        connection.close(reason, code)
        self.remove(connection)

    def join(self, connection: Connection, group: str) -> bool:
        """Put a connection into a group; False when it is in too many."""
        if group not in connection.groups:
            if len(connection.groups) >= self.limits.groups_per_connection:
                return False
            connection.groups.add(group)
            self._groups.setdefault(group, {})[connection.id] = connection
        return True

    def leave(self, connection: Connection, group: str) -> None:
        connection.groups.discard(group)
        members = self._groups.get(group, {})
        members.pop(connection.id, None)
        if not members:
            self._groups.pop(group, None)

    def leave_all(self, connection: Connection) -> None:
        for group in list(connection.groups):
            self.leave(connection, group)

    def send(
        self, to: Iterable[Connection], message: Message, excluded: Iterable[str] = ()
    ) -> None:
        """Queue a message for each reader; one that cannot keep up is cut off."""
        without = frozenset(excluded)
        for connection in list(to):
            if connection.id not in without and not connection.deliver(message):
                self.cut(connection)

    def cut(self, connection: Connection) -> None:
        """End a connection whose client does not read."""
        connection.cut_socket()
        self.remove(connection)

    def connection(self, connection_id: str) -> Connection | None:
        return self._connections.get(connection_id)

    def all(self) -> list[Connection]:
        return list(self._connections.values())

    def group(self, name: str) -> list[Connection]:
        return list(self._groups.get(name, {}).values())

    def user(self, name: str) -> list[Connection]:
        return [connection for connection in self._connections.values() if connection.user == name]

    @property
    def waiting_bytes(self) -> int:
        """Bytes queued and kept on all connections."""
        return self._budget.used

    def _stop_expiry(self, connection_id: str) -> None:
        timer = self._expiries.pop(connection_id, None)
        if timer is not None:
            timer.cancel()
