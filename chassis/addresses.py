"""How a person's e-mail address is named between planes: by a hash, so that no list of addresses leaves a cell.

SHA-256 with a fixed prefix, cut to 128 bits. Whoever holds the hashes can tell whether an address that they know already is among
them, and nothing of the others.
"""

import hashlib

HASH_BYTES = 16
PEOPLE_MAX = 400_000
"""Of one workspace in one report (6.4 MB)."""
_PREFIX = b"waggle address 1\0"


def address_hash(email: str) -> bytes:
    """The same for upper and lower case."""
    return hashlib.sha256(_PREFIX + email.strip().lower().encode("utf-8", "surrogatepass")).digest()[:HASH_BYTES]
