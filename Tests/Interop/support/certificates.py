"""Certificates for interop checks, made with the `openssl` command: a root, a server for 127.0.0.1, clients."""

import pathlib
import subprocess

SCRIPT = r"""
set -e
new() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -days 2 "$@"; }
sign() { openssl x509 -req -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 "$@"; }
new -x509 -nodes -keyout ca.key -out ca.pem -subj /CN=root
new -x509 -nodes -keyout other.key -out other-ca.pem -subj /CN=other
new -nodes -keyout server.key -out server.csr -subj /CN=server
printf 'subjectAltName=IP:127.0.0.1,DNS:localhost' > server.ext
sign -in server.csr -extfile server.ext -out server.crt
cat server.crt server.key > server.pem
openssl pkcs12 -export -in server.crt -inkey server.key -certfile ca.pem -out server.p12 -passout pass:keystore
openssl pkcs12 -export -nokeys -in ca.pem -out trust.p12 -passout pass:truststore
new -nodes -keyout client.key -out client.csr \
    -subj '/C=SE/O=Example, Inc./OU=Copy+OU=Team/CN=client/emailAddress=a@example.org'
sign -in client.csr -out client.pem
openssl pkcs12 -export -in client.pem -inkey client.key -passout pass:keystore-hush -out client.p12
openssl req -newkey rsa:2048 -nodes -keyout locked.plain -out locked.csr -subj /CN=locked -days 2
openssl pkcs8 -topk8 -in locked.plain -out locked.key -passout pass:opensesame
sign -in locked.csr -extfile server.ext -out locked.crt
cat locked.crt locked.key > locked.pem
"""


def make(directory):
    """Fills a directory; returns it as a path."""
    subprocess.run(["sh", "-c", SCRIPT], cwd=directory, check=True, capture_output=True)
    return pathlib.Path(directory)
