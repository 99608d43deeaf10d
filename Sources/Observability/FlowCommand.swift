/// Command of an operator to a flow, given over HTTP.
public struct FlowCommand: Sendable, Hashable {
    public enum Action: String, Sendable {
        case pause
        case resume
        /// Partitions that have stopped are taken up again.
        case retry
    }

    public var flow: String
    public var action: Action
    /// Nil for the whole flow.
    public var topic: String?
    /// Nil for all partitions.
    public var partition: Int32?
}

/// Outcome of a command: an HTTP status, and a sentence for people.
public struct ControlAnswer: Sendable, Hashable {
    public var status: Int
    public var message: String

    public init(status: Int, message: String) {
        self.status = status
        self.message = message
    }
}
