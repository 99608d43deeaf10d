/// Reason why an operator's wish was not granted. Nothing has changed then, unless it says so.
public enum FlowControlError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The flow replicates no such topic or partition.
    case unknown(flow: String, PauseScope)
    /// The topic is never copied, by the rule that is told.
    case neverCopied(flow: String, topic: String, reason: String)
    /// A part of something that is paused as a whole cannot be resumed alone.
    case pausedAsPartOf(flow: String, PauseScope, whole: PauseScope)
    /// The instance that was asked has done it, and could not tell the others.
    case notRecorded(flow: String, PauseScope, reason: String)

    public var description: String {
        switch self {
        case .unknown(let flow, let scope):
            "flow \(flow) does not replicate \(scope); /api/status lists what it replicates, by source topic"
        case .neverCopied(let flow, let topic, let reason):
            "flow \(flow) does not replicate topic \(topic): it is \(reason)"
        case .pausedAsPartOf(let flow, let scope, let whole):
            "\(scope) of flow \(flow) is paused because \(whole) is; resume \(whole)"
        case .notRecorded(let flow, let scope, let reason):
            "this instance has done so for \(scope) of flow \(flow), but could not record it on the target, so that no "
                + "other instance knows of it and a restart forgets it: \(reason); ask again once the target answers"
        }
    }
}
