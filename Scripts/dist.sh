#!/bin/sh
# Builds dist/replicator-VERSION-MACHINE.tar.gz: the program with Swift's libraries inside, so that it runs where no Swift
# is installed, with shell completions, systemd unit, example and documentation. Arguments go to `swift build`.
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
name=replicator-$("$program" --version)-$(uname -m)
rm -rf "dist/$name" "dist/$name.tar.gz"
mkdir -p "dist/$name/bin" "dist/$name/completions" "dist/$name/doc"
cp "$program" "dist/$name/bin/replicator"
strip "dist/$name/bin/replicator"
for shell in bash zsh fish; do
    "dist/$name/bin/replicator" --generate-completion-script $shell >"dist/$name/completions/replicator.$shell"
done
cp replicator.yaml.example Packaging/replicator.service "dist/$name"
cp README.md Docs/* "dist/$name/doc"
ldd "dist/$name/bin/replicator" | awk '$2 == "=>" { print $1 }' | sort >"dist/$name/doc/needs-libraries.txt"
tar -czf "dist/$name.tar.gz" -C dist "$name"
ls -l "dist/$name.tar.gz"
