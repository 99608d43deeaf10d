#!/bin/sh
# Builds a commit's replicator beside this one: build-ref.sh COMMIT FOLDER. What was built there before is built upon.
set -eu
commit=$(git rev-parse --verify "$1^{commit}")
if [ -e "$2/.git" ]; then
    git -C "$2" checkout --quiet --detach "$commit"
else
    git worktree add --quiet --detach "$2" "$commit"
fi
swift build --package-path "$2" -c release --product replicator
