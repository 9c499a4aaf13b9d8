"""A throw-away certificate authority, so that strict https can be tried on one machine."""

from __future__ import annotations

from pathlib import Path

import trustme


def throw_away_certificate(folder: Path) -> tuple[str, str]:
    """Certificate and key for localhost, made once; ``ca.pem`` beside them is what a client has to trust."""
    certificate, key = folder / "server.pem", folder / "server.key"
    if not (certificate.exists() and key.exists()):
        folder.mkdir(parents=True, exist_ok=True)
        authority = trustme.CA()
        issued = authority.issue_cert("localhost", "127.0.0.1", "::1")
        authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        issued.private_key_pem.write_to_path(str(key))
        certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    return str(certificate), str(key)
