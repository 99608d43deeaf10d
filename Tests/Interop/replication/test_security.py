"""Replication between clusters that ask who is there: mutual TLS, SCRAM, OAUTHBEARER, AWS_MSK_IAM, with credentials
that change while it runs. Token endpoint and instance metadata are Python's HTTP server, over Python's TLS."""

import base64
import contextlib
import datetime
import http.server
import json
import os
import pathlib
import re
import ssl
import tempfile
import threading
import time

import pytest
from confluent_kafka.admin import AdminClient, ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion

from support import certificates
from support.brokers import start_on_free_ports, stopped_at_the_end
from support.checks import PATIENCE, check, equal, eventually
from support.clients import QUIET
from support.program import command
from support.records import numbers, produce_numbers
from support.replicators import configured, flow
from support.topics import create_topic


@pytest.fixture
def files(tmp_path):
    """A folder with certificates."""
    return certificates.make(tmp_path)


@contextlib.contextmanager
def cluster(protocol, files, settings=()):
    """A broker with two listeners: one that is protected, and a plain one for what the check itself does."""
    def arguments(first):
        fixed = [f"listeners={protocol}://,PLAINTEXT://127.0.0.1:{first + 1}"]
        if protocol.endswith("SSL"):
            fixed += ["ssl.keystore.type=PEM", f"ssl.keystore.location={files / 'server.pem'}",
                      "ssl.truststore.type=PEM", f"ssl.truststore.location={files / 'ca.pem'}"]
        return ["--listen", f"127.0.0.1:{first}", *[a for setting in [*fixed, *settings] for a in ("--set", setting)]]

    running, first = start_on_free_ports(2, arguments)
    running.plain = f"127.0.0.1:{first + 1}"
    with stopped_at_the_end(running):
        yield running


@contextlib.contextmanager
def server(answer, files=None):
    """An HTTP server, with TLS when there are files; `answer(handler)` is status and document."""
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def reply(self):
            self.content = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            status, text = answer(self)
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = reply

        def log_message(self, *_):
            pass

    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    if files:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files / "server.pem")
        listening.socket = context.wrap_socket(listening.socket, server_side=True)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    try:
        yield listening.server_address[1]
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()


@contextlib.contextmanager
def replicator(east, west, environment=None):
    """`replicator run` at its most talkative, between clusters that are given with all their settings."""
    with configured("127.0.0.1:1", "127.0.0.1:2") as running:
        running.write({**running.document(), "clusters": {"east": east, "west": west}})
        running.start("--log-level", "debug", environment=environment)
        yield running
        if running.is_alive():
            equal("the replicator stops with status 0", running.stop(), 0)
        check("no secret in the log", "hush" not in running.log(),
              [line for line in running.log().splitlines() if "hush" in line][:2])


def auth_errors(running):
    """By cluster, from /metrics."""
    found = re.findall(r'^replicator_auth_errors_total\{cluster="(\w+)"\} (\d+)', running.get("/metrics"), re.M)
    return {name: int(value) for name, value in found}


def copies_everything(running, east, west, total):
    running.copies(east.plain, ["t"])
    equal("everything is there", sum(map(len, numbers(west.plain, "east.t").values())), total)
    check("no secret in the status", "hush" not in running.get("/api/status"))


def filled(east, count=300):
    create_topic(east.plain, "t")
    produce_numbers(east.plain, "t", range(count))


def scram_users(**users):
    options = " ".join(f'user_{name}="{password}"' for name, password in users.items())
    return ["sasl.enabled.mechanisms=SCRAM-SHA-512", "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config="
            f"org.apache.kafka.common.security.scram.ScramLoginModule required {options};"]


def alter_password(cluster, user, password):
    client = AdminClient({"bootstrap.servers": cluster.plain, **QUIET})
    change = UserScramCredentialUpsertion(user, ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096),
                                          password.encode())
    client.alter_user_scram_credentials([change])[user].result(PATIENCE)


def test_mutual_tls_and_scram(files):
    """A key store on one side, a password in a file on the other; both are replaced while it runs."""
    with cluster("SSL", files, ["ssl.client.auth=required"]) as east, \
            cluster("SASL_SSL", files,
                    [*scram_users(replicator="first-hush"), "connections.max.reauth.ms=3000"]) as west:
        filled(east)
        (files / "password").write_text("first-hush\n")
        trust = {"caFile": str(files / "ca.pem")}
        source = {"bootstrapServers": east.bootstrap, "securityProtocol": "SSL",
                  "tls": {**trust, "keystoreFile": str(files / "client.p12"), "keystorePassword": "keystore-hush"}}
        target = {"bootstrapServers": west.bootstrap, "securityProtocol": "SASL_SSL", "tls": trust, "sasl": {
            "mechanism": "SCRAM-SHA-512", "username": "replicator", "password": "${file:%s}" % (files / "password")}}
        with replicator(source, target) as running:
            copies_everything(running, east, west, 300)
            equal("nothing has failed", auth_errors(running), {"east": 0, "west": 0})

            alter_password(west, "replicator", "second-hush")
            running.awaits("the old password is refused when the session is renewed",
                           lambda: auth_errors(running)["west"] > 0)
            check("the log says why", eventually(lambda: 'user \\"replicator\\" was refused' in running.log()
                                                 or 'user "replicator" was refused' in running.log()),
                                                 running.log()[-2000:])
            (files / "password").write_text("second-hush\n")
            produce_numbers(east.plain, "t", range(300, 600))
            copies_everything(running, east, west, 600)


# Tokens are renewed after four fifths of their life: what is left must outlast a machine that is busy elsewhere.
TOKEN_SECONDS = 10


def test_oauth_tokens_are_renewed(files):
    """Tokens that live for seconds, from an endpoint that is down for a while."""
    asked = []
    down = threading.Event()

    def token():
        def part(document):
            return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()
        now = time.time()
        return f'{part({"alg": "none"})}.{part({"sub": "replicator", "iat": now, "exp": now + TOKEN_SECONDS})}.'

    def answer(request):
        asked.append(request.path)
        if down.is_set():
            return 503, "busy"
        if request.headers["Authorization"] != "Basic " + base64.b64encode(b"replicator:client-hush").decode():
            return 401, json.dumps({"error": "invalid_client", "error_description": "who are you"})
        return 200, json.dumps({"access_token": token(), "token_type": "Bearer", "expires_in": TOKEN_SECONDS})

    settings = ["sasl.enabled.mechanisms=OAUTHBEARER", "connections.max.reauth.ms=60000"]
    with server(answer, files) as port, \
            cluster("SASL_PLAINTEXT", files, settings) as east, cluster("PLAINTEXT2", files, [
                "listener.security.protocol.map=PLAINTEXT2:PLAINTEXT,PLAINTEXT:PLAINTEXT"]) as west:
        filled(east)
        source = {"bootstrapServers": east.bootstrap, "securityProtocol": "SASL_PLAINTEXT", "sasl": {
            "mechanism": "OAUTHBEARER", "oauth": {
                "tokenEndpoint": f"https://127.0.0.1:{port}/token", "clientId": "replicator",
                "clientSecret": "client-hush", "caFile": str(files / "ca.pem")}}}
        with replicator(source, {"bootstrapServers": west.bootstrap}) as running:
            copies_everything(running, east, west, 300)
            start = len(asked)
            running.awaits("tokens are renewed", lambda: len(asked) >= start + 3)
            failures = auth_errors(running)
            check("nothing has failed", failures == {"east": 0, "west": 0}, running.log()[-4000:])
            down.set()
            running.awaits("the endpoint that is down is noticed", lambda: auth_errors(running)["east"] > 0)
            check("the log names it",
                  f"token endpoint https://127.0.0.1:{port}/token: it answers 503" in running.log().replace("\\/", "/"))
            down.clear()
            produce_numbers(east.plain, "t", range(300, 600))
            copies_everything(running, east, west, 600)
            check("the endpoint is not asked all the time", len(asked) < 200, len(asked))


def test_msk_iam_keys_are_renewed(files):
    """Keys from instance metadata, which end soon."""
    asked = []

    def answer(request):
        asked.append(request.path)
        if request.command == "PUT":
            return 200, "token-hush"
        if request.headers["X-aws-ec2-metadata-token"] != "token-hush":
            return 401, ""
        if request.path.endswith("/security-credentials/"):
            return 200, "node"
        end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=4)
        return 200, json.dumps({
            "Code": "Success", "AccessKeyId": "ASIANODE", "SecretAccessKey": "secret-hush", "Token": "session-hush",
            "Expiration": end.strftime("%Y-%m-%dT%H:%M:%SZ")})

    settings = [
        "sasl.enabled.mechanisms=AWS_MSK_IAM", "connections.max.reauth.ms=2000",
        'listener.name.sasl_ssl.aws_msk_iam.sasl.jaas.config=software.amazon.msk.auth.iam.IAMLoginModule required '
        'secret_ASIANODE="secret-hush" token_ASIANODE="session-hush" principal_ASIANODE="arn:aws:iam::1:role/node";']
    nowhere = {name: "" for name in os.environ if name.startswith("AWS_")}
    with server(answer) as port, cluster("SASL_SSL", files, settings) as east, \
            cluster("SASL_SSL", files, settings) as west:
        filled(east)
        security = {"securityProtocol": "SASL_SSL", "tls": {"caFile": str(files / "ca.pem")}, "sasl": {
            "mechanism": "AWS_MSK_IAM", "aws": {"region": "eu-west-1"}}}
        environment = {**nowhere, "HOME": "/nonexistent", "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"http://127.0.0.1:{port}"}
        with replicator({"bootstrapServers": east.bootstrap, **security},
                        {"bootstrapServers": west.bootstrap, **security},
                        environment) as running:
            copies_everything(running, east, west, 300)
            start = len(asked)
            running.awaits("keys are renewed", lambda: len(asked) >= start + 6)
            produce_numbers(east.plain, "t", range(300, 600))
            copies_everything(running, east, west, 600)
            equal("nothing has failed", auth_errors(running), {"east": 0, "west": 0})


def test_refusals_say_what_to_do(files):
    """What cannot work ends at once, with a reason that says what to do."""
    with cluster("SSL", files, ["ssl.client.auth=required"]) as tls, \
            cluster("SASL_SSL", files, scram_users(replicator="right-hush")) as scram:
        create_topic(tls.plain, "t")

        def ends(what, east, west, *words):
            with tempfile.TemporaryDirectory(prefix="replicator-") as folder:
                path = pathlib.Path(folder, "my.yaml")
                path.write_text(json.dumps({"clusters": {"east": east, "west": west}, "flows": [flow()]}))
                done = command("run", "--config", str(path), "--log-level", "debug")
            output = done.stdout + done.stderr
            equal(f"{what}: exit status", done.returncode, 1)
            for word in words:
                check(f"{what}: says {word!r}", word in output, output[-2000:])
            check(f"{what}: shows no secret", "hush" not in output, output[-2000:])

        trust = {"caFile": str(files / "ca.pem")}
        good = {**trust, "certificateFile": str(files / "client.pem"), "keyFile": str(files / "client.key")}
        east = {"bootstrapServers": tls.bootstrap, "securityProtocol": "SSL", "tls": good}
        sasl = {"mechanism": "SCRAM-SHA-512", "username": "replicator", "password": "wrong-hush"}
        west = {"bootstrapServers": scram.bootstrap, "securityProtocol": "SASL_SSL", "tls": trust, "sasl": sasl}
        ends("wrong password", east, west, "west: authenticating", 'user "replicator" was refused')
        ends("other mechanism", east, {**west, "sasl": {**sasl, "mechanism": "PLAIN"}},
             "the listener does not offer PLAIN; it offers SCRAM-SHA-512")
        ends("unknown root", {**east, "tls": {}}, west, "east: connecting", "not signed by a root that is trusted here")
        ends("no client certificate", {**east, "tls": trust}, west, "east: connecting", "client certificate")
        ends("strange client certificate", {**east, "tls": {
            **trust, "certificateFile": str(files / "other-ca.pem"), "keyFile": str(files / "other.key")}}, west,
            "east: connecting", "client certificate")
        ends("no TLS", {"bootstrapServers": tls.bootstrap}, west, "east", "TLS")
        ends("wrong key store password", {**east, "tls": {
            **trust, "keystoreFile": str(files / "client.p12"), "keystorePassword": "other-hush"}}, west,
            "tls.keystorePassword is wrong or missing")
