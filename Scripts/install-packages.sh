#!/bin/sh
# Installs the system packages that the build, the demo and the tests need, if any is missing;
# also those named as arguments.
set -eu
packages="liblz4-dev libzstd-dev libsnappy-dev libdeflate-dev libisal-dev libssl-dev libpcre2-dev
    pkg-config openssl kcat python3 python3-venv curl procps $*"
missing=""
for package in $packages; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
echo "installing:$missing"
sudo=""
[ "$(id -u)" -eq 0 ] || sudo="sudo"
log=$(mktemp)
if ! { $sudo apt-get update && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1
then
    cat "$log" >&2
    echo "could not install:$missing" >&2
    exit 1
fi
rm -f "$log"
