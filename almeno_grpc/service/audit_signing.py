"""Signatures of checkpoints, by a key from a file.

The file holds a private key for Ed25519 (RFC 8032) in PEM, as `openssl genpkey -algorithm ed25519` writes it; for those
who only verify the public key, as `openssl pkey -pubout` does; or else at least 32 bytes of a secret for HMAC-SHA256.
"""

import hmac
from pathlib import Path
from typing import Protocol

ED25519 = "ed25519"
HMAC_SHA256 = "hmac-sha256"
MIN_SECRET_BYTES = 32


class KeyUnusable(Exception):
    """The file holds no key that can be used; the message says why."""


class SigningKey(Protocol):
    """A key that signs and verifies."""

    algorithm: str

    def sign(self, message: bytes) -> bytes:
        """The signature of a message.

        Raises:
            KeyUnusable: It is a public key.
        """

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether a signature is that of the message."""


def read_key(path: Path) -> SigningKey:
    """Reads a key.

    Raises:
        KeyUnusable: The file cannot be read or holds none.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise KeyUnusable(f"{path} cannot be read: {error.strerror}") from error
    if b"-----BEGIN" in content:
        return _Ed25519Key(content)
    if len(content) < MIN_SECRET_BYTES:
        raise KeyUnusable(f"{path} holds neither a key in PEM nor a secret of {MIN_SECRET_BYTES} bytes or more")
    return _HmacKey(content)


class _HmacKey:
    algorithm = HMAC_SHA256

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def sign(self, message: bytes) -> bytes:
        return hmac.digest(self._secret, message, "sha256")

    def verify(self, message: bytes, signature: bytes) -> bool:
        return hmac.compare_digest(self.sign(message), signature)


class _Ed25519Key:
    algorithm = ED25519

    def __init__(self, pem: bytes) -> None:
        # For processes that have such a key: others do without 3 MB of library.
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
            Ed25519PrivateKey,
            Ed25519PublicKey,
        )
        from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
            load_pem_private_key,
            load_pem_public_key,
        )

        try:
            if b"PRIVATE KEY" in pem:
                private = load_pem_private_key(pem, password=None)
                public = private.public_key()
            else:
                private, public = None, load_pem_public_key(pem)
        except (ValueError, TypeError) as error:
            raise KeyUnusable(f"the key cannot be read: {error}") from error
        if not isinstance(public, Ed25519PublicKey):
            raise KeyUnusable("the key is not one for Ed25519")
        self._private = private if isinstance(private, Ed25519PrivateKey) else None
        self._public = public

    def sign(self, message: bytes) -> bytes:
        if self._private is None:
            raise KeyUnusable("a public key signs nothing: the server needs the private one")
        return self._private.sign(message)

    def verify(self, message: bytes, signature: bytes) -> bool:
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415

        try:
            self._public.verify(signature, message)
        except InvalidSignature:
            return False
        return True
