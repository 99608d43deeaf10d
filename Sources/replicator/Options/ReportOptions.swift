internal import ArgumentParser

/// Options of a command that ends with a report.
struct ReportOptions: ParsableArguments {
    @Option(
        name: .long, help: ArgumentHelp("Also write the report, as JSON, to this file.", valueName: "FILE"),
        completion: .file())
    var report: String?

    @Flag(name: .long, help: "Print the report as JSON.")
    var json = false

    /// Finds out that the report cannot be written before the work it is about, not after.
    func checkWritable() throws(Failure) {
        if let report { try ReportFile.checkWritable(report) }
    }

    /// Writes the report to the file, if one is wanted.
    ///
    /// - Returns: the report as JSON.
    @discardableResult func write(_ report: some Encodable) throws -> String {
        let document = try JSONText.pretty(report)
        if let path = self.report { try ReportFile.write(document, to: path) }
        return document
    }
}
