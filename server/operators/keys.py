"""API keys of operators, of which the database has digests only.

A key has 256 random bits, so that nobody finds it by trying; one round of SHA-256 is enough, as slow hashes are for
passwords that people choose. Who reads the database cannot use what is in it.
"""

import hashlib
import secrets
import time
from dataclasses import dataclass
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError

from server.database.database import Database, unusable
from server.database.tables import OPERATOR_KEYS
from server.errors import OperatorKeyError

PREFIX: Final = "pocketrec_"
MAX_NAME: Final = 64
_KEY_BYTES: Final = 32
_ID_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class OperatorKey:
    """A key without its secret; ``id`` is the beginning of its digest, and ``created`` is in seconds since 1970."""

    id: str
    name: str
    created: int


class OperatorKeys:
    """The keys in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, name: str) -> tuple[OperatorKey, str]:
        """Make a key, and return it with its secret, which is stored nowhere.

        Raises:
            OperatorKeyError: the name is empty, too long, or not printable.
            DatabaseError: the database does not answer.
        """
        if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
            raise OperatorKeyError(f"found the name {name!r}, expected 1 to {MAX_NAME} printable characters.")
        secret = PREFIX + secrets.token_urlsafe(_KEY_BYTES)
        sha256 = _digest(secret)
        key = OperatorKey(sha256[:_ID_DIGITS], name, int(time.time()))
        row = {"id": key.id, "name": name, "sha256": sha256, "created": key.created}
        try:
            await self._database.execute(OPERATOR_KEYS.insert(), [row])
        except (SQLAlchemyError, OSError) as error:
            raise unusable(self._database.url, error) from error
        return key, secret

    async def all(self) -> list[OperatorKey]:
        """Return all keys, oldest first."""
        query = select(OPERATOR_KEYS.c.id, OPERATOR_KEYS.c.name, OPERATOR_KEYS.c.created)
        rows = await self._database.rows(query.order_by(OPERATOR_KEYS.c.created, OPERATOR_KEYS.c.id))
        return [OperatorKey(*row) for row in rows]

    async def revoke(self, key_id: str) -> OperatorKey:
        """Delete a key, which no server accepts any more.

        Raises:
            OperatorKeyError: there is none with this id.
        """
        keys = await self.all()
        found = next((key for key in keys if key.id == key_id), None)
        if found is None:
            known = ", ".join(f"{key.id} ({key.name})" for key in keys) or "none yet"
            raise OperatorKeyError(f"found no key with the id {key_id!r}, expected one of: {known}.")
        await self._database.execute(delete(OPERATOR_KEYS).where(OPERATOR_KEYS.c.id == key_id))
        return found

    async def accepts(self, secret: str) -> bool:
        """Return whether a key is valid. It is looked up by its digest, so that no timing gives it away."""
        query = select(OPERATOR_KEYS.c.id).where(OPERATOR_KEYS.c.sha256 == _digest(secret))
        return bool(await self._database.rows(query))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
