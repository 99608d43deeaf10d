package import ReplicatorConfig

/// Decides when files that are looked at every few seconds are worth reading: once for each content, and not while
/// they are being written.
package struct ContentWatch: Sendable {
    /// Looks between two attempts to take over a content that was refused for a reason that may pass.
    package static let patience = 15

    private var handled: ConfigurationContents
    private var lastSeen: ConfigurationContents?
    /// Looks until the same content is tried again; nil for never.
    private var looksLeft: Int?

    /// - Parameter handled: what has been taken over.
    package init(handled: ConfigurationContents) {
        self.handled = handled
    }

    /// The files look like this now.
    ///
    /// - Returns: whether they are to be read.
    package mutating func look(_ contents: ConfigurationContents) -> Bool {
        defer { lastSeen = contents }
        guard contents == handled else { return contents == lastSeen }
        guard let left = looksLeft else { return false }
        looksLeft = left - 1
        return left <= 1
    }

    /// They have been read: taken over, or refused.
    ///
    /// - Parameter mayPass: whether the same content may be taken over later.
    package mutating func handled(_ contents: ConfigurationContents, mayPass: Bool) {
        handled = contents
        lastSeen = contents
        looksLeft = mayPass ? Self.patience : nil
    }
}
