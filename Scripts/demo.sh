#!/bin/sh
# Two embedded clusters of three nodes, a flow between them, a producer and a consumer at work; then the source is
# killed and the consumer goes on at the target. Prints what it measured.
set -eu
program=$1
work=$(mktemp -d)
total=100000
east=127.0.0.1:29092
west=127.0.0.1:29192
pids=""

finish() {
    for pid in $pids; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT INT TERM

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
now() { date +%s%3N; }
metric() { curl -fs http://127.0.0.1:29644/metrics | awk -v n="$1" '$1 ~ "^" n "[{ ]" { sum += $2 } END { printf "%d", sum }'; }

# Waits for a file to have a line that begins with the given text.
await_line() {
    i=0
    until grep -q "^$2" "$1" 2>/dev/null; do
        i=$((i + 1))
        [ "$i" -lt 200 ] || { echo "waited in vain for \"$2\":"; cat "$1"; exit 1; }
        sleep 0.05
    done
}

say "Starting two clusters of three nodes"
begin=$(now)
"$program" broker --listen $east --nodes 3 --set num.partitions=3 >"$work/east.log" 2>&1 & pids="$pids $!"; east_pid=$!
"$program" broker --listen $west --nodes 3 >"$work/west.log" 2>&1 & pids="$pids $!"
await_line "$work/east.log" "listening on"
await_line "$work/west.log" "listening on"
echo "  both answer after $(($(now) - begin)) ms"

cat >"$work/replicator.yaml" <<Y
clusters:
  east: {bootstrapServers: "$east"}
  west: {bootstrapServers: "$west"}
flows:
  - name: demo
    source: east
    target: west
    topics: {allow: ["orders"]}
    startFrom: earliest
http: {listen: "127.0.0.1:29644"}
Y
kcat -b $east -L >/dev/null
say "Producing $total orders on east while they are replicated to west"
"$program" run --config "$work/replicator.yaml" >"$work/run.log" 2>&1 & pids="$pids $!"; run_pid=$!
seq 1 $total | awk '{ printf "order-%d:%d {\"id\": %d, \"item\": \"a thing of some length, so that it looks like an order\"}\n", $1, $1, $1 }' >"$work/orders"
begin=$(now)
kcat -b $east -t orders -P -K: -X queue.buffering.max.messages=200000 -l "$work/orders"
echo "  produced in $(($(now) - begin)) ms"
i=0
until [ "$(metric replicator_records_total)" -ge $total ]; do
    i=$((i + 1))
    [ "$i" -lt 600 ] || { echo "replication did not finish:"; tail "$work/run.log"; exit 1; }
    sleep 0.05
done
echo "  on west $(($(now) - begin)) ms after the first was produced"

say "A consumer reads a third of them on east; then east dies"
kcat -b $east -t orders -C -o beginning -c $((total / 3)) -q -f '%k\n' >"$work/before"
kill -9 $east_pid
echo "  $(wc -l <"$work/before") read on east"

say "Failing over: the consumer goes on at west"
begin=$(now)
kcat -b $west -t east.orders -C -o beginning -e -q -f '%k:%s\n' >"$work/after"
echo "  $(wc -l <"$work/after") orders on west, read in $(($(now) - begin)) ms"
sort "$work/orders" >"$work/expected"
sort "$work/after" >"$work/found"
missing=$(comm -23 "$work/expected" "$work/found" | wc -l)
doubled=$(uniq -d "$work/found" | wc -l)

say "Measured"
cpu=$(awk '{ print ($14 + $15) / 100 }' /proc/$run_pid/stat)
memory=$(awk '/VmHWM/ { print int($2 / 1024) }' /proc/$run_pid/status)
printf '  %-34s %s\n' "orders missing on west" "$missing" "orders doubled on west" "$doubled" \
    "CPU seconds of the replicator" "$cpu" "peak memory of the replicator, MB" "$memory"
[ "$missing" -eq 0 ] && [ "$doubled" -eq 0 ]
