internal import ArgumentParser
internal import FoundationEssentials
internal import Glibc
internal import PlainText
internal import ReplicatorConfig

/// `replicator import`: a configuration of another replicator becomes ours.
struct ImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Turn a configuration of MirrorMaker 2, Confluent or MSK Replicator into replicator.yaml.",
        discussion: """
            Reads mm2.properties, connectors of MirrorMaker 2 or Confluent Replicator (JSON as Connect's REST \
            interface has it, or properties), Strimzi's KafkaMirrorMaker2, or the JSON that `aws kafka \
            describe-replicator` prints, and writes a configuration file. Comments in it, and lines on standard error, \
            name the settings that this program does not support, the work that is left, the settings that differ and \
            those that are not needed, in this order. Secrets are not copied: the file refers to environment variables \
            in their place.

            Exit codes: 0 done, 2 the file cannot be read or understood, or the output exists already.
            """)

    @Argument(
        help: ArgumentHelp("The file to read; - for standard input.", valueName: "FILE"), completion: .file())
    var file: String

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("The file to write; standard output unless given.", valueName: "FILE"))
    var output: String?

    /// Commands to run then: what the other replicator has copied need not be copied again.
    private static func next(_ output: String, _ flows: [String]) -> [String] {
        let config = "--config \(output.shellQuoted)"
        return ["Next: replicator doctor \(config)"]
            + flows.map {
                "Where the target has copies already: replicator adopt \(config) --flow \($0.shellQuoted) --follow"
            } + ["Then: replicator run \(config)"]
    }

    func run() throws {
        let text: String
        do throws(UnreadableFile) {
            text = try TextFile.read(file, as: .utf8OrLatin1)
        } catch {
            throw Failure("cannot read \(file): \(error)", exitCode: .usage)
        }
        let imported: ImportedConfiguration
        do {
            imported = try ImportedConfiguration.read(text)
        } catch {
            throw Failure("\(file): \(error)", exitCode: .usage)
        }
        if let output {
            do {
                try Data(imported.yaml.utf8).write(to: URL(filePath: output), options: .withoutOverwriting)
            } catch {
                throw Failure("cannot write \(output): \(error.localizedReason)", exitCode: .usage)
            }
            for line in Self.next(output, imported.flowNames) { StandardOutput.say(line) }
        } else {
            print(imported.yaml, terminator: "")
            fflush(nil)
        }
        for group in imported.groupedRemarks {
            Replicator.complain(([group.title] + group.remarks).map { "\(file): \($0)" })
        }
    }
}

extension Error {
    fileprivate var localizedReason: String {
        switch (self as? CocoaError)?.code {
        case .fileNoSuchFile, .fileReadNoSuchFile: "its folder does not exist"
        case .fileWriteNoPermission: "permission denied"
        case .fileWriteFileExists: "it is there already; remove it, or name another with --output"
        case .fileWriteOutOfSpace: "the disk is full"
        default: "it is not a place for a file"
        }
    }
}
