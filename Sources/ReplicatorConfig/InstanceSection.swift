public import KafkaClient
package import Replication

/// `instance`: this process among those that share its flows.
public struct InstanceConfiguration: Sendable, Hashable {
    /// Nil for one that is made of the machine's name.
    public var id: String?
    /// Address of the HTTP endpoint as the others reach it; nil for the one that is listened on.
    public var advertise: HostAndPort?
    public var rack: String?
    /// Silence after which the group takes it for dead.
    public var sessionTimeout: Duration?
    /// Newest version of assignments that it offers; nil for the newest that it knows.
    public var assignmentVersion: Int?

    public init() {}
}

/// Reads `instance`.
enum InstanceSection {
    static func parse(_ document: inout Section, listensOn http: HostAndPort?) -> InstanceConfiguration {
        var instance = InstanceConfiguration()
        guard var section = document.sectionOrDefaults("instance") else { return instance }
        defer { section.finish() }
        if let id = section.string("id", pattern: "[A-Za-z0-9._-]{1,\(InstanceID.longest)}") {
            if InstanceID.isValid(id) {
                instance.id = id
            } else {
                section.report(
                    "an instance's id has 1 to \(InstanceID.longest) letters, digits, dots, hyphens and underscores, as "
                        + "Kafka wants it of a group.instance.id", about: "id")
            }
        }
        if let text = section.string("advertise") {
            if http == nil {
                section.report(
                    "there is nothing to advertise without http.listen: add it, or leave this out", about: "advertise")
            } else if let address = HostAndPort(text) {
                if HTTPListener.isWildcard(address.host) {
                    section.report(
                        "no other machine reaches \"\(text)\": name this instance's own host or address",
                        about: "advertise")
                }
                instance.advertise = address
            } else {
                section.report(
                    "\"\(text)\" is not HOST:PORT, without a scheme or path: the others use https where http.tls is set",
                    about: "advertise")
            }
        }
        if let rack = section.string("rack") {
            if rack.isEmpty || rack.utf8.count > 249 {
                section.report("a rack has 1 to 249 bytes; leave it out for none", about: "rack")
            }
            instance.rack = rack
        }
        instance.sessionTimeout = section.duration(
            "sessionTimeout", in: .seconds(1) ... .seconds(1_800),
            standard: InstanceSettings(id: "").sessionTimeout)
        instance.assignmentVersion = section.integer(
            "assignmentVersion", in: 1...InstanceSettings.newestAssignmentVersion,
            standard: "\(InstanceSettings.newestAssignmentVersion)")
        return instance
    }
}

/// Rules of Kafka's `group.instance.id`.
enum InstanceID {
    static let longest = 249

    static func isValid(_ text: String) -> Bool {
        text != "." && text != ".." && (1...longest).contains(text.utf8.count) && text.utf8.allSatisfy(isAllowed)
    }

    /// The text with a hyphen for what is not allowed.
    static func made(of text: String) -> String {
        let bytes = text.utf8.prefix(200).map { isAllowed($0) ? $0 : UInt8(ascii: "-") }
        return bytes.isEmpty ? "replicator" : String(decoding: bytes, as: UTF8.self)
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}

extension ConfigFile {
    /// This process among the instances of its flows.
    ///
    /// One that is started again has to be the same, and two that run with the same file on one machine have to differ: a
    /// port that is listened on is both. Without a port it is the machine, and without a machine's name the process.
    ///
    /// - Parameters:
    ///   - machine: this machine's name; nil when the system does not tell.
    ///   - process: number of this process.
    package func instanceSettings(machine: String?, process: Int32) -> InstanceSettings {
        let name = InstanceID.made(of: machine ?? "")
        let isNamed = machine.map { !$0.isEmpty && !HTTPListener.isLoopback($0) } ?? false
        let number = http?.port ?? (isNamed ? nil : Int(process))
        var settings = InstanceSettings(id: instance.id ?? number.map { "\(name)-\($0)" } ?? name)
        settings.address = advertised(machine: machine).map { "\(httpAccess.tls == nil ? "http" : "https")://\($0)" }
        settings.rack = instance.rack
        if let timeout = instance.sessionTimeout { settings.sessionTimeout = timeout }
        if let version = instance.assignmentVersion { settings.assignmentVersion = version }
        return settings
    }

    /// The flows as an instance runs them. Commands that run a flow for a while take ``flows``: they are instances that
    /// nobody else is.
    package func flows(of instance: InstanceSettings?) -> [FlowSettings] {
        flows.map { flow in
            var flow = flow
            flow.instance = instance
            return flow
        }
    }

    /// Nil where the others cannot reach it, as far as the settings tell.
    private func advertised(machine: String?) -> HostAndPort? {
        guard let http else { return nil }
        if let given = instance.advertise { return given }
        guard HTTPListener.isWildcard(http.host) else { return HTTPListener.isLoopback(http.host) ? nil : http }
        guard let machine, !machine.isEmpty, !HTTPListener.isLoopback(machine) else { return nil }
        return HostAndPort(host: machine, port: http.port)
    }
}
