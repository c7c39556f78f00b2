from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from almeno_grpc.service.audit_signing import KeyUnusable, read_key

PEM = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.fixture
def write(tmp_path: Path):
    def write(content: bytes) -> Path:
        path = tmp_path / f"key-{len(list(tmp_path.iterdir()))}"
        path.write_bytes(content)
        return path

    return write


def test_private_key_signs_and_its_public_one_verifies(write) -> None:
    key = Ed25519PrivateKey.generate()
    private = read_key(write(key.private_bytes(*PEM)))
    public = read_key(write(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)))
    signature = private.sign(b"checkpoint")
    assert (private.algorithm, len(signature)) == ("ed25519", 64)
    assert public.verify(b"checkpoint", signature)
    assert not public.verify(b"another", signature)
    assert not public.verify(b"checkpoint", b"short")
    with pytest.raises(KeyUnusable, match="public key signs nothing"):
        public.sign(b"checkpoint")


def test_secret_signs_and_verifies(write) -> None:
    key = read_key(write(b"s" * 32))
    assert key.algorithm == "hmac-sha256"
    assert key.verify(b"checkpoint", key.sign(b"checkpoint"))
    assert not key.verify(b"another", key.sign(b"checkpoint"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"s" * 31, "neither a key in PEM nor a secret of 32 bytes"),
        (b"-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n", "cannot be read"),
        (generate_private_key(SECP256R1()).private_bytes(*PEM), "not one for Ed25519"),
    ],
)
def test_what_is_no_key_is_refused(write, content: bytes, said: str) -> None:
    with pytest.raises(KeyUnusable, match=said):
        read_key(write(content))


def test_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable, match="No such file"):
        read_key(tmp_path / "none")
