import ReplicatorConfig
import Testing

@Suite struct SettingReferencesTests {
    private struct Missing: Error {}

    private let references = SettingReferences(environment: [
        "PW": "s3cret", "EMPTY": "", "DIR": "/run", "P": "p", "W": "w",
    ]) { name in
        guard name == "/run/pw" else { throw Missing() }
        return "from file\r\n\n"
    }

    @Test(arguments: [
        ("plain", "plain"), ("${env:PW}", "s3cret"), ("a${env:PW}b${file:/run/pw}c", "as3cretbfrom filec"),
        ("${env:EMPTY}", ""), ("${file:${env:DIR}/pw}", "from file"),
        ("a}${file:${env:DIR}/${env:P}${env:W}}b", "a}from fileb"),
        ("a$${env:PW}", "a${env:PW}"), ("$${", "${"), ("$ {x} }$", "$ {x} }$"),
        ("X required user_a=\"${file:/run/pw}\";", "X required user_a=\"from file\";"),
    ]) func `references are replaced wherever they stand`(_ text: String, _ expected: String) throws {
        #expect(try references.expand(text) == expected)
    }

    @Test(arguments: [
        "${HUNTER2}", "a${HUNTER2", "${env:}", "${vault:HUNTER2}", "${env:HUNTER2x}", "${file:/run/no}",
        "${file:${env:HUNTER2x}/pw}", "${file:${env:DIR}/no}", "${file:${HUNTER2}/pw}", "${file:${env:DIR",
        "${env:${env:DIR}}",
    ])
    func `what cannot be replaced is refused, and a password is not shown`(_ text: String) {
        let error = #expect(throws: SettingReferences.Invalid.self) { try references.expand(text) }
        let names = text.hasPrefix("${env:H") || text.hasPrefix("${file")
        #expect(names || error?.description.contains("HUNTER2") == false)
    }
}
