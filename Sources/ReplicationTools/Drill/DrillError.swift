/// Reason for which a drill cannot continue.
public enum DrillError: Error, Sendable, CustomStringConvertible {
    case waitedInVain(String)
    case notPossible(String)

    public var description: String {
        switch self {
        case .waitedInVain(let what): "drill: waited in vain for \(what)"
        case .notPossible(let why): "drill: \(why)"
        }
    }
}
