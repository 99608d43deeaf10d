package import KafkaClient
internal import PlainText

extension ClusterSettings {
    /// Options by which Kafka's own command-line tools reach the cluster, for commands that are proposed to a person.
    /// Where a listener asks who is there, the tools need a file with the administrator's credentials.
    package var toolOptions: String {
        let server = bootstrapServers.first.map { "\($0)".isShellWord ? "\($0)" : "\($0)".shellQuoted } ?? "HOST:PORT"
        let isOpen = security.protocol == .plaintext
        return "--bootstrap-server \(server)" + (isOpen ? "" : " --command-config admin.properties")
    }
}

extension String {
    /// True if a shell takes it as it is.
    fileprivate var isShellWord: Bool {
        utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"),
                UInt8(ascii: ":"):
                true
            default: false
            }
        }
    }
}
