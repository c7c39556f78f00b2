"""API keys: their form, and what the server knows them by."""

import hashlib
import re
import zlib

from almeno_grpc.domain.api_keys import BASE62, check_of, make_key, sha256_of


def test_key_is_an_id_a_secret_and_a_check_in_base62() -> None:
    made = make_key()
    match = re.fullmatch(r"almeno_([0-9A-Za-z]{12})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})", made.key)
    assert match
    assert match[1] == made.key_id
    number = 0
    for digit in match[3]:
        number = number * 62 + BASE62.index(digit)
    assert number == zlib.crc32(made.key[:-6].encode())


def test_check_has_zeros_in_front() -> None:
    # The CRC32 of nothing is 0.
    assert check_of("") == "000000"


def test_no_two_keys_are_the_same() -> None:
    assert len({make_key().key for _ in range(100)}) == 100


def test_key_is_known_by_the_hash_of_the_whole_of_it() -> None:
    key = make_key().key
    assert sha256_of(key) == hashlib.sha256(key.encode()).digest()
