"""Alert rules and dashboard, by Prometheus' own tool: each alert fires at what it is about, and is silent otherwise."""

import json
import re
import subprocess

import pytest
import yaml

from support.checks import check, equal
from support.packages import unpacked
from support.program import ROOT

RULES = ROOT / "Docs" / "replicator-alerts.yaml"
DASHBOARD = ROOT / "Docs" / "replicator-dashboard.json"
METRICS = ROOT / "Docs" / "Metrics.md"
UP = {"job": "replicator", "instance": "a:9644"}
FLOW = {"flow": "f"}
WITH_FLOW = {**UP, **FLOW}

# By alert: series while there is trouble, series while there is none (both a value a minute), the labels of what the rule
# selects, and its value as people read it. `_`: no sample, `x120`: 120 more.
CASES = {
    "ReplicatorDown": ({"up": "0x180"}, {"up": "1x180"}, UP, "0"),
    "ReplicatorClusterUnreachable": (
        {"replicator_cluster_up": "0x180"}, {"replicator_cluster_up": "1x180"}, {**UP, "cluster": "west"}, "0"),
    "ReplicatorConfigurationNotReloaded": (
        {"replicator_config_last_reload_successful": "0x180"}, {"replicator_config_last_reload_successful": "1x180"}, UP, "0"),
    "ReplicatorPartitionsStuck": (
        {"replicator_stuck_partitions": "2x180"}, {"replicator_stuck_partitions": "0x180"}, WITH_FLOW, "2"),
    "ReplicatorFailures": (
        {"replicator_failures_total": "0+1x180"}, {"replicator_failures_total": "7x180"},
        {"flow": "f", "reason": "truncated"}, "10"),
    "ReplicatorLagGrows": (
        {"replicator_message_lag": "0+100x180"}, {"replicator_message_lag": "18000-100x180"}, FLOW, "12000"),
    "ReplicatorLagUnknown": (
        {"replicator_partitions_lag_unknown": "3x180"}, {"replicator_partitions_lag_unknown": "0x180"}, WITH_FLOW, "3"),
    "ReplicatorTopicsWait": (
        {"replicator_waiting_topics": "1x180"}, {"replicator_waiting_topics": "0x180"}, WITH_FLOW, "1"),
    "ReplicatorFlowDown": ({"replicator_flow_running": "0x180"}, {"replicator_flow_running": "1x180"}, WITH_FLOW, "0"),
    "ReplicatorLatencyHigh": (
        {'replicator_replication_latency_seconds_bucket{le="60"}': "0x180",
         'replicator_replication_latency_seconds_bucket{le="120"}': "0+60x180",
         'replicator_replication_latency_seconds_bucket{le="+Inf"}': "0+60x180"},
        {'replicator_replication_latency_seconds_bucket{le="60"}': "0+60x180",
         'replicator_replication_latency_seconds_bucket{le="120"}': "0+60x180",
         'replicator_replication_latency_seconds_bucket{le="+Inf"}': "0+60x180"}, FLOW, "1m 59s"),
    "ReplicatorThrottled": (
        {"replicator_throttle_seconds_total": "0+60x180"}, {"replicator_throttle_seconds_total": "0+6x180"},
        {**UP, "cluster": "west"}, "1"),
    "ReplicatorAuthErrors": (
        {"replicator_auth_errors_total": "0+1x180"}, {"replicator_auth_errors_total": "4x180"}, {**UP, "cluster": "west"},
        "5"),
    "ReplicatorOffsetSyncFails": (
        {"replicator_offset_sync_failures_total": "0+1x180"}, {"replicator_offset_sync_failures_total": "4x180"}, WITH_FLOW,
        "10"),
    "ReplicatorRecordsDoubled": (
        {"replicator_doubled_records_total": "0+1x180"}, {"replicator_doubled_records_total": "4x180"},
        {"flow": "f", "topic": "orders"}, "60"),
    "ReplicatorPartitionsPaused": (
        {"replicator_partitions_paused": "2x180"}, {"replicator_partitions_paused": "0x180"}, FLOW, "2"),
    "ReplicatorGroupsFallBehind": (
        {"replicator_group_target_lag": "20000x180", "replicator_group_lag": "10x180"},
        {"replicator_group_target_lag": "20000x180", "replicator_group_lag": "19000x180"}, {**WITH_FLOW, "group": "g"},
        "20000"),
    "ReplicatorInstanceIsNoMember": (
        {"replicator_instance_member": "0x180"}, {"replicator_instance_member": "1x180"}, {"flow": "f", "instance": "a:9644"},
        "0"),
    "ReplicatorPartitionsAreNobodys": (
        {"replicator_instance_partitions": "0x180", "replicator_flow_running": "1x180"},
        {"replicator_instance_partitions": "5x180", "replicator_flow_running": "1x180"}, FLOW, "0"),
    "ReplicatorVersionsDiffer": (
        {'replicator_build_info{version="1"}': "1x1800", 'replicator_build_info{version="2"}': "1x1800"},
        {'replicator_build_info{version="1"}': "1x1800"}, {}, "2"),
    "ReplicatorDescriptorsRunOut": (
        {"process_open_fds": "90x180", "process_max_fds": "100x180"}, {"process_open_fds": "70x180", "process_max_fds": "100x180"},
        UP, "90%"),
}
# What series have that the rule's sum leaves out.
OTHERWISE = {"topic": "orders", "reason": "truncated", "architecture": "x86_64"}


@pytest.fixture(scope="module")
def promtool():
    return unpacked("prometheus") / "usr/bin/promtool"


def rules():
    return {rule["alert"]: rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}


def series(name, labels):
    """A series with the labels that Docs/Metrics.md has for it, and those that a scrape adds."""
    bare, _, own = name.partition("{")
    row = re.search(rf"^\| `{bare.removesuffix('_bucket')}` \| \w+ \| (.*?) \|", METRICS.read_text(), re.M)
    named = {key: {**OTHERWISE, **labels}.get(key, "") for key in re.findall(r"`(\w+)`", row[1] if row else "")}
    whole = {**UP, **named} | dict(re.findall(r'(\w+)="([^"]*)"', own))
    return bare + "{" + ",".join(f'{key}="{value}"' for key, value in sorted(whole.items())) + "}"


def expected(rule, labels, value):
    """The annotations as Prometheus fills them in."""
    fill = lambda text: re.sub(r"\{\{ \$value[^}]*\}\}", value, re.sub(
        r"\{\{ \$labels\.(\w+) \}\}", lambda match: labels[match[1]], text))
    return {key: fill(text) for key, text in rule["annotations"].items()}


def told(promtool, *words, cwd=None):
    return subprocess.run([promtool, *map(str, words)], capture_output=True, text=True, cwd=cwd)


def test_the_rules_are_valid(promtool):
    done = told(promtool, "check", "rules", "--lint=all", "--lint-fatal", RULES)
    check("promtool has nothing against the rules", done.returncode == 0, done.stdout + done.stderr)


def test_each_alert_fires_at_its_trouble_alone(promtool, tmp_path):
    found = rules()
    equal("every alert has a case", set(CASES), set(found))
    tests = []
    for name, (trouble, calm, labels, value) in CASES.items():
        rule = found[name]
        # Long after what the rule waits for, and while the series last.
        at = "120m" if name != "ReplicatorVersionsDiffer" else "1600m"
        fires = {"exp_labels": {**labels, **rule["labels"]}, "exp_annotations": expected(rule, labels, value)}
        for given, alerts in ((trouble, [fires]), (calm, [])):
            tests.append({
                "interval": "1m", "name": f"{name}, {'trouble' if alerts else 'calm'}",
                "input_series": [{"series": series(one, labels), "values": values} for one, values in given.items()],
                "alert_rule_test": [{"eval_time": at, "alertname": name, "exp_alerts": alerts}]})
    path = tmp_path / "tests.yaml"
    path.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": tests}))
    done = told(promtool, "test", "rules", path)
    check("each alert fires as the table has it", done.returncode == 0, done.stdout + done.stderr)
    # The check itself: an alert that is expected and does not fire is told.
    tests[1]["alert_rule_test"][0]["exp_alerts"] = tests[0]["alert_rule_test"][0]["exp_alerts"]
    path.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": tests}))
    check("promtool would tell one that does not", told(promtool, "test", "rules", path).returncode != 0)


def test_the_dashboard_asks_what_prometheus_understands(promtool, tmp_path):
    asked = re.findall(r'"(?:expr|query)": ("(?:[^"\\]|\\.)*")', DASHBOARD.read_text())
    expressions = {json.loads(text) for text in asked}
    # Questions of variables are Grafana's own.
    queries = sorted(text for text in expressions if not text.startswith("label_values"))
    check("there are questions", len(queries) > 10, str(len(queries)))
    plain = lambda text: re.sub(r"\$\{?\w+(:\w+)?\}?", "x", re.sub(r"\[\$__\w+\]", "[5m]", text))
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": [
        {"record": f"panel:{number}", "expr": plain(text)} for number, text in enumerate(queries)]}]}))
    done = told(promtool, "check", "rules", path)
    check("promtool understands each", done.returncode == 0, done.stdout + done.stderr)
