"""The embedded S3 store: SeaweedFS on loopback, TLS, its own credentials, telemetry off."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from enclave.kernel import clock, storage
from enclave.kernel.errors import Unavailable
from enclave.kernel.process import dying_with_parent
from enclave.kernel.settings import Settings, settings

READY_SECONDS = 60


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Make the store's self-signed certificate for 127.0.0.1 once; return certificate and key."""
    certificate, key = folder / "store-cert.pem", folder / "store-key.pem"
    if certificate.exists() and key.exists():
        return certificate, key
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "enclave embedded store")])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(clock.now() - timedelta(days=1))
        .not_valid_after(clock.now() + timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    _write_private(key, private.private_bytes(serialization.Encoding.PEM, pkcs8, plain))
    certificate.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    return certificate, key


def _credentials(config: Settings) -> Path:
    identity = {
        "name": "enclave",
        "credentials": [{"accessKey": config.s3_access_key, "secretKey": config.secret("s3-secret").hex()}],
        "actions": ["Admin", "Read", "Write", "List"],
    }
    path = config.folder("secrets") / "store.json"
    _write_private(path, json.dumps({"identities": [identity]}).encode())
    return path


def command(config: Settings) -> list[str]:
    """Return the command line: every port on loopback, no plain file access, no telemetry."""
    certificate, key = make_certificate(config.folder("secrets"))
    base = config.port_base
    options = {
        "dir": config.folder("store"), "ip": "127.0.0.1", "ip.bind": "127.0.0.1",
        "master.port": base + 4, "master.port.grpc": base + 5, "master.telemetry": "false",
        # One master elects itself: without this a restart waits 10 to 20 seconds for peers it has not.
        "master.electionTimeout": "1s",
        "master.volumeSizeLimitMB": 1024, "volume.port": base + 6, "volume.port.grpc": base + 7,
        "volume.max": 0, "volume.preStopSeconds": 0,
        "filer.port": base + 8, "filer.port.grpc": base + 10, "filer.localSocket": config.run_dir / "filer.sock",
        "s3.port": base + 11, "s3.port.https": base + 9, "s3.port.grpc": base + 12, "s3.port.iceberg": 0,
        "s3.port.lance": 0, "s3.localSocket": config.run_dir / "s3.sock", "s3.autoCreateBucket": "false",
        "s3.cert.file": certificate, "s3.key.file": key, "s3.config": _credentials(config),
    }  # fmt: skip
    flags = [f"-{name}={value}" for name, value in options.items()]
    weed = Path(sys.prefix) / "bin" / "weed"
    return [str(weed), "-logtostderr=true", "server", "-filer", "-filer.disableHttp", "-s3", *flags]


def start() -> subprocess.Popen[bytes]:
    """Start the store; it ends with this process."""
    config = settings()
    with (config.folder("logs") / "store.log").open("ab") as log:
        return subprocess.Popen(
            command(config),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={
                "PATH": "/usr/bin:/bin",
                "HOME": str(config.home),
                "ENCLAVE_HOME": str(config.home),
                "ENCLAVE_PART": "store",
                "GOMEMLIMIT": "400MiB",
            },
            preexec_fn=dying_with_parent,
            start_new_session=True,
        )


def wait_until_ready(process: subprocess.Popen[bytes] | None = None) -> None:
    """Wait until contents can be written and read; raise `Unavailable` after `READY_SECONDS` or when it ended."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            storage.prepare()
            return storage.probe()
        except Unavailable:
            ended = process is not None and process.poll() is not None
            if ended or time.monotonic() > deadline:
                raise
            time.sleep(0.25)
