"""The node's own addresses, read from its database. Importing this imports psycopg2.

The role needs SELECT (id, address, disabled, evm_chain_id) on the key table and USAGE on its schema only.
"""

import contextlib
import logging

import psycopg2

from exporter.configs.networks import Account, Keys

log = logging.getLogger(__name__)

TIMEOUT = 2
"""Seconds to connect (libpq takes no less), and for each statement."""
TABLE = """
SELECT coalesce(to_regclass('evm.key_states'), to_regclass('public.evm_key_states'),
                to_regclass('public.eth_key_states'))::text
"""
"""Chainlink 2.6 and later, 1.9 to 2.5, older; GoPlugin has the same."""
KEYS = "SELECT encode(address, 'hex') FROM {table} WHERE NOT disabled AND evm_chain_id = %s ORDER BY id"


class KeyTable:
    """Asks one database; a look that fails leaves the addresses of the last good one."""

    def __init__(self, name: str, keys: Keys, chain_id: int) -> None:
        self.name = name
        self.answered: bool | None = None
        """Whether the newest look succeeded; None before the first."""
        self._keys = keys
        self._chain_id = chain_id
        self._accounts: tuple[Account, ...] = ()

    def accounts(self) -> tuple[Account, ...]:
        """An account for every key that is not disabled; never raises for a database that does not answer."""
        try:
            found = self._read()
        except (psycopg2.Error, OSError) as error:
            if self.answered is not False:
                log.warning("the keys of %s cannot be read: %s", self.name, _why(error))
            self.answered = False
            return self._accounts
        self.answered = True
        self._accounts = tuple(
            Account.model_construct(
                name=self.name, address="0x" + address, low=self._keys.low, runway=self._keys.runway
            )
            for address in found
        )
        return self._accounts

    def _read(self) -> list[str]:
        options = f"-c statement_timeout={TIMEOUT}s -c default_transaction_read_only=on"
        connection = psycopg2.connect(
            self._keys.dsn_file.reveal(), connect_timeout=TIMEOUT, options=options,
            application_name="chainwarden", tcp_user_timeout=TIMEOUT * 1000,
        )  # fmt: skip
        with contextlib.closing(connection), connection.cursor() as cursor:
            cursor.execute(TABLE)
            (table,) = cursor.fetchone() or (None,)
            if table is None:
                raise psycopg2.ProgrammingError("there is no table of keys")
            cursor.execute(KEYS.format(table=table), (self._chain_id,))
            return [address for (address,) in cursor.fetchall()]


def _why(error: Exception) -> str:
    """The server's reason. What libpq says of an address that it cannot read may quote a password."""
    if isinstance(error, OSError):
        return f"its dsn_file: {error.strerror}"
    if getattr(error, "pgcode", None) is None and not isinstance(error, psycopg2.OperationalError):
        return "there is no table of keys, or the address in its dsn_file is wrong"
    return str(error).strip().splitlines()[0] if str(error) else type(error).__name__
