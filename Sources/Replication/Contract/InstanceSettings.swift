/// This process among those that share a flow.
public struct InstanceSettings: Sendable, Hashable {
    /// Id of the static member of the group (`group.instance.id`): `instance.id`, or the host's name. One that is started
    /// again within the session takes up its parts where it left them.
    public var id: String
    /// Address of its HTTP endpoint as others reach it, such as `https://host:9644`; nil where it has none.
    public var address: String?
    /// `instance.rack`; nil where it is not known.
    public var rack: String?
    /// Silence after which the coordinator gives its parts to others: Kafka's `group.min.session.timeout.ms` by default.
    public var sessionTimeout: Duration = .seconds(6)
    /// Newest version of the assignment that it offers, for rolling upgrades and downgrades: the oldest decides.
    public var assignmentVersion: Int

    public init(
        id: String, address: String? = nil, rack: String? = nil, sessionTimeout: Duration = .seconds(6),
        assignmentVersion: Int? = nil
    ) {
        self.id = id
        self.address = address
        self.rack = rack
        self.sessionTimeout = sessionTimeout
        self.assignmentVersion = assignmentVersion ?? Self.newestAssignmentVersion
    }

    /// Newest version of the assignment that this program knows.
    public static let newestAssignmentVersion = 2
}
