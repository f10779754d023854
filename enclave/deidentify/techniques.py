"""The six techniques of 9.1 on one column: substitution, shuffling, numeric variance, encryption, masking, decoys.

All are keyed where they could be: with the same key and rule the same data come out (9.1-12d), without the key nothing
goes back. What has no key (masking, truncation) loses what it hides.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as types
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from numpy.typing import NDArray

from enclave.kernel.crypto import Tampered

DECOY = "_decoy"  # marks an inserted row, in the steward's copy alone
Column: TypeAlias = Any  # pyarrow has no types


def substitute(key: bytes, domain: str, words: Sequence[str], value: object) -> str:
    """Return a word in the place of a value: always the same for it, and not to be told back (9.1-11a)."""
    digest = hmac.digest(key, f"substitute|{domain}|{value}".encode(), "sha256")
    return words[int.from_bytes(digest[:8]) % len(words)]


def shuffled(key: bytes, name: str, column: Column) -> pa.Array:
    """Return the values of a column in another order, the same for the same key (9.1-11b).

    How often each value occurs stays; which row it belongs to is lost, also against other columns.
    """
    flat = _flat(column)
    return flat.take(pa.array(_generator(key, f"shuffle|{name}").permutation(len(flat))))


def varied(key: bytes, name: str, bound: float, column: Column, persons: NDArray[np.int64]) -> pa.Array:
    """Return numbers moved by at most `bound`, all of a person's by the same amount (9.1-11c).

    Differences within a person stay; whole numbers stay whole. What is no number is left as it is.
    """
    flat = _flat(column)
    if not (types.is_integer(flat.type) or types.is_floating(flat.type)):
        return flat
    size = int(persons.max()) + 1 if len(persons) else 0
    stream = np.frombuffer(hashlib.shake_256(key + f"vary|{name}".encode()).digest(size * 8), dtype="<u8")
    moves = (stream / 2.0**64 * 2 - 1) * bound
    if types.is_integer(flat.type):
        moves = np.trunc(moves)
    return pc.add(flat, pa.array(moves[persons])).cast(flat.type)


def encrypted(key: bytes, domain: str, value: object) -> str:
    """Return a value sealed under the key, the same each time, so that it can still be joined (9.1-11d)."""
    return urlsafe_b64encode(_cipher(key).encrypt(str(value).encode(), [domain.encode()])).decode()


def decrypted(key: bytes, domain: str, sealed: str) -> str:
    """Return what `encrypted` sealed; raise `Tampered` for another key, domain or text."""
    try:
        return _cipher(key).decrypt(urlsafe_b64decode(sealed), [domain.encode()]).decode()
    except (InvalidTag, ValueError) as error:
        raise Tampered("object_tampered") from error


def masked(value: object, start: int = 1, end: int = 0, mark: str = "*") -> str:
    """Return a value with all but its first and last characters marked out (9.1-11e): 张三丰 becomes 张**.

    A value too short to hide anything is marked out whole.
    """
    written = str(value)
    if len(written) <= start + end:
        return mark * max(len(written), 1)
    return written[:start] + mark * (len(written) - start - end) + (written[-end:] if end else "")


def truncated(value: object, keep: int) -> str:
    """Return the first characters of a value (10.1.2-e-1b)."""
    return str(value)[:keep]


@dataclass(frozen=True)
class Controlled:
    """A table after controlled insertion and deletion (9.1-11f). `steward` marks decoys in `_decoy`, `shared` not."""

    steward: pa.Table
    deleted: int
    inserted: int

    @property
    def shared(self) -> pa.Table:
        """Return what leaves the steward's hands: decoys are rows like any other."""
        return self.steward.drop_columns([DECOY])


def controlled(key: bytes, table: pa.Table, gone: NDArray[np.bool_], decoys: int) -> Controlled:
    """Return the table without the rows `gone`, with invented rows strewn in; how many is told, and where to a steward.

    A decoy takes each of its values from another real row, so that no row of it is anybody's.
    """
    staying = table.filter(pa.array(~gone))
    draw = _generator(key, "decoys")
    picked = {name: draw.integers(0, max(staying.num_rows, 1), decoys) for name in staying.column_names}
    count = decoys if staying.num_rows else 0
    invented = pa.table({name: staying[name].take(pa.array(rows[:count])) for name, rows in picked.items()})
    both = pa.concat_tables([_marked(staying, False), _marked(invented, True)])
    order = pa.array(draw.permutation(both.num_rows))
    return Controlled(both.take(order), int(gone.sum()), count)


def _marked(table: pa.Table, decoy: bool) -> pa.Table:
    return table.append_column(DECOY, pa.array([decoy] * table.num_rows, pa.bool_()))


def _generator(key: bytes, name: str) -> np.random.Generator:
    return np.random.default_rng(list(hashlib.sha256(key + name.encode()).digest()))


def _cipher(key: bytes) -> AESSIV:
    return AESSIV(hashlib.sha512(b"technique" + key).digest())


def _flat(column: Column) -> Any:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
