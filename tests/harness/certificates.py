"""Certificates for tests: one that nobody else trusts, and authorities that sign others."""

import subprocess
from pathlib import Path


def self_signed(folder: Path) -> tuple[Path, Path]:
    """(certificate, key), PEM."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", *subject]
    subprocess.run([*made, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True, timeout=30)
    return cert, key


def openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=30)


def authority(home: Path, name: str) -> tuple[Path, Path]:
    """(certificate, key) of somebody who signs."""
    cert, key = home / f"{name}.pem", home / f"{name}.key"
    openssl("req", "-x509", *new_key(key), "-days", "2", "-subj", f"/CN={name}", "-out", cert)
    return cert, key


def signed(home: Path, name: str, ca: tuple[Path, Path], names: str = "IP:127.0.0.1,DNS:localhost") -> tuple[Path, Path]:
    """(certificate, key) of `name`, signed by `ca` for `names`."""
    cert, key, request, extensions = (home / f"{name}.{suffix}" for suffix in ("pem", "key", "csr", "ext"))
    extensions.write_text(f"subjectAltName={names}\n")
    openssl("req", *new_key(key), "-subj", f"/CN={name}", "-out", request)
    openssl(
        "x509", "-req", "-in", request, "-CA", ca[0], "-CAkey", ca[1], "-CAcreateserial", "-days", "2", "-extfile", extensions, "-out", cert
    )
    return cert, key


def new_key(key: Path) -> tuple[str | Path, ...]:
    return "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key
