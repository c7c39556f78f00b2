"""Certificates and keys for tests, made here."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class MadeCertificate:
    """A certificate of 127.0.0.1 and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Writes both into files of the folder, in the place of those that are there; gives certificate and key."""
        files = folder / "server.pem", folder / "server-key.pem"
        for file, content in zip(files, (self.pem, self.key_pem), strict=True):
            file.write_bytes(content)
        return files


def made_certificate(
    name: str = "almeno",
    begin: datetime = NOW - DAY,
    end: datetime = NOW + DAY,
    issuer: MadeCertificate | None = None,
    *,
    is_authority: bool = True,
) -> MadeCertificate:
    """Makes a certificate, its own authority unless an issuer is given."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]),
            critical=False,
        )
    )
    return MadeCertificate(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)
