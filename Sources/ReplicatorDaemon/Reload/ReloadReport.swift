package import ReplicatorConfig

/// Outcome of the last attempt to take over a changed configuration.
package struct ReloadReport: Sendable, Codable {
    /// Milliseconds since 1970.
    package var time: Int64
    package var isApplied: Bool
    /// The settings that were taken over, or the reasons why none were.
    package var messages: [String]

    package init(time: Int64, isApplied: Bool, messages: [String]) {
        self.time = time
        self.isApplied = isApplied
        self.messages = messages
    }
}

extension ReloadReport {
    package init(_ plan: ReloadPlan, file: String, time: Int64) {
        switch plan {
        case .apply:
            self.init(
                time: time, isApplied: true, messages: ["topics, consumerGroups, policies, sync and limits of \(file)"])
        case .refuse(let reasons): self.init(time: time, isApplied: false, messages: reasons)
        }
    }
}
