/// The parts of a flow that an instance has, and those that it is giving away. No I/O.
///
/// A part changes hands in two generations (KIP-429): the first leaves it out of its owner's assignment, the owner
/// drains it and joins again without it, the second gives it to another. What stays is not touched.
package struct PartOwnership: Hashable, Sendable {
    /// Work that an assignment brings.
    package struct Change: Hashable, Sendable {
        /// To begin with.
        package var taken: Set<FlowPart> = []
        /// To be drained and recorded, then reported with ``released(_:)``.
        package var releasing: Set<FlowPart> = []
    }

    package private(set) var owned: Set<FlowPart> = []
    package private(set) var releasing: Set<FlowPart> = []
    /// Parts that came back while they were being given away: begun again once they are released.
    private var wantedBack: Set<FlowPart> = []
    /// Generation of the last assignment; -1 before the first.
    package private(set) var generation: Int32 = -1

    package init() {}

    /// The parts that nobody else may have: given away only when nothing of them is on its way any more.
    package var held: Set<FlowPart> { owned.union(releasing) }

    package mutating func assigned(_ parts: Set<FlowPart>, generation: Int32) -> Change {
        self.generation = generation
        let taken = parts.subtracting(held)
        let given = owned.subtracting(parts)
        wantedBack = releasing.intersection(parts)
        owned = owned.intersection(parts).union(taken)
        releasing.formUnion(given)
        return Change(taken: taken, releasing: given)
    }

    /// Parts have been drained and their progress recorded.
    ///
    /// - Returns: those to begin with again, and whether the group has to be told at once: everything to be given away is free.
    package mutating func released(_ parts: Set<FlowPart>) -> (again: Set<FlowPart>, isOver: Bool) {
        let found = releasing.intersection(parts)
        guard !found.isEmpty else { return ([], false) }
        releasing.subtract(found)
        let again = wantedBack.intersection(found)
        wantedBack.subtract(again)
        owned.formUnion(again)
        return (again, releasing.isEmpty)
    }

    /// Others have parts by now, although nobody has said so here.
    package mutating func forfeited(_ parts: Set<FlowPart>) {
        owned.subtract(parts)
        releasing.subtract(parts)
        wantedBack.subtract(parts)
    }

    /// Everything may belong to others by now.
    ///
    /// - Returns: the parts to be let go of at once, without another word to the target.
    package mutating func lost() -> Set<FlowPart> {
        defer { self = PartOwnership() }
        return held
    }
}
