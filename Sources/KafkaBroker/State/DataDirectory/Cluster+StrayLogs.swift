import KafkaWire
import Logging

/// Work at the start on directories that belong to no partition.
extension Cluster {
    /// Sets logs aside that the journal does not know, under a name of their own and with all that they hold, and finishes
    /// the removal of those that it says are deleted. Everything else in the data directory is left as it is.
    ///
    /// - Parameter removed: the topics that the journal says are deleted.
    func sweepLogs(removed: Set<KafkaUUID>) throws(BrokerError) {
        guard let dataDirectory else { return }
        let names: [String]
        do throws(LogError) {
            names = try FileSystem.names(in: dataDirectory)
        } catch {
            throw .storage("\(error)")
        }
        for name in names {
            guard let log = LogDirectoryName(name) else { continue }
            let path = "\(dataDirectory)/\(name)"
            do throws(LogError) {
                switch log.state {
                case .inUse where partition(log.topic, log.partition) == nil: try setAside(path, name)
                case .deleted(let id) where removed.contains(id): try FileSystem.removeDirectory(path)
                case .deleted:
                    logger.warning(
                        "a log that is named as deleted, which the journal does not say, is left alone",
                        metadata: ["directory": "\(path)"])
                case .inUse, .stray: break
                }
            } catch {
                logger.error(
                    "a log of no partition cannot be moved or removed, and is left where it is",
                    metadata: ["directory": "\(path)", "reason": "\(error)"])
            }
        }
    }

    private func setAside(_ path: String, _ name: String) throws(LogError) {
        guard let dataDirectory else { return }
        guard FileSystem.kind(of: path) == .directory else {
            logger.warning(
                "an entry is named like a log but is no directory: it is left alone", metadata: ["file": "\(path)"])
            return
        }
        let stray = LogDirectoryName.stray(name)
        try FileSystem.rename(path, to: "\(dataDirectory)/\(stray)")
        logger.warning(
            "a log that the journal does not know is set aside; remove it when it is not needed",
            metadata: ["directory": "\(path)", "now": "\(stray)"])
    }
}
