/// Something that is not as it should be and that sync leaves alone, in words for the person who can mend it.
package struct SyncNote: Hashable, Sendable, Codable {
    package enum Kind: String, Sendable, Codable {
        /// Others changed on the target a value of ours.
        case changedByOthers
        /// The target has more partitions than the source.
        case partitionCount
        /// The target does not know, or does not take, what the source has.
        case notPossible
        /// Something could not be read or changed.
        case failed
        /// A cluster has no authorizer.
        case noAuthorizer
        /// A source topic is gone, its copy stays.
        case sourceDeleted
        /// A source topic is another one than the one that was copied.
        case sourceRecreated
        /// An access rule covers more than this flow copies.
        case notCopied
        /// The flow's expressions match no topic.
        case nothingSelected
        /// Copies are there already that the flow begins behind.
        case copiesPresent
        /// A setting in effect differs between topics and their copies.
        case settingDiffers
        /// The flow begins behind records that the source holds.
        case beginsLater
        /// A part of what the source holds lies in its tiered storage alone.
        case tiered
        /// Offsets that are to be filled, since copies have those of their source.
        case preservedCosts
        /// A topic is asked for and never copied, by a rule that is not the user's.
        case neverCopied
        /// An expression came to no answer about a name.
        case undecidedName
        /// A topic is a copy of one of the target's own, on its way back.
        case returning
        /// Positions of a consumer group have no place on the target.
        case groupNotTranslated
        /// Nothing has been copied yet of what a consumer group reads, so that its positions are not known.
        case groupNotCopied
        /// A share group, and one of the clusters does not tell or take where those begin.
        case groupNotCovered
        /// A share group's state of single records stays behind.
        case groupNotCarried
        /// The group has members on the target.
        case groupActive
        /// A consumer group has a position on the target to which reading there cannot have led.
        case groupBeyond
    }

    package var kind: Kind
    /// Topic, key, rule or cluster.
    package var subject: String
    package var message: String
    /// A cluster did not answer: nothing is wrong with the subject itself.
    package var isOutage = false

    package init(kind: Kind, subject: String, message: String, isOutage: Bool = false) {
        self.kind = kind
        self.subject = subject
        self.message = message
        self.isOutage = isOutage
    }
}
