#!/bin/sh
# Builds dist/replicator-VERSION-MACHINE.tar.gz: the program with Swift's libraries inside, so that it runs where no Swift
# is installed, with manual page, shell completions, systemd unit, example and documentation. Arguments go to `swift build`.
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
mkdir -p "dist/$name/bin" "dist/$name/completions"
cp "$program" "dist/$name/bin/replicator"
strip "dist/$name/bin/replicator"
for shell in bash zsh fish; do
    "dist/$name/bin/replicator" --generate-completion-script $shell >"dist/$name/completions/replicator.$shell"
done
# The documentation lies as it does here, since its pages lead to each other.
cp -R README.md LICENSE CHANGELOG.md CONTRIBUTING.md SECURITY.md Docs replicator.yaml.example Packaging/replicator.service Packaging/replicator.1 "dist/$name"
ldd "dist/$name/bin/replicator" | awk '$2 == "=>" { print $1 }' | sort >"dist/$name/needs-libraries.txt"
tar -czf "dist/$name.tar.gz" -C dist "$name"

# It must run from anywhere, without a word from this machine's environment.
elsewhere=$(mktemp -d)
trap 'rm -rf "$elsewhere"' EXIT
tar -xzf "dist/$name.tar.gz" -C "$elsewhere"
(cd "$elsewhere" && env -i "$name/bin/replicator" --version >/dev/null)
ls -l "dist/$name.tar.gz"
