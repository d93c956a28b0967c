"""Files with one byte flipped, for what must find it."""

import random

from btsr_core.errors import InputError

FLIPS = 100


def flips_found(path, read):
    """Return how many of `FLIPS` random single-byte flips an InputError tells of; then mend it."""
    whole, rng, found = path.read_bytes(), random.Random(path.name), 0
    for _ in range(FLIPS):
        altered = bytearray(whole)
        altered[rng.randrange(len(whole))] ^= rng.randrange(1, 256)
        path.write_bytes(altered)
        try:
            read()
        except InputError as error:
            found += str(path) in str(error) and "\n" not in str(error)
    path.write_bytes(whole)
    read()
    return found
