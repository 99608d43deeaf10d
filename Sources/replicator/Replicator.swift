import ArgumentParser
import Hummingbird
@main struct Replicator: ParsableCommand {}
