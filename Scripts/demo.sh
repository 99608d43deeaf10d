#!/bin/sh
# Two embedded clusters of three nodes, a flow each way, and a consumer group that moves: east dies in the middle of its work, the
# group continues at west, east comes back with what it has missed, and the group returns. Counts what the group has read.
set -eu
program=$1
work=$(mktemp -d)
total=100000
later=5000
east=127.0.0.1:29092
west=127.0.0.1:29192
http=127.0.0.1:29644
pids=""
begun=$(date +%s)

finish() {
    # The replicator first: it takes its leave of clusters that answer.
    [ -z "${run_pid:-}" ] || { kill "$run_pid" 2>/dev/null && wait "$run_pid" 2>/dev/null; } || true
    for pid in $pids; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT INT TERM

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
now() { date +%s%3N; }
metric() { curl -fs http://$http/metrics | awk -v n="$1" 'index($1, n) == 1 { sum += $2 } END { printf "%d", sum }'; }

# Waits until a command succeeds: a description, then the command.
await() {
    what=$1
    shift
    i=0
    until "$@" >/dev/null 2>&1; do
        i=$((i + 1))
        [ "$i" -lt 600 ] || { echo "gave up waiting for $what; the last lines of the logs:"; tail -n 20 "$work"/*.log; exit 1; }
        sleep 0.05
    done
}

# Another program there would answer in our place.
free() {
    status=0
    curl -s -m 1 -o /dev/null "http://$1/" || status=$?
    [ "$status" -eq 7 ] || { echo "another program listens on $1: stop it, and run this again"; exit 1; }
}

start() { # NAME ADDRESS: a cluster that keeps its records on disk
    "$program" broker --listen "$2" --nodes 3 --data "$work/$1" --set num.partitions=3 >>"$work/$1.log" 2>&1 &
    pids="$pids $!"
    await "the $1 cluster" kcat -b "$2" -L
}

orders() { seq "$1" "$2" | awk '{ printf "order-%d:{\"id\": %d, \"item\": \"a thing of some length, so that it looks like an order\"}\n", $1, $1 }'; }

# CLUSTER [COUNT]: what the group reads there next; all that is left without a count.
billing() {
    if [ $# -gt 1 ]; then end="-c $2"; else end=-e; fi
    # shellcheck disable=SC2086
    kcat -b "$1" -G billing $end -q -f '%k\n' -X auto.offset.reset=earliest -X topic.metadata.refresh.interval.ms=500 orders 2>/dev/null
}

# FLOW: nothing is left to be carried over to the flow's target, the group's position included.
in_step() { "$program" plan --config "$work/replicator.yaml" --flow "$1"; }
copied() { [ "$(metric "replicator_records_total{flow=\"$1\"")" -ge "$2" ]; }
ready() { curl -fs http://$http/readyz; }

say "Two clusters of three nodes, and a replicator with a flow each way"
cat >"$work/replicator.yaml" <<Y
clusters:
  east: {bootstrapServers: "$east"}
  west: {bootstrapServers: "$west"}
flows:
  - name: there
    source: east
    target: west
    topics: {allow: ["orders"]}
    naming: {mode: identical}
    startFrom: earliest
    sync: {interval: 1s, acls: false}
  - name: back
    source: west
    target: east
    topics: {allow: ["orders"]}
    naming: {mode: identical}
    startFrom: earliest
    sync: {interval: 1s, acls: false}
http: {listen: "$http"}
Y
for address in $east $west $http; do free "$address"; done
start east $east; east_pid=${pids##* }
start west $west
"$program" run --config "$work/replicator.yaml" >"$work/run.log" 2>&1 & pids="$pids $!"; run_pid=$!
await "the replicator" ready
echo "  the page: http://$http/"

say "$total orders are produced on east and copied to west"
orders 1 $total >"$work/orders"
from=$(now)
kcat -b $east -t orders -P -K: -X queue.buffering.max.messages=200000 -l "$work/orders"
await "the copies" copied there $total
echo "  all on west $(($(now) - from)) ms after the first was produced"

say "The group billing reads a third of them on east"
billing $east $((total / 3)) >"$work/read-1"
await "the group's position on west" in_step there
echo "  $(wc -l <"$work/read-1") read; its position is on west, too"

say "East dies (kill -9); the group continues at west"
kill -9 "$east_pid"
from=$(now)
billing $west >"$work/read-2"
echo "  $(wc -l <"$work/read-2") read on west within $(($(now) - from)) ms, from its next record on"

say "$later more orders are produced on west; east comes back, and gets what it has missed"
orders $((total + 1)) $((total + later)) >"$work/more"
kcat -b $west -t orders -P -K: -l "$work/more"
start east $east
from=$(now)
await "the copies on east" copied back $later
await "the group's position on east" in_step back
back=$(metric 'replicator_records_total{flow="back"')
echo "  $back records copied back; in step $(($(now) - from)) ms after east answers"

say "The group returns to east"
billing $east >"$work/read-3"
echo "  $(wc -l <"$work/read-3") read on east"

cut -d: -f1 "$work/orders" "$work/more" | sort >"$work/expected"
cat "$work/read-1" "$work/read-2" "$work/read-3" | sort >"$work/read"
missed=$(comm -23 "$work/expected" "$work/read" | wc -l)
twice=$(uniq -d "$work/read" | wc -l)

say "Measured"
cpu=$(awk '{ print ($14 + $15) / 100 }' /proc/$run_pid/stat)
memory=$(awk '/VmHWM/ { print int($2 / 1024) }' /proc/$run_pid/status)
printf '  %-46s %s\n' "orders that the group has read" "$(wc -l <"$work/read")" "orders that it has missed" "$missed" \
    "orders that it has read twice" "$twice" "orders that came back to where they were from" "$((back - later))" "CPU seconds of the replicator" "$cpu" \
    "peak memory of the replicator, MB" "$memory" "seconds in all" "$(($(date +%s) - begun))"
if [ "$missed" -ne 0 ] || [ "$twice" -ne 0 ] || [ "$back" -ne "$later" ]; then exit 1; fi
if [ -t 0 ] && [ -t 1 ]; then
    printf '\nEverything still runs, as http://%s/ shows. Press Enter to stop. ' "$http"
    read -r _ || true
fi
