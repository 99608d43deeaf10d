/// Bounds on the series that one flow adds to the metrics: whoever may create topics or groups may create very many.
public struct SeriesLimits: Sendable, Hashable {
    /// Topics with series of their own; those beyond share one set.
    public var topics = 1_000
    /// Consumer groups with series of their own; those beyond share one set.
    public var groups = 1_000

    /// Value of the labels `topic` and `group` for those that share a set. No topic can have this name.
    package static let others = "(others)"

    public init() {}
}
