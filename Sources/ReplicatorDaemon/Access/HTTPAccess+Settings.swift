internal import KafkaClient
package import Observability
package import ReplicatorConfig

extension HTTPAccess.Rules {
    /// Something that the settings refer to and that cannot be used: which, why, and what to do.
    package struct Unusable: Error, Hashable, CustomStringConvertible {
        package let description: String
    }

    /// Reads the files that the settings name, as they are now.
    ///
    /// - Parameters:
    ///   - listen: the address that is listened on, without its port.
    ///   - advertised: the host by which other instances know this one.
    package init(
        _ settings: HTTPAccessSettings, listeningOn listen: String, advertised: String? = nil
    ) throws(Unusable) {
        self.init(
            hosts: RequestGuard(
                listeningOn: listen, machineName: MachineName.current,
                allowed: settings.allowedHosts + [advertised].compactMap(\.self),
                listKey: "http.allowedHosts"),
            credentials: try settings.authentication.map { authentication throws(Unusable) in
                Credentials(
                    users: try Self.reveal(authentication.users, "users"),
                    tokens: try Self.reveal(authentication.tokens, "tokens").sorted { $0.key < $1.key }.map(\.value),
                    anonymous: authentication.anonymousMayRead ? .read : .none)
            })
        guard let settings = settings.tls else { return }
        var password: String?
        if let secret = settings.keyPassword { password = try Self.reveal(secret, "http.tls.keyPassword") }
        do {
            tls = try ServerCertificate(
                certificateFile: settings.certificateFile, keyFile: settings.keyFile, keyPassword: password
            ).makeContext()
        } catch {
            throw Unusable(description: "\(error)")
        }
    }

    private static func reveal(_ secrets: [String: Secret], _ key: String) throws(Unusable) -> [String: String] {
        var revealed: [String: String] = [:]
        for (name, secret) in secrets { revealed[name] = try reveal(secret, "http.authentication.\(key).\(name)") }
        return revealed
    }

    private static func reveal(_ secret: Secret, _ place: String) throws(Unusable) -> String {
        let text: String
        do { text = try secret.reveal() } catch { throw Unusable(description: "\(place): \(error)") }
        guard !text.isEmpty else { throw Unusable(description: "\(place) is empty: anybody could guess it") }
        return text
    }
}
