"""Foreign clients against a secured `replicator broker`: TLS, mutual TLS, every SASL mechanism, wrong credentials."""

import asyncio
import base64
import json
import ssl
import subprocess
import sys
import time
import types

import aiokafka
import kafka
import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import (
    AdminClient, NewTopic, ScramCredentialInfo, ScramMechanism, UserScramCredentialDeletion,
    UserScramCredentialUpsertion)

from support import certificates
from support.access import AUTHORIZER, USERS
from support.brokers import secured
from support.checks import check, equal, eventually

SCRAM = 'org.apache.kafka.common.security.scram.ScramLoginModule required user_admin="secret";'


@pytest.fixture
def files(tmp_path):
    """A folder with certificates."""
    return certificates.make(tmp_path)


def round_trip(what, settings, topic, values=("a", "b", "c")):
    """Creates a topic, writes and reads it through librdkafka."""
    admin = AdminClient(settings)
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(20)
    failures = []
    producer = Producer(settings)
    for value in values:
        producer.produce(topic, value, callback=lambda error, _: failures.append(error) if error else None)
    equal(f"{what}: nothing is left to send", producer.flush(20), 0)
    equal(f"{what}: nothing fails", failures, [])
    consumer = Consumer({**settings, "group.id": topic, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    read = []

    def reads_all():
        message = consumer.poll(0.5)
        if message is not None and message.error() is None:
            read.append(message.value().decode())
        return len(read) == len(values)

    check(f"{what}: everything comes back", eventually(reads_all), read)
    equal(f"{what}: unchanged", read, list(values))
    consumer.close()


def refusal(settings):
    """The errors that librdkafka reports for settings that are not let in."""
    errors = []
    admin = AdminClient({**settings, "error_cb": errors.append, "socket.timeout.ms": 5000})
    eventually(lambda: admin.poll(0.1) and None or errors, 15)
    return errors


def test_tls_and_mutual_tls(files):
    base = {"security.protocol": "SSL", "ssl.ca.location": str(files / "ca.pem")}
    shown = {"ssl.certificate.location": str(files / "client.pem"), "ssl.key.location": str(files / "client.key")}
    settings = {
        "listener.security.protocol.map": "MUTUAL:SSL,STORES:SSL",
        "ssl.keystore.location": files / "server.pem", "ssl.keystore.type": "PEM",
        "ssl.truststore.location": files / "ca.pem",
        "listener.name.mutual.ssl.client.auth": "required",
        "listener.name.stores.ssl.keystore.location": files / "server.p12",
        "listener.name.stores.ssl.keystore.type": "PKCS12",
        "listener.name.stores.ssl.keystore.password": "keystore",
        "listener.name.stores.ssl.truststore.location": files / "trust.p12",
        "listener.name.stores.ssl.truststore.password": "truststore",
        "listener.name.stores.ssl.client.auth": "required",
    }
    with secured(settings, nodes=2, listeners=("SSL", "MUTUAL", "STORES", "PLAINTEXT")) as at:
        round_trip("TLS", {"bootstrap.servers": at["SSL"], **base}, "tls")
        round_trip("mutual TLS", {"bootstrap.servers": at["MUTUAL"], **base, **shown}, "mutual")
        round_trip("PKCS#12 stores", {"bootstrap.servers": at["STORES"], **base, **shown}, "stores")
        round_trip("beside TLS", {"bootstrap.servers": at["PLAINTEXT"]}, "plain")

        # A client is told the addresses of the listener that it came in on.
        for name in at:
            extra = {} if name == "PLAINTEXT" else {**base, **shown}
            metadata = AdminClient({"bootstrap.servers": at[name], **extra}).list_topics(timeout=20)
            port = int(at[name].split(":")[1])
            equal(f"{name}: ports", sorted(b.port for b in metadata.brokers.values()), [port, port + 1])

        errors = refusal({"bootstrap.servers": at["MUTUAL"], **base})
        check("without a certificate nobody comes in", errors)
        # librdkafka may tell of the lost connection before it tells why.
        errors = refusal({"bootstrap.servers": at["SSL"], **base, "ssl.ca.location": str(files / "other-ca.pem")})
        known = {KafkaError._SSL, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN}
        check("a foreign root is not trusted", errors and {e.code() for e in errors} <= known, errors)

        producer = kafka.KafkaProducer(
            bootstrap_servers=at["MUTUAL"], security_protocol="SSL", ssl_cafile=str(files / "ca.pem"),
            ssl_certfile=str(files / "client.pem"), ssl_keyfile=str(files / "client.key"))
        equal("kafka-python writes", producer.send("mutual", b"d").get(20).offset, 3)
        producer.close()
        context = ssl.create_default_context(cafile=str(files / "ca.pem"))
        context.load_cert_chain(files / "client.pem", files / "client.key")
        equal("aiokafka writes", asyncio.run(aio_send(
            at["MUTUAL"], "mutual", security_protocol="SSL", ssl_context=context)), 4)

        for version, expected in (("tls1_2", 0), ("tls1_3", 0), ("tls1_1", 1)):
            tried = subprocess.run(
                ["openssl", "s_client", "-connect", at["SSL"], f"-{version}", "-cipher", "ALL:@SECLEVEL=0"],
                input=b"", capture_output=True)
            equal(f"{version} is " + ("refused" if expected else "spoken"), tried.returncode, expected)

    locked = {"ssl.keystore.location": files / "locked.pem", "ssl.key.password": "opensesame"}
    with secured(locked, listeners=("SSL",)) as at:
        round_trip("a key with a password", {"bootstrap.servers": at["SSL"], **base}, "locked")


async def aio_send(bootstrap, topic, **settings):
    """The offset of a record written with aiokafka."""
    producer = aiokafka.AIOKafkaProducer(bootstrap_servers=bootstrap, **settings)
    await producer.start()
    try:
        return (await producer.send_and_wait(topic, b"value")).offset
    finally:
        await producer.stop()


def test_sasl_mechanisms(files):
    settings = {
        "ssl.keystore.location": files / "server.pem",
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        "sasl.jaas.config": USERS + " " + SCRAM,
    }
    with secured(settings, listeners=("SASL_SSL", "SASL_PLAINTEXT")) as at:
        for protocol, address in at.items():
            for mechanism in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"):
                client = {
                    "bootstrap.servers": address, "security.protocol": protocol, "sasl.mechanism": mechanism,
                    "sasl.username": "admin", "sasl.password": "secret", "ssl.ca.location": str(files / "ca.pem")}
                what = f"{protocol} {mechanism}"
                round_trip(what, client, what.replace(" ", "-"))
                for wrong in ({"sasl.password": "Secret"}, {"sasl.username": "nobody"}):
                    errors = refusal({**client, **wrong})
                    equal(f"{what} {wrong}: error", errors[0].code(), KafkaError._AUTHENTICATION)
                    check(f"{what} {wrong}: says so", "Authentication failed" in errors[0].str(), errors[0].str())

                python = {
                    "security_protocol": protocol, "sasl_mechanism": mechanism, "sasl_plain_username": "admin",
                    "sasl_plain_password": "secret"}
                producer = kafka.KafkaProducer(
                    bootstrap_servers=address, **python,
                    ssl_cafile=str(files / "ca.pem") if protocol == "SASL_SSL" else None)
                equal(f"{what}: kafka-python", producer.send(what.replace(" ", "-"), b"d").get(20).offset, 3)
                producer.close()
                context = ssl.create_default_context(cafile=str(files / "ca.pem"))
                if protocol == "SASL_SSL":
                    python["ssl_context"] = context
                equal(f"{what}: aiokafka", asyncio.run(aio_send(address, what.replace(" ", "-"), **python)), 4)

        errors = refusal({
            "bootstrap.servers": at["SASL_PLAINTEXT"], "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "OAUTHBEARER", "oauth_cb": lambda _: ("token", 2e9)})
        check("a mechanism that is not offered is refused", "OAUTHBEARER" in errors[0].str(), errors[0].str())


def test_scram_credentials_are_altered_while_it_runs(tmp_path):
    settings = {"sasl.enabled.mechanisms": "SCRAM-SHA-256,SCRAM-SHA-512", "sasl.jaas.config": SCRAM}
    listeners = ("SASL_PLAINTEXT",)
    base = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-512"}
    with secured(settings, data=tmp_path, listeners=listeners) as at:
        base["bootstrap.servers"] = at["SASL_PLAINTEXT"]
        admin = AdminClient({**base, "sasl.username": "admin", "sasl.password": "secret"})
        made = admin.alter_user_scram_credentials([
            UserScramCredentialUpsertion(
                "bob,=1", ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 8192), b"first")])
        made["bob,=1"].result(20)
        bob = {**base, "sasl.username": "bob,=1", "sasl.password": "first"}
        round_trip("a user made at run time", bob, "bob")
        admin.alter_user_scram_credentials([
            UserScramCredentialUpsertion(
                "bob,=1", ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096), b"second")])["bob,=1"].result(20)
        equal("the old password is void", refusal(bob)[0].code(), KafkaError._AUTHENTICATION)
    with secured(settings, data=tmp_path, listeners=listeners) as at:
        bob = {**bob, "bootstrap.servers": at["SASL_PLAINTEXT"], "sasl.password": "second"}
        round_trip("after a restart", bob, "again")
        admin = AdminClient(bob)
        described = admin.describe_user_scram_credentials(["bob,=1"])["bob,=1"].result(20)
        equal("described", [(i.mechanism, i.iterations) for i in described.scram_credential_infos],
              [(ScramMechanism.SCRAM_SHA_512, 4096)])
        admin.alter_user_scram_credentials(
            [UserScramCredentialDeletion("bob,=1", ScramMechanism.SCRAM_SHA_512)])["bob,=1"].result(20)
        equal("a removed user is not let in", refusal(bob)[0].code(), KafkaError._AUTHENTICATION)
        admin = AdminClient({**bob, "sasl.username": "admin", "sasl.password": "secret"})
        for change, code in (
                (UserScramCredentialDeletion("eve", ScramMechanism.SCRAM_SHA_256), KafkaError.RESOURCE_NOT_FOUND),
                (UserScramCredentialUpsertion(
                    "eve", ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 100), b"x"),
                 KafkaError.UNACCEPTABLE_CREDENTIAL)):
            try:
                admin.alter_user_scram_credentials([change])["eve"].result(20)
                check("refused", False, str(change))
            except KafkaException as error:
                equal("refused with", error.args[0].code(), code)


def test_principals_of_certificates(files):
    name = ("1.2.840.113549.1.9.1=#160d61406578616d706c652e6f7267,CN=client,OU=Copy+OU=Team,O=Example\\, Inc.,C=SE")
    rules = "RULE:^.*CN=nobody.*$/none/,RULE:^.*,CN=([a-z]+),.*$/mapped-$1/U,DEFAULT"
    base = {
        "security.protocol": "SSL", "ssl.ca.location": str(files / "ca.pem"),
        "ssl.certificate.location": str(files / "client.pem"), "ssl.key.location": str(files / "client.key")}
    for who, more in ((name, {}), ("MAPPED-CLIENT", {"ssl.principal.mapping.rules": rules})):
        settings = {
            **AUTHORIZER, "super.users": f"User:{who}", "ssl.keystore.location": files / "server.pem",
            "ssl.truststore.location": files / "ca.pem", "ssl.client.auth": "requested", **more}
        with secured(settings, listeners=("SSL",)) as at:
            round_trip(f"{who} is known", {"bootstrap.servers": at["SSL"], **base}, "known")
            unknown = {"bootstrap.servers": at["SSL"], "security.protocol": "SSL",
                       "ssl.ca.location": str(files / "ca.pem")}
            anonymous = AdminClient(unknown)
            equal("who shows no certificate sees nothing", list(anonymous.list_topics(timeout=20).topics), [])


def encoded(value):
    """A part of a JSON Web Token."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def claims(name, life=60, **more):
    now = time.time()
    return {"sub": name, "iat": now - 1, "exp": now + life, **more}


def unsecured(name, life=60, **more):
    return f"{encoded({'alg': 'none'})}.{encoded(claims(name, life, **more))}."


def signed(key, algorithm, content):
    """A token signed by the openssl command."""
    head = encoded({"alg": algorithm, "kid": algorithm})
    message = f"{head}.{encoded(content)}".encode()
    signature = subprocess.run(
        ["openssl", "dgst", "-sha256", "-sign", key], input=message, check=True, capture_output=True).stdout
    if algorithm == "ES256":
        numbers = subprocess.run(
            ["openssl", "asn1parse", "-inform", "DER"], input=signature, check=True, capture_output=True).stdout
        hexadecimal = [line.rsplit(b":", 1)[1] for line in numbers.splitlines() if b"INTEGER" in line]
        signature = b"".join(bytes.fromhex(h.decode().zfill(64))[-32:] for h in hexadecimal)
    return f"{message.decode()}.{encoded(signature)}"


def key_set(directory):
    """Makes an RSA and an EC key; their JSON Web Key Set."""
    def run(*command):
        return subprocess.run(["openssl", *command], cwd=directory, check=True, capture_output=True).stdout
    run("genrsa", "-out", "rsa.key", "2048")
    modulus = run("rsa", "-in", "rsa.key", "-noout", "-modulus").decode().strip().split("=")[1]
    run("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", "ec.key")
    point = run("ec", "-in", "ec.key", "-pubout", "-outform", "DER")[-64:]
    return {"keys": [
        {"kty": "RSA", "kid": "RS256", "use": "sig", "alg": "RS256", "n": encoded(bytes.fromhex(modulus)), "e": "AQAB"},
        {"kty": "EC", "kid": "ES256", "crv": "P-256", "x": encoded(point[:32]), "y": encoded(point[32:])}]}


def bearer(at, token):
    return {
        "bootstrap.servers": at["SASL_PLAINTEXT"], "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "OAUTHBEARER", "oauth_cb": lambda _: (token, time.time() + 3000)}


BEARER = {"sasl.enabled.mechanisms": "OAUTHBEARER", **AUTHORIZER, "super.users": "User:carol"}


def test_unsecured_tokens():
    with secured(BEARER, listeners=("SASL_PLAINTEXT",)) as at:
        round_trip("an unsecured token", bearer(at, unsecured("carol")), "unsecured")
        for what, token in (
                ("expired", unsecured("carol", -1)), ("malformed", "token"),
                ("signed", unsecured("carol") + encoded(b"signature"))):
            errors = refusal(bearer(at, token))
            equal(f"{what}: error", errors[0].code(), KafkaError._AUTHENTICATION)
            check(f"{what}: status", "invalid_token" in errors[0].str(), errors[0].str())


@pytest.mark.long
def test_signed_tokens(tmp_path):
    (tmp_path / "keys.json").write_text(json.dumps(key_set(tmp_path)))
    settings = {
        **BEARER, "sasl.oauthbearer.jwks.endpoint.url": f"file:{tmp_path}/keys.json",
        "sasl.oauthbearer.expected.audience": "kafka,other", "sasl.oauthbearer.expected.issuer": "https://issuer"}
    good = {"aud": ["kafka"], "iss": "https://issuer"}
    with secured(settings, listeners=("SASL_PLAINTEXT",)) as at:
        for algorithm, key in (("RS256", "rsa.key"), ("ES256", "ec.key")):
            path = tmp_path / key
            token = signed(path, algorithm, claims("carol", **good))
            round_trip(algorithm, bearer(at, token), algorithm)
            head, body, signature = token.split(".")
            for what, wrong in (
                    ("altered", f"{head}.{encoded(claims('admin', **good))}.{signature}"),
                    ("unsigned", unsecured("carol", **good)),
                    ("audience", signed(path, algorithm, claims("carol", aud="them", iss="https://issuer"))),
                    ("issuer", signed(path, algorithm, claims("carol", aud="kafka", iss="https://other"))),
                    ("expired", signed(path, algorithm, claims("carol", -60, **good)))):
                errors = refusal(bearer(at, wrong))
                equal(f"{algorithm} {what}: error", errors[0].code(), KafkaError._AUTHENTICATION)


def test_sessions_are_renewed():
    settings = {
        "sasl.enabled.mechanisms": "SCRAM-SHA-256", "sasl.jaas.config": SCRAM, "connections.max.reauth.ms": "1000"}
    with secured(settings, listeners=("SASL_PLAINTEXT",)) as at:
        errors = []
        producer = Producer({
            "bootstrap.servers": at["SASL_PLAINTEXT"], "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-256", "sasl.username": "admin", "sasl.password": "secret",
            "error_cb": errors.append})
        lost = []
        end = time.monotonic() + 4
        sent = 0
        while time.monotonic() < end:
            producer.produce("t", str(sent), callback=lambda error, _: lost.append(error) if error else None)
            producer.poll(0.02)
            sent += 1
        equal("all sent", producer.flush(20), 0)
        equal("nothing is lost over several sessions", lost, [])
        equal("the client notices nothing", [str(e) for e in errors], [])


def test_msk_iam_signatures(files, monkeypatch):
    """kafka-python's own client for AWS_MSK_IAM; the library that finds credentials is stood in for."""
    credentials = types.SimpleNamespace(access_key="AKIDEXAMPLE", secret_key="wJalr/EXAMPLE+KEY", token="to/ken+==")

    class Session:
        def get_credentials(self):
            return types.SimpleNamespace(get_frozen_credentials=lambda: credentials)

        def get_config_variable(self, _):
            return "eu-north-1"

    monkeypatch.setitem(sys.modules, "botocore", types.ModuleType("botocore"))
    monkeypatch.setitem(sys.modules, "botocore.session", types.SimpleNamespace(Session=Session))
    role = "arn:aws:iam::123456789012:role/replicator"
    settings = {
        **AUTHORIZER, "super.users": f"User:{role}", "ssl.keystore.location": files / "server.pem",
        "sasl.enabled.mechanisms": "AWS_MSK_IAM",
        "listener.name.sasl_ssl.aws_msk_iam.sasl.jaas.config":
            "software.amazon.msk.auth.iam.IAMLoginModule required secret_AKIDEXAMPLE=\"wJalr/EXAMPLE+KEY\" "
            f"token_AKIDEXAMPLE=\"to/ken+==\" principal_AKIDEXAMPLE=\"{role}\";"}
    with secured(settings, listeners=("SASL_SSL",)) as at:
        client = {
            "bootstrap_servers": at["SASL_SSL"], "security_protocol": "SASL_SSL", "sasl_mechanism": "AWS_MSK_IAM",
            "ssl_cafile": str(files / "ca.pem")}
        producer = kafka.KafkaProducer(**client)
        equal("a signed client writes", producer.send("iam", b"value").get(20).offset, 0)
        producer.close()
        for change in ({"secret_key": "wrong"}, {"access_key": "UNKNOWN"}, {"token": "other"}, {"token": None}):
            before = {key: getattr(credentials, key) for key in change}
            vars(credentials).update(change)
            try:
                kafka.KafkaProducer(**client, bootstrap_timeout_ms=2000).close()
                check(f"{change} is refused", False)
            except kafka.errors.KafkaError as error:
                check(f"{change} is refused", True, str(error))
            vars(credentials).update(before)
