"""The page at `/` in headless Chromium, with a live flow: what it shows, that it stays live, and that it asks nobody
else.

With REPLICATOR_SCREENSHOTS naming a directory it leaves pictures there.
"""

import json
import os
import pathlib
import re
import urllib.request

import pytest

from support.browser import browser, executable
from support.checks import PATIENCE, check, equal, eventually
from support.packages import installed
from support.records import produce_numbers
from support.replicators import configured, flow, replicator
from support.topics import create_topic
from support.traffic import Traffic

ROW = "tr[data-partition='{}']"


@pytest.fixture
def chromium():
    """A browser: Debian's package, unless there is one."""
    if not executable():
        installed("chromium")
    with browser() as running:
        yield running


def picture(page, name):
    folder = os.environ.get("REPLICATOR_SCREENSHOTS")
    if folder:
        page.screenshot(pathlib.Path(folder) / f"{name}.webp")


def sees(page, what, expression):
    check(what, eventually(lambda: page.run(expression), PATIENCE), page.run("document.body.innerText")[:2000])


def search(page, words):
    page.run(f"""(box => {{ box.value = {json.dumps(words)}; box.dispatchEvent(new Event('input')); }})(
        document.querySelector('[type=search]'))""")


def text(selector):
    return f"(document.querySelector({json.dumps(selector)})?.innerText ?? '')"


@pytest.mark.long
@pytest.mark.east(nodes=3)
def test_the_page_shows_a_live_flow(east, west, chromium):
    create_topic(east.bootstrap, "orders", partitions=3)
    create_topic(east.bootstrap, "large", partitions=1)
    create_topic(west.bootstrap, "east.large", partitions=1, max_message_bytes=1000)
    there, back = flow(name="there"), dict(flow(name="back"), source="west", target="east")
    with configured(east.bootstrap, west.bootstrap, there, back) as running:
        document = running.document()
        # Pictures of it are in the documents: no name of the machine.
        document["instance"] = {"id": "replicator-1"}
        running.write(document)
        running.start()
        running.awaits("both flows run", running.runs)
        traffic = Traffic(east.bootstrap, "orders", 3)
        page = chromium.page()
        page.size(1280, 900)
        page.open(f"http://{running.http}/")

        sees(page, "the state of the process", f"{text('#ready')} === 'ready'")
        sees(page, "both clusters in the picture",
             "['east', 'west'].every(n => document.querySelector('#map').textContent.includes(n))")
        sees(page, "how many brokers they have", "document.querySelector('#map').textContent.includes('3 brokers')")
        sees(page, "both flows in the picture", "document.querySelectorAll('#map .stream').length === 2")
        sees(page, "that records flow in one of them", "document.querySelectorAll('#map .stream.moving').length === 1")
        sees(page, "a card for each flow",
             "[...document.querySelectorAll('[data-flow]')].map(e => e.querySelector('h2').innerText).join()"
             " === 'there,back'")
        sees(page, "the topic and its copy", f"{text('[data-topic=orders] .topic')}.includes('east.orders')")
        sees(page, "its throughput",
             "/[1-9].*B$/.test(document.querySelectorAll('[data-topic=orders] td')[5].innerText)")
        sees(page, "plots of the last hour",
             "[...document.querySelectorAll('.flow[data-flow=there] .plot .line')]"
             ".filter(l => l.getAttribute('d').includes('L')).length >= 2")
        sees(page, "events", f"{text('#events')}.includes('flow is running')")

        page.run("document.querySelector('[data-topic=orders]').click()")
        sees(page, "its partitions", "document.querySelectorAll('tr[data-partition]').length === 3")
        before = page.run(text(ROW.format(0)))
        sees(page, "offsets that come on without a reload", f"{text(ROW.format(0))} !== {json.dumps(before)}")
        sees(page, "a plot for the topic", "document.querySelectorAll('.detail .plot .line').length === 3")
        picture(page, "live")

        page.run(f"document.querySelector({json.dumps(ROW.format(1))} + ' button').click()")
        sees(page, "a partition that is paused here", f"{text(ROW.format(1))}.includes('paused')")
        equal("it is paused there",
              [p["state"] for p in running.partitions() if (p["topic"], p["partition"]) == ("orders", 1)], ["paused"])
        page.run(f"document.querySelector({json.dumps(ROW.format(1))} + ' button').click()")
        sees(page, "and goes on again", f"{text(ROW.format(1))}.includes('active')")

        groups = [{"group": "billing", "state": "synced", "partitions": [
            {"topic": "orders", "partition": 0, "state": "synced", "sourceOffset": 4321, "translatedOffset": 1234,
             "targetOffset": 1230}]},
            {"group": "idle", "state": "refused", "reason": "outside the known range", "partitions": []}]
        shown = page.run(f"""(() => {{
            const view = views.get('there');
            view.flow = {{...view.flow, groups: {json.dumps(groups)}}};
            drawGroups(view);
            return [...document.querySelectorAll('[data-group]')].map(row => row.innerText).join('; '); }})()""")
        check("groups with their positions on both sides, and reasons", all(
            part in shown for part in ("billing", "orders-0", "4\u202f321", "1\u202f234", "1\u202f230",
                                       "outside the known range")), shown)

        produce_numbers(east.bootstrap, "large", range(3), partitions=1, padding=5000)
        sees(page, "that it is not ready any more", f"{text('#ready')} === 'not ready'")
        sees(page, "why", f"{text('#obstacles')}.includes('raise max.message.bytes of the target topic')")
        sees(page, "the failed topic", f"{text('[data-topic=large]')}.includes('failed')")
        sees(page, "the failure among the events", f"{text('#events .error')}.includes('partition stopped')")
        picture(page, "failed")
        retry = ".flow[data-flow=there] .head button"
        sees(page, "a button to retry what has stopped", f"!document.querySelector({json.dumps(retry)}).hidden")
        sees(page, "none where nothing has stopped",
             "document.querySelector('.flow[data-flow=back] .head button').hidden")
        page.run(f"document.querySelector({json.dumps(retry)}).click()")
        sees(page, "that it is tried again", f"{text('#events')}.includes('partition is tried again')")
        sees(page, "that it stops again, since nothing has changed", f"{text('[data-topic=large]')}.includes('failed')")
        page.run("window.confirm = question => { window.asked = question; return false; }")
        page.run("document.querySelectorAll('.flow[data-flow=there] .head button')[1].click()")
        sees(page, "a question before the whole flow is paused", "window.asked.includes('Pause the whole flow there')")
        equal("and nothing is paused without an answer",
              {p["state"] for p in running.partitions() if p["topic"] == "orders"}, {"active"})

        search(page, "ord")
        sees(page, "only topics that match", "document.querySelectorAll('.flow[data-flow=there] tr.row').length === 1")
        search(page, "")

        for scheme in ("dark", "light"):
            page.colors(scheme)
            luminance = page.run(
                "(c => c[0] + c[1] + c[2])(getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number))")
            check(f"{scheme} colors", (luminance < 150) == (scheme == "dark"), str(luminance))
            picture(page, scheme)
        page.size(390, 844, mobile=True)
        sees(page, "a phone shows it without scrolling sideways", "document.documentElement.scrollWidth <= innerWidth")
        picture(page, "phone")

        equal("nothing complains", chromium.complaints, [])
        equal("nobody else is asked for anything",
              {u for u in chromium.requests if not u.startswith((f"http://{running.http}/", "data:", "about:"))}, set())
        traffic.stop()
        running.copies(east.bootstrap, ["orders"], flows=["there"])
        running.kill()
        sees(page, "that the connection is lost", f"{text('#live')}.includes('connection lost')")
    traffic.check(west.bootstrap, "east.orders")


def test_the_page_needs_nothing_from_elsewhere(east, west):
    with replicator(east.bootstrap, west.bootstrap) as running:
        running.awaits("the flow runs", running.runs)
        with urllib.request.urlopen(f"http://{running.http}/") as response:
            html, policy = response.read().decode(), response.headers["content-security-policy"]
        equal("no address of another site",
              [u for u in re.findall(r"https?://[^\s\"'<]+", html) if "www.w3.org" not in u], [])
        check("a policy that forbids others", "default-src 'none'" in policy and "connect-src 'self'" in policy, policy)
        check("it fits into one answer of 100 kB", len(html) < 100_000, str(len(html)))
