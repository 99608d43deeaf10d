"""Topics that somebody asks for and that are never copied, by rules that are not his own: each command says so."""

import json

from support.checks import check, equal
from support.program import command
from support.records import produce_numbers
from support.replicators import configured, flow
from support.topics import create_topic


def test_topics_that_are_never_copied_are_named(east, west):
    """Wherever somebody asks for them by name: by plan, doctor, run, migrate, verify, and the commands with --topic."""
    for name in ("orders", "pay-internal", "west.back"):
        create_topic(east.bootstrap, name, partitions=1)
        produce_numbers(east.bootstrap, name, range(10), partitions=1)
    internal, loop = "under which clusters and replicators keep their own state", "came from there"
    wanted = flow(topics=["orders", "pay-internal", r"west\..*"])
    with configured(east.bootstrap, west.bootstrap, wanted) as running:
        config = ["--config", str(running.path)]
        named = lambda text: all(part in text for part in ("pay-internal", internal, "west.back", loop))
        plan = command("plan", *config)
        check("plan names them with the rule", named(plan.stdout), plan.stdout + plan.stderr)
        doctor = command("doctor", *config)
        check("doctor names them", named(doctor.stdout), doctor.stdout)
        equal("it is no error", doctor.returncode, 0)
        running.start()
        running.copies(east.bootstrap, ["orders"])
        for _ in range(2):
            # Another topic, another look at all of them.
            create_topic(east.bootstrap, f"other-{_}", partitions=1)
        log = running.log()
        equal("run says it of each once", [log.count("topic pay-internal of east"), log.count("topic west.back of east")],
              [1, 1])
        check("with the rule", named(log), log)
        found = {t["topic"]: t for f in running.status() for t in f["excluded"]}
        equal("the status lists them", sorted(found), ["pay-internal", "west.back"])
        check("with the rule and who asked", internal in found["pay-internal"]["reason"]
              and found["west.back"]["expression"] == r"west\..*", str(found))
        shown = command("status", "--url", running.http)
        check("so does the command", named(shown.stdout), shown.stdout)
        equal("they keep nothing from being ready", running.obstacles(), "")
        for name in ("pause", "retry"):
            done = command(name, "--url", running.http, "--flow", "flow", "--topic", "pay-internal")
            equal(f"{name}: it is told why there is no such topic", (done.returncode, internal in done.stderr), (1, True))
        done = command("offsets", *config, "--group", "g", "--topic", "pay-internal")
        equal("offsets: likewise", (done.returncode, internal in done.stderr), (2, True))
        verified = command("verify", *config)
        check("verify says that they were not compared", named(verified.stdout) and "not compared" in verified.stdout,
              verified.stdout)
        equal("what is copied is equal", verified.returncode, 0)
        document = json.loads(command("verify", "--json", *config).stdout)
        equal("also in JSON", [t["topic"] for t in document["flows"][0]["excluded"]], ["pay-internal", "west.back"])
        equal("it stops with status 0", running.stop(), 0)
        migrated = command("migrate", "--yes", *config)
        check("migrate names them before it begins", named(migrated.stdout), migrated.stdout)
    with configured(east.bootstrap, west.bootstrap, flow("other", topics=["pay-internal"])) as running:
        done = command("migrate", "--yes", "--config", str(running.path))
        check("with nothing else to migrate it says why", done.returncode == 1 and internal in done.stderr, done.stderr)
        done = command("plan", "--config", str(running.path))
        check("plan: likewise", internal in done.stdout, done.stdout)
