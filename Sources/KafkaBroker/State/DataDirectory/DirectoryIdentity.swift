import NIOCore

/// Contents of a data directory's `meta.properties`: whose it is, and of which cluster (Kafka's file of that name, with
/// a mark of ours).
package struct DirectoryIdentity: Hashable, Sendable {
    package let clusterID: String
    /// The lowest id of the nodes that share the directory.
    package let firstNode: Int32
    /// Tells this directory from a copy or another one of the same cluster.
    package let directoryID: String

    static let fileName = "meta.properties"
    /// Kafka's brokers refuse a directory of another cluster; this key lets ours refuse one of Kafka's.
    private static let mark = "replicator.format"
    private static let format = "1"

    package init(clusterID: String, firstNode: Int32 = 1, directoryID: String) {
        self.clusterID = clusterID
        self.firstNode = firstNode
        self.directoryID = directoryID
    }

    /// The reason why a file of this name is not ours, or not readable.
    package enum Refusal: Error, Hashable {
        case foreign
        case newer(format: String)
        case incomplete
    }

    /// The properties of a file; the last of equal keys counts, as in Java.
    package init(parsing text: String) throws(Refusal) {
        var values: [String: String] = [:]
        for line in text.split(whereSeparator: \.isNewline) where !line.hasPrefix("#") && !line.hasPrefix("!") {
            guard let equals = line.firstIndex(of: "=") else { continue }
            values[String(line[..<equals].trimmed)] = String(line[line.index(after: equals)...].trimmed)
        }
        guard let format = values[Self.mark] else { throw .foreign }
        guard format == Self.format, values["version"] == "1" else { throw .newer(format: format) }
        guard let cluster = values["cluster.id"], !cluster.isEmpty, let directory = values["directory.id"] else {
            throw .incomplete
        }
        guard let node = Int32(values["node.id"] ?? "1"), node >= 0 else { throw .incomplete }
        clusterID = cluster
        firstNode = node
        directoryID = directory
    }

    /// The nodes of a cluster share the directory; `node.id` names the first of them.
    package var text: String {
        """
        # The data directory of a broker of replicator.
        \(Self.mark)=\(Self.format)
        version=1
        cluster.id=\(clusterID)
        node.id=\(firstNode)
        directory.id=\(directoryID)

        """
    }
}
