"""The HTTP port of `run` as strangers, scrapers, operators and browsers find it: credentials, TLS, limits, descriptors."""

import base64
import json
import os
import pathlib
import resource
import signal
import socket
import ssl
import subprocess
import urllib.error
import urllib.request

import pytest

from support import certificates
from support.browser import browser, executable
from support.checks import PATIENCE, check, equal, eventually
from support.packages import installed
from support.ports import free_address
from support.processes import cpu_seconds, open_files
from support.program import command, program
from support.records import produce_numbers
from support.replicators import configured
from support.topics import create_topic


@pytest.fixture
def files(tmp_path):
    """A folder with certificates and passwords."""
    certificates.make(tmp_path)
    (tmp_path / "ops").write_text("s3cret\n")
    (tmp_path / "scraper").write_text("t0ken\n")
    return tmp_path


def secure(running, files, **settings):
    """Turns on credentials and TLS."""
    document = running.document()
    document["http"] |= {
        "authentication": {"users": {"ops": f"${{file:{files / 'ops'}}}"},
                           "tokens": {"prometheus": f"${{file:{files / 'scraper'}}}"}},
        "tls": {"certificateFile": str(files / "server.crt"), "keyFile": str(files / "server.key")}, **settings}
    running.write(document)


def ask(url, authority, method="GET", user=None, token=None, **headers):
    """Status, headers and text of an answer; the error where there is none."""
    if user:
        headers["Authorization"] = "Basic " + base64.b64encode(user.encode()).decode()
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url, method=method, headers=headers)
    context = ssl.create_default_context(cafile=authority) if authority else None
    try:
        with urllib.request.urlopen(request, timeout=10, context=context) as response:
            return response.status, response.headers, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()
    except OSError as error:
        return None, {}, str(error)


def test_credentials_and_tls(east, west, files):
    create_topic(east.bootstrap, "orders", partitions=1)
    with configured(east.bootstrap, west.bootstrap) as running:
        secure(running, files)
        running.start("--log-level", "debug")
        url, authority = f"https://{running.http}", files / "ca.pem"

        def status(path, method="GET", **who):
            return ask(url + path, authority, method, **who)[0]

        check("it comes up", eventually(lambda: status("/healthz") == 200, PATIENCE), running.log())
        check("it is ready", eventually(lambda: status("/readyz") == 200, PATIENCE), running.log())
        pause = "/api/flows/flow/pause"
        for who, expected in [
            ({}, (401, 401, 401, 401)), ({"token": "t0ken"}, (200, 200, 200, 403)),
            ({"user": "ops:s3cret"}, (200, 200, 200, 200)), ({"user": "ops:guess"}, (401, 401, 401, 401)),
        ]:
            equal(f"what {who or 'nobody'} may do",
                  (status("/", **who), status("/metrics", **who), status("/api/status", **who),
                   status(pause, "POST", **who)), expected)
            equal("a probe may always ask", status("/healthz", **who), 200)
        equal("a form of another site, with the browser's credentials",
              ask(url + pause, authority, "POST", user="ops:s3cret", Origin="http://evil.example")[0], 403)

        address = ("127.0.0.1", int(running.http.split(":")[1]))
        check("nothing is said in the clear", ask(f"http://{running.http}/healthz", None)[0] is None)
        for version, works in ((ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)):
            context = ssl.create_default_context(cafile=authority)
            context.minimum_version = context.maximum_version = version
            context.set_alpn_protocols(["h2", "http/1.1"])
            with socket.create_connection(address) as plain, context.wrap_socket(
                    plain, server_hostname="localhost") as connection:
                equal("the protocol", (connection.version(), connection.selected_alpn_protocol()),
                      (version.name.replace("v1_", "v1."), "http/1.1"))
        for word in ("s3cret", "t0ken", "guess"):
            check("no secret is in the log", word not in running.log())

        # Commands: from the configuration, and from the environment.
        own = command("status", "--config", str(running.path))
        check("status asks as the configuration's user", own.returncode == 0, own.stderr)
        url_and_config = command("pause", "--url", url, "--config", str(running.path), "--flow", "flow")
        check("an address and a configuration", url_and_config.returncode == 0, url_and_config.stderr)
        environment = {**os.environ, "REPLICATOR_HTTP_PASSWORD": "s3cret"}
        resumed = command("resume", "--url", url, "--user", "ops", "--ca-file", str(authority), "--flow", "flow",
                          env=environment)
        check("resume asks as the environment's user", resumed.returncode == 0, resumed.stderr)
        scraper = {**os.environ, "REPLICATOR_HTTP_TOKEN": "t0ken"}
        read = command("status", "--url", url, "--ca-file", str(authority), "--json", env=scraper)
        check("a token may read", read.returncode == 0 and json.loads(read.stdout)["isReady"], read.stderr)
        act = command("pause", "--url", url, "--ca-file", str(authority), "--flow", "flow", env=scraper)
        equal("a token may not act", (act.returncode, "may read, and not pause" in act.stderr), (1, True))
        nobody = command("status", "--url", url, "--ca-file", str(authority))
        equal("without credentials it says what to do", (nobody.returncode, "--user" in nobody.stderr), (1, True))
        equal("a user without a password is wrong usage",
              command("status", "--url", url, "--user", "ops").returncode, 2)
        stranger = command("status", "--url", url, "--ca-file", str(files / "other-ca.pem"), env=scraper)
        equal("another authority's replicator", stranger.returncode, 1)
        clear = command("status", "--url", f"http://{running.http}")
        equal("asked in the clear", clear.returncode, 1)

        # New files at HUP.
        (files / "ops").write_text("n3w\n")
        (files / "server.crt").write_bytes((files / "locked.crt").read_bytes())
        (files / "server.key").write_bytes((files / "locked.plain").read_bytes())
        running.process.send_signal(signal.SIGHUP)
        check("the new password holds", eventually(lambda: status("/", user="ops:n3w") == 200, PATIENCE), running.log())
        check("the old one does not", eventually(lambda: status("/", user="ops:s3cret") == 401, PATIENCE))
        with socket.create_connection(address) as plain, ssl.create_default_context(
                cafile=authority).wrap_socket(plain, server_hostname="localhost") as connection:
            check("the new certificate is shown", "locked" in str(connection.getpeercert()["subject"]))

        (files / "server.key").write_text("no key")
        running.process.send_signal(signal.SIGHUP)
        check("a bad file is refused with its name",
              eventually(lambda: "server.key" in running.log() and "not reloaded" in running.log(), PATIENCE),
              running.log()[-2000:])
        # Wrong credentials have come from this address, so it may have to wait.
        check("everything is as before", eventually(lambda: status("/", user="ops:n3w") == 200, PATIENCE))
        equal("it ends in order", running.stop(), 0)


def test_files_that_cannot_be_used_are_named_at_the_start(east, west, files):
    with configured(east.bootstrap, west.bootstrap) as running:
        for name, content, word in [("ops", "\n", "http.authentication.users.ops is empty"),
                                    ("server.key", "nonsense", "http.tls.keyFile"),
                                    ("server.crt", "nonsense", "http.tls.certificateFile")]:
            before = (files / name).read_bytes()
            (files / name).write_text(content)
            secure(running, files)
            result = command("run", "--config", str(running.path))
            equal(name, (result.returncode, word in result.stderr), (2, True))
            (files / name).write_bytes(before)


def test_names_that_requests_are_addressed_to(east, west):
    with configured(east.bootstrap, west.bootstrap) as running:
        port = running.http.split(":")[1]
        document = running.document()
        document["http"] |= {"listen": f"0.0.0.0:{port}", "allowedHosts": ["replicator.svc"]}
        running.write(document)
        running.start()
        url = f"http://127.0.0.1:{port}"

        def status(host, path="/healthz", **headers):
            return ask(url + path, None, Host=host, **headers)[0]

        check("it comes up", eventually(lambda: status("127.0.0.1") == 200, PATIENCE), running.log())
        for host, expected in [("10.1.2.3:9644", 200), ("[fd00::1]:9644", 200), ("localhost:1", 200),
                               (socket.gethostname(), 200), ("replicator.svc:9644", 200), ("evil.example", 403)]:
            equal(host, status(host), expected)
        answer = ask(url + "/metrics", None, Host="evil.example")
        check("the refusal names the setting", "http.allowedHosts" in answer[2], answer[2])
        equal("another site's page", status("127.0.0.1", **{"Sec-Fetch-Site": "cross-site"}), 403)
        check("strangers' rights are told at the start", "pause and resume every flow" in running.log(), running.log())
        equal("our commands may use any name",
              command("status", "--url", f"http://ip6-localhost:{port}").returncode in (0, 1), True)


@pytest.mark.parametrize("limit", [128, 1024])
def test_held_connections_do_not_stop_replication(east, west, limit):
    create_topic(east.bootstrap, "orders", partitions=1)
    with configured(east.bootstrap, west.bootstrap) as running:
        with open(running.folder / "log", "ab") as log:
            running.process = subprocess.Popen(
                [program(), "run", "--config", str(running.path)], stdout=log, stderr=log,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
        running.awaits("the flow runs", running.runs)
        address = ("127.0.0.1", int(running.http.split(":")[1]))
        held = []
        for _ in range(limit + 100):
            connection = socket.create_connection(address, timeout=10)
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX: ")
            held.append(connection)
        # Those that are refused are open until they have been closed.
        check("most descriptors stay free", eventually(lambda: open_files(running.process) < limit * 3 // 4),
              open_files(running.process))
        produce_numbers(east.bootstrap, "orders", range(100), partitions=1)
        before = cpu_seconds(running.process)
        for connection in held:
            connection.settimeout(PATIENCE)
            try:
                gone = connection.recv(1) == b""
            except OSError as error:
                gone = not isinstance(error, TimeoutError)
            check("a connection that says nothing is closed", gone)
        check("that costs nothing", cpu_seconds(running.process) - before < 5)
        check("it is said once", running.log().count("HTTP connections from 127.0.0.1 are refused") == 1,
              running.log()[-2000:])
        running.copies(east.bootstrap, ["orders"])
        metrics = running.get("/metrics")
        check("it is counted", 'replicator_http_refused_connections_total{reason="address"} 0' not in metrics, metrics)
        equal("it ends in order", running.stop(), 0)


def test_the_soft_limit_of_descriptors_is_raised(east, west):
    with configured(east.bootstrap, west.bootstrap) as running:
        with open(running.folder / "log", "ab") as log:
            running.process = subprocess.Popen(
                [program(), "run", "--config", str(running.path)], stdout=log, stderr=log,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 4096)))
        running.awaits("the flow runs", running.runs)
        limits = pathlib.Path(f"/proc/{running.process.pid}/limits").read_text()
        line = next(line for line in limits.splitlines() if line.startswith("Max open files"))
        equal("the soft limit is the hard one", line.split()[3:5], ["4096", "4096"])
        equal("it ends in order", running.stop(), 0)


@pytest.mark.east(nodes=24)
def test_too_few_descriptors_for_kafka_are_survived_and_said(east, west):
    create_topic(east.bootstrap, "orders", partitions=48)
    with configured(east.bootstrap, west.bootstrap) as running:
        with open(running.folder / "log", "ab") as log:
            running.process = subprocess.Popen(
                [program(), "run", "--config", str(running.path)], stdout=log, stderr=log,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)))
        check("the reason and the remedy are said",
              eventually(lambda: "LimitNOFILE" in running.log() or not running.is_alive(), PATIENCE), running.log())
        produce_numbers(east.bootstrap, "orders", range(480), partitions=48)
        check("it lives", not eventually(lambda: not running.is_alive(), 5),
              f"{running.process.returncode}\n{running.log()}")
        check("it spins not", cpu_seconds(running.process) < 30)
        refused = subprocess.run(
            [program(), "run", "--config", str(running.path)], capture_output=True, text=True, timeout=60,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40)))
        equal("with fewer it does not begin", (refused.returncode, "ulimit -n" in refused.stderr), (1, True))


@pytest.fixture
def chromium():
    if not executable():
        installed("chromium")
    with browser() as running:
        yield running


def test_the_page_knows_what_one_may_do(east, west, chromium, files):
    create_topic(east.bootstrap, "orders", partitions=1)
    with configured(east.bootstrap, west.bootstrap) as running:
        document = running.document()
        document["http"]["authentication"] = {"users": {"ops": f"${{file:{files / 'ops'}}}"}, "anonymous": "read"}
        running.write(document)
        running.start()
        running.awaits("the flow runs", running.runs)
        page = chromium.page()

        def sees(what, expression):
            check(what, eventually(lambda: page.run(expression), PATIENCE), page.run("document.body.innerText")[:1000])

        access = "(document.querySelector('#access')?.innerText ?? '')"
        toggle = "document.querySelector('[data-flow=flow] .head button.toggle')"
        page.open(f"http://{running.http}/")
        sees("a stranger is told to sign in", f"{access} === 'sign in to pause and resume'")
        sees("and may try", f"{toggle} !== null && !{toggle}.disabled")

        page.call("Network.setExtraHTTPHeaders", headers={
            "Authorization": "Basic " + base64.b64encode(b"ops:s3cret").decode()})
        sees("a user is told nothing", f"{access} === ''")
        page.run(f"window.confirm = () => true; {toggle}.click()")
        sees("a user may pause", f"{toggle}.innerText === 'Resume'")

        document["http"]["authentication"] = {"anonymous": "read"}
        running.write(document)
        page.call("Network.setExtraHTTPHeaders", headers={})
        running.process.send_signal(signal.SIGHUP)
        sees("where nobody may act it says so", f"{access} === 'read only'")
        sees("and does not offer it", f"{toggle}.disabled && {toggle}.title !== ''")


def test_an_unknown_address_is_nobody():
    equal("nobody there", command("status", "--url", f"https://{free_address()}").returncode, 1)


def test_whoever_is_let_in_at_the_start_is_answered(east, west):
    """The port is tried out before anything is created: whoever connects then must be refused, not taken in and left."""
    create_topic(east.bootstrap, "orders", partitions=1)
    with configured(east.bootstrap, west.bootstrap) as running:
        host, port = running.http.rsplit(":", 1)
        for number in range(6):
            running.start()
            answer = None
            while answer is None and running.is_alive():
                try:
                    connection = socket.create_connection((host, int(port)))
                except ConnectionRefusedError:
                    continue
                with connection:
                    try:
                        connection.settimeout(PATIENCE)
                        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                        answer = connection.recv(1024)
                    except OSError as error:
                        answer = str(error).encode()
            check(f"start {number + 1}", b" 200 OK" in (answer or b""), str(answer))
            equal("it stops with status 0", running.stop(), 0)
