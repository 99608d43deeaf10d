"""The page's picture and order, drawn from documents made by hand: many clusters and flows need no brokers for it.

With REPLICATOR_SCREENSHOTS naming a directory it leaves pictures there.
"""

import json

import pytest

from operations.test_page import chromium, picture, sees, text  # noqa: F401
from support.checks import check, equal
from support.statuses import cluster, document, flow, instance, partition, serving, topic

CITIES = ["amsterdam", "berlin", "copenhagen", "dublin", "edinburgh"]


def mesh(count, again=0):
    """A flow from each city to each other, and more of them between the first two."""
    names = CITIES[:count]
    pairs = [(a, b) for a in names for b in names if a != b] + [(names[0], names[1])] * again
    return document([flow(f"{a}-to-{b}-{i}", source=a, target=b, lag=12345) for i, (a, b) in enumerate(pairs)])


WORLDS = {
    "one way": document([flow("east-to-west")]),
    "both ways": document([flow("east-to-west"), flow("west-to-east", source="west", target="east")]),
    "several between two of three": mesh(3, again=3),
    "chain": document([flow(f"{a}-on-to-{b}", source=a, target=b) for a, b in zip(CITIES, CITIES[1:])]),
    "hub": document([flow(f"{city}-to-hub", source=city, target="hub") for city in CITIES]),
    "mesh of three": mesh(3),
    "mesh of four": mesh(4),
    "mesh of five": mesh(5),
    "long names": document([flow("a-flow-with-a-name-that-is-longer-than-any-box-" * 2, source="a" * 40, target="b" * 40)]),
}

# What lies where: boxes, labels with what they say, and for each line its ends and points along it.
GEOMETRY = """(() => {
  const svg = document.querySelector('#map svg'), origin = svg.getBoundingClientRect();
  const rect = e => { const r = e.getBoundingClientRect();
    return [r.left - origin.left, r.top - origin.top, r.right - origin.left, r.bottom - origin.top]; };
  return {
    size: [origin.width, origin.height],
    boxes: [...svg.querySelectorAll('rect.node')].map(e => ({ name: e.dataset.cluster, rect: rect(e) })),
    labels: [...svg.querySelectorAll('[data-label]')].map(e => ({ name: e.dataset.label, text: e.lastChild.textContent, rect: rect(e) })),
    lines: [...svg.querySelectorAll('[data-line]')].map(e => { const n = e.getTotalLength(), at = t => { const p = e.getPointAtLength(t); return [p.x, p.y]; };
      return { name: e.dataset.line, start: at(0), end: at(n), points: Array.from({ length: Math.ceil(n / 3) }, (_, i) => at(3 * i)) }; }),
    tips: [...svg.querySelectorAll('marker')].map(e => e.refX.baseVal.value === e.viewBox.baseVal.width),
    legend: [...document.querySelectorAll('#map .legend li')].map(e => e.innerText),
  }; })()"""


def overlap(a, b, slack=1.0):
    return a[0] + slack < b[2] and b[0] + slack < a[2] and a[1] + slack < b[3] and b[1] + slack < a[3]


def inside(point, rect, margin=0.0):
    return rect[0] + margin < point[0] < rect[2] - margin and rect[1] + margin < point[1] < rect[3] - margin


def on_border(point, rect):
    near = [abs(point[0] - rect[0]), abs(point[0] - rect[2]), abs(point[1] - rect[1]), abs(point[1] - rect[3])]
    return min(near) < 1.5 and inside(point, [rect[0] - 2, rect[1] - 2, rect[2] + 2, rect[3] + 2])


def flaws(world, seen):
    """What is wrong with a picture, in words."""
    boxes = {box["name"]: box["rect"] for box in seen["boxes"]}
    ends = {one["name"]: (one["source"], one["target"]) for one in world["flows"]}
    found = []
    if set(boxes) != {c["name"] for c in world["clusters"]}:
        found.append(f"boxes of {sorted(boxes)}")
    if sorted(line["name"] for line in seen["lines"]) != sorted(ends):
        found.append("a flow without a line")
    for line in seen["lines"]:
        source, target = ends[line["name"]]
        if not on_border(line["start"], boxes[source]):
            found.append(f"{line['name']} begins beside {source}")
        if not on_border(line["end"], boxes[target]):
            found.append(f"{line['name']} ends beside {target}")
        for name, rect in boxes.items():
            if any(inside(point, rect, 1) for point in line["points"]):
                found.append(f"{line['name']} runs through {name}")
    if not all(seen["tips"]):
        found.append("a tip that is not where its line ends")
    labels = seen["labels"]
    if {label["name"] for label in labels} != set(ends):
        found.append("a flow without a label")
    numbered = bool(seen["legend"])
    if numbered and len(seen["legend"]) != len(ends):
        found.append("a flow without a line in the legend")
    for i, label in enumerate(labels):
        rect = label["rect"]
        for name, box in boxes.items():
            if overlap(rect, box):
                found.append(f"label {label['text']} of {label['name']} lies on box {name}")
        for other in labels[i + 1:]:
            # Name and figures of one flow lie around its line.
            if overlap(rect, other["rect"], slack=2.0):
                found.append(f"label {label['text']} of {label['name']} lies on {other['text']} of {other['name']}")
        for line in seen["lines"]:
            if numbered and line["name"] == label["name"]:
                continue
            if any(inside(point, rect, 2) for point in line["points"]):
                found.append(f"label {label['text']} of {label['name']} lies on line {line['name']}")
        width, height = seen["size"]
        if rect[0] < -1 or rect[1] < -1 or rect[2] > width + 1 or rect[3] > height + 1:
            found.append(f"label {label['text']} is cut off")
    return found


def extent(seen):
    """The share of the picture's width and height that something is drawn in."""
    rects = [box["rect"] for box in seen["boxes"]] + [label["rect"] for label in seen["labels"]]
    points = [point for line in seen["lines"] for point in line["points"]]
    across = [r[0] for r in rects] + [r[2] for r in rects] + [p[0] for p in points]
    down = [r[1] for r in rects] + [r[3] for r in rects] + [p[1] for p in points]
    return (max(across) - min(across)) / seen["size"][0], (max(down) - min(down)) / seen["size"][1]


def test_each_arrow_of_the_picture_and_its_label_can_be_read(chromium):  # noqa: F811
    page = chromium.page()
    for width, mobile in ((1280, False), (800, False), (390, True)):
        page.size(width, 900, mobile=mobile)
        for name, world in WORLDS.items():
            with serving(world) as server:
                page.open(f"http://{server.address}/")
                sees(page, f"{name}: its boxes", f"document.querySelectorAll('#map rect.node').length === {len(world['clusters'])}")
                seen = page.run(GEOMETRY)
                check(f"{name}, {width} wide: everything apart", not flaws(world, seen), "; ".join(flaws(world, seen)[:10]))
                used = extent(seen)
                check(f"{name}, {width} wide: no third of it is empty", mobile or min(used) > 0.67, str(used))
                if mobile:
                    check(f"{name}: nothing to scroll sideways", page.run("document.documentElement.scrollWidth <= innerWidth"))
                picture(page, f"map-{name.replace(' ', '-')}-{width}")


def test_trouble_is_shown_first(chromium):  # noqa: F811
    topics = [topic(f"orders.{i:03}") for i in range(70)] + [
        topic("zz.failed", state="failed", lag=None), topic("zz.waits", state="waiting", lag=None, reason="no right"),
        topic("zz.stuck", state="stuck", lag=4), topic("zz.unknown", lag=None)]
    sentence = "flow bad: zz.failed-0 has stopped: too large"
    bad = flow("bad", condition="partly failed", topics=topics, lag=None, knownLag=4, lagUnknownPartitions=3,
               partitions=[partition("zz.failed", state="failed", lag=None, reason="too large")], obstacles=[sentence])
    down = flow("down", source="north", condition="source down", obstacles=["cluster north cannot be reached"])
    fine = flow("fine", topics=[topic("a")])
    paused = flow("held", condition="paused", paused=["the flow"])
    clusters = [cluster("east"), cluster("west"), cluster("north", up=False)]
    events = [{"id": 1, "time": 1_790_000_000_000, "level": "error", "message": "partition stopped", "about": {}}]
    page = chromium.page()
    page.size(1280, 900)
    with serving(document([fine, paused, bad, down], clusters), events) as server:
        page.open(f"http://{server.address}/")
        sees(page, "flows in trouble first", "[...document.querySelectorAll('[data-flow]')].map(e => e.dataset.flow).join()"
             " === 'down,bad,held,fine'")
        pills = "[...document.querySelectorAll('[data-flow]')].map(e => e.querySelector('.head .chip').innerText).join()"
        equal("each with what it is", page.run(pills), "source down,partly failed,paused,running")
        notes = "[...document.querySelectorAll('[data-flow]')].map(e => e.querySelector('.tile .extra').innerText)"
        equal("and in step only where that is known", [n == "in step" for n in page.run(notes)], [False, False, False, True])
        rows = "[...document.querySelectorAll('.flow[data-flow=bad] tr.row')].slice(0, 5).map(e => e.dataset.topic).join()"
        equal("topics in trouble first", page.run(rows), "zz.failed,zz.waits,zz.stuck,zz.unknown,orders.000")
        check("events before the flows", page.run(
            "document.querySelector('#happened').compareDocumentPosition(document.querySelector('#flows')) & 4") == 4)
        heads = "[...document.querySelectorAll('.flow[data-flow=bad] th.sortable')].map(e => e.innerText.trim())"
        shown = page.run(heads)
        check("heads that show the order, and that there can be another",
              [h for h in shown if "↑" in h] == ["state ↑"] or [h for h in shown if "↑" in h] == ["state↑"], str(shown))
        check("all others can be sorted by", sum("↕" in h for h in shown) == len(shown) - 1, str(shown))
        page.run("document.querySelector('.flow[data-flow=bad] th[data-key=topic] button').click()")
        equal("a click sorts", page.run(rows), "orders.000,orders.001,orders.002,orders.003,orders.004")
        equal("and says so", page.run("document.querySelector('.flow[data-flow=bad] th[data-key=topic]').ariaSort"), "ascending")
        page.run("document.querySelector('.flow[data-flow=bad] th[data-key=topic] button').click()")
        equal("a second one turns it round", page.run(rows), "zz.waits,zz.unknown,zz.stuck,zz.failed,orders.069")
        check("the obstacle", sentence in page.run(text("#obstacles")))
        picture(page, "trouble")

        fine_now = [dict(bad, condition="running", obstacles=[], partitions=[]), fine]
        server.answers["/api/status"] = document(fine_now)
        sees(page, "events behind the flows when all is well",
             "document.querySelector('#happened').compareDocumentPosition(document.querySelector('#flows')) & 2")
        check("and no obstacles", page.run("document.querySelector('#obstacles').hidden"))


def test_a_listing_that_is_cut_off_says_so(chromium):  # noqa: F811
    topics = [topic(f"t{i}", state="waiting", lag=None, reason="no right") for i in range(300)]
    many = flow("many", condition="topics wait", topics=topics, lag=None)
    many["counts"]["topics"] = 100_000
    page = chromium.page()
    page.size(1280, 900)
    with serving(document([many], obstacles=["flow many: 100000 topics are not replicated (t0, t1 and 99998 more): no right"])) as server:
        page.open(f"http://{server.address}/")
        sees(page, "how many there are", f"{text('.flow')}.includes('300 of 100\u202f000, those in trouble first')")


def test_instances_are_shown_with_their_parts(chromium):  # noqa: F811
    silent = "http://c.example:9644 does not answer: nothing listens there"
    instances = [instance("a", 4, is_self=True, tasks=["topics"], age=300), instance("b", 8), instance("c", reason=silent)]
    shared = flow("shared", condition="partly unknown", topics=[topic("orders")], lag=None, knownLag=7, instances=instances,
                  partitions=[partition("orders", 0, instance="a"), partition("orders", 1, instance="b")],
                  obstacles=[f"flow shared: nothing is known of the part of instance c: {silent}"])
    alone = flow("alone", topics=[topic("x")], instances=[instance("a", is_self=True)])
    page = chromium.page()
    page.size(1280, 900)
    with serving(document([alone, shared])) as server:
        page.open(f"http://{server.address}/")
        rows = "[...document.querySelectorAll('.flow[data-flow=shared] tr[data-instance]')]"
        sees(page, "a row for each, the silent one first", f"{rows}.map(e => e.dataset.instance).join() === 'c,a,b'")
        equal("their states", page.run(f"{rows}.map(e => e.querySelector('.chip').innerText).join()"), "silent,copies,copies")
        equal("their partitions, of the silent one none that is claimed",
              page.run(f"{rows}.map(e => e.children[2].innerText.trim()).join()"), "?,4,8")
        check("who has more has the longer bar", page.run(
            f"{rows}.map(e => e.querySelector('.share').getBoundingClientRect().width).slice(1).reduce((a, b) => b - a) > 10"))
        check("since when, tasks, address and reason", all(word in page.run(f"{rows}.map(e => e.innerText).join('|')") for word in (
            "for 5", "topics", "http://b.example:9644", silent, "answers here")))
        equal("a lone one is no table", page.run("document.querySelectorAll('.flow[data-flow=alone] tr[data-instance]').length"), 0)
        check("the flow in trouble comes first", page.run("document.querySelector('[data-flow]').dataset.flow") == "shared")
        line = "document.querySelector('#map [data-line=shared] title').textContent"
        check("the map says who copies what", all(word in page.run(line) for word in ("a: 4 partitions", "b: 8 partitions", "c: silent")),
              page.run(line))
        check("and in the picture how many they are",
              "3 instances, 1 silent" in page.run("[...document.querySelectorAll('#map [data-label=shared]')].map(e => e.textContent).join()"))
        page.run("document.querySelector('.flow[data-flow=shared] tr[data-topic=orders]').click()")
        sees(page, "each partition with its instance",
             "[...document.querySelectorAll('tr[data-partition]')].map(e => e.children[7].innerText).join() === 'a,b'")
        page.size(390, 900, mobile=True)
        check("nothing to scroll sideways", page.run("document.documentElement.scrollWidth <= innerWidth"))
        picture(page, "instances")
