import Replication
import ReplicatorConfig
import Testing

@Suite struct InstanceConfigTests {
    private func text(_ lines: String...) -> String {
        """
        clusters:
          east: {bootstrapServers: "127.0.0.1:9092"}
          west: {bootstrapServers: "127.0.0.1:9192"}
        flows:
          - {name: there, source: east, target: west, topics: {allow: ["orders.*"]}}

        """ + lines.joined(separator: "\n")
    }

    private func settings(
        _ lines: String..., machine: String? = "replicator-0", environment: [String: String] = [:]
    ) throws -> InstanceSettings {
        let text = lines.reduce(text()) { $0 + $1 + "\n" }
        return try ConfigFile.parse(text, file: "replicator.yaml", environment: environment)
            .instanceSettings(machine: machine, process: 77)
    }

    private func problems(_ lines: String...) -> [String] {
        do {
            _ = try ConfigFile.parse(lines.reduce(text()) { $0 + $1 + "\n" }, file: "replicator.yaml")
            return []
        } catch {
            return error.problems.map(\.description)
        }
    }

    @Test func `everything that is given is taken`() throws {
        let found = try settings(
            "http: {listen: \"0.0.0.0:9644\"}",
            "instance: {id: \"${env:POD}\", advertise: \"10.1.2.3:9000\", rack: a, sessionTimeout: 10s, "
                + "assignmentVersion: 1}", environment: ["POD": "pod-7"])

        #expect(
            found
                == InstanceSettings(
                    id: "pod-7", address: "http://10.1.2.3:9000", rack: "a", sessionTimeout: .seconds(10),
                    assignmentVersion: 1))
    }

    @Test func `two on one machine differ by their port, and one that is started again is the same`() throws {
        #expect(try settings("http: {listen: \"127.0.0.1:9644\"}").id == "replicator-0-9644")
        #expect(try settings("http: {listen: \"127.0.0.1:9645\"}").id == "replicator-0-9645")
    }

    @Test func `without a port it is the machine, so that one that is started again is the same`() throws {
        #expect(try settings().id == "replicator-0")
    }

    @Test(arguments: [(nil, "replicator-77"), ("", "replicator-77"), ("localhost", "localhost-77")])
    func `without a name each process is an instance of its own`(machine: String?, id: String) throws {
        #expect(try settings(machine: machine).id == id)
    }

    @Test(arguments: [
        ("käse böhm", "k--se-b--hm"), (String(repeating: "a", count: 300), String(repeating: "a", count: 200)),
    ]) func `a machine's name becomes one that Kafka takes`(machine: String?, id: String) throws {
        #expect(try settings(machine: machine).id == id)
    }

    @Test(arguments: [
        ("10.1.2.3:9644", "http://10.1.2.3:9644"), ("host.example:9644", "http://host.example:9644"),
        ("[fd00::1]:9644", "http://[fd00::1]:9644"), ("0.0.0.0:9644", "http://replicator-0:9644"),
        ("[::]:9644", "http://replicator-0:9644"), ("127.0.0.1:9644", nil), ("localhost:9644", nil),
        ("[::1]:9644", nil),
    ]) func `the address that others reach is that of the listener`(listen: String, address: String?) throws {
        #expect(try settings("http: {listen: \"\(listen)\"}").address == address)
    }

    @Test(arguments: [nil, "", "localhost", "localhost.localdomain"])
    func `a machine without a name that others know announces nothing`(machine: String?) throws {
        #expect(try settings("http: {listen: \"0.0.0.0:9644\"}", machine: machine).address == nil)
    }

    @Test func `with TLS the others use it`() throws {
        let found = try settings("http: {listen: \"0.0.0.0:9644\", tls: {certificateFile: server.pem}}")
        #expect(found.address == "https://replicator-0:9644")
    }

    @Test(arguments: [
        (
            "instance: {id: \"a b\"}",
            "replicator.yaml:6:16: instance.id: an instance's id has 1 to 249 letters, digits, dots, hyphens and "
                + "underscores, as Kafka wants it of a group.instance.id"
        ),
        (
            "instance: {advertise: \"host:1\"}",
            "replicator.yaml:6:23: instance.advertise: there is nothing to advertise without http.listen: add it, or leave "
                + "this out"
        ),
        (
            "instance: {assignmentVersion: 99}",
            "replicator.yaml:6:31: instance.assignmentVersion: 99 is outside 1…"
                + "\(InstanceSettings.newestAssignmentVersion)"
        ),
        ("instance: {sessionTimeout: 1ms}", "replicator.yaml:6:28: instance.sessionTimeout: 1ms is outside 1s…30m"),
        (
            "instance: {racks: a}", "replicator.yaml:6:12: instance.racks: unknown key; did you mean \"rack\"?"
        ),
        ("instance: here", "replicator.yaml:6:11: instance: expected a mapping of keys to values, found a text"),
    ]) func `a mistake is told with its place`(line: String, problem: String) {
        #expect(problems(line).first == problem)
    }

    @Test(arguments: [
        ("http://host:1", "is not HOST:PORT, without a scheme or path"), ("host", "is not HOST:PORT"),
        ("0.0.0.0:9644", "no other machine reaches"), ("[::]:9644", "no other machine reaches"),
    ]) func `an address that nobody could use is refused`(address: String, problem: String) {
        let found = problems("http: {listen: \"127.0.0.1:9644\"}", "instance: {advertise: \"\(address)\"}")
        #expect(found.count == 1)
        #expect(found.first?.contains(problem) == true, "\(found)")
    }

    @Test(arguments: [".", "..", String(repeating: "a", count: 250), "ü"])
    func `ids that Kafka refuses are refused here`(id: String) {
        #expect(problems("instance: {id: \"\(id)\"}").first?.contains("instance.id") == true)
    }

    @Test func `flows of an instance have it, and those of a command have not`() throws {
        let file = try ConfigFile.parse(text(), file: "replicator.yaml")
        let settings = InstanceSettings(id: "a")

        #expect(file.flows(of: settings).map(\.instance) == [settings])
        #expect(file.flows.map(\.instance) == [nil])
    }
}
