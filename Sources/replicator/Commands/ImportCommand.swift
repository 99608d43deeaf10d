internal import ArgumentParser
internal import FoundationEssentials
internal import Glibc
internal import ReplicatorConfig

/// `replicator import`: a configuration of MirrorMaker 2 or MSK Replicator becomes ours.
struct ImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Turn a configuration of MirrorMaker 2 or MSK Replicator into replicator.yaml.",
        discussion: """
            Reads mm2.properties, or the JSON that `aws kafka describe-replicator` prints, and writes a configuration \
            file. What has no equivalent is named in its comments and on standard error. Secrets are not copied: the \
            file refers to environment variables in their place.

            Exit codes: 0 done, 2 the file cannot be read or understood, or the output exists already.
            """)

    @Argument(help: ArgumentHelp("The file to read; - for standard input.", valueName: "FILE"))
    var file: String

    @Option(name: .shortAndLong, help: ArgumentHelp("Where to write; standard output unless given.", valueName: "FILE"))
    var output: String?

    func run() throws {
        let text: String
        do {
            text = try String(contentsOfFile: file == "-" ? "/dev/stdin" : file, encoding: .utf8)
        } catch {
            throw Failure("cannot read \(file): \(error.localizedReason)", exitCode: .usage)
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
        } else {
            print(imported.yaml, terminator: "")
            fflush(nil)
        }
        Replicator.complain(imported.allRemarks.map { "\(file): \($0)" })
    }
}

extension Error {
    fileprivate var localizedReason: String {
        switch (self as? CocoaError)?.code {
        case .fileNoSuchFile, .fileReadNoSuchFile: "no such file"
        case .fileReadNoPermission, .fileWriteNoPermission: "permission denied"
        case .fileWriteFileExists: "it is there already; remove it, or name another with --output"
        case .fileReadInapplicableStringEncoding, .fileReadCorruptFile: "it is not UTF-8 text"
        default: "\(self)"
        }
    }
}
