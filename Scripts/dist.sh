#!/bin/sh
# Builds the program with Swift's libraries inside, so that it runs where no Swift is installed, and makes its packages in
# dist: a tarball, a Debian package, an image for containers, the bill of materials and checksums. Arguments go to `swift build`.
set -eu
cd "$(dirname "$0")/.."
# A folder of its own: what is linked statically there would confuse the next ordinary build.
[ $# -gt 0 ] || set -- -c release --scratch-path .build-dist
swift=${SWIFT:-swift}
# Named once more at the end: the linker reads archives once, and some of these need those before them.
for library in FoundationInternationalization FoundationEssentials _FoundationICU _FoundationCollections \
    _FoundationCShims swiftSynchronization stdc++; do
    set -- "$@" -Xlinker "-l$library"
done
$swift build --static-swift-stdlib --product replicator "$@"
program=$($swift build --static-swift-stdlib "$@" --show-bin-path)/replicator
if ldd "$program" | grep -i swift; then
    echo "these libraries of Swift are not inside the program" >&2
    exit 1
fi
rm -rf dist
Scripts/shipping/build.py "$program" dist

# The program must run from anywhere, without a word from this machine's environment.
elsewhere=$(mktemp -d)
trap 'rm -rf "$elsewhere"' EXIT
tar -xzf dist/replicator-*.tar.gz -C "$elsewhere"
(cd "$elsewhere" && env -i replicator-*/bin/replicator --version >/dev/null)
