import KafkaWire

extension ClusterClient {
    /// Removes consumer groups and their positions. A group with members is refused (`NON_EMPTY_GROUP`).
    public func deleteGroups(_ names: [String]) async -> Outcomes<String, Void> {
        var outcomes: Outcomes<String, Void> = [:]
        for name in names {
            do throws(KafkaError) {
                try await retrying(during: .deleteGroups, at: .group(name)) { () throws(KafkaError) in
                    var request = DeleteGroupsRequest()
                    request.groupsNames = [name]
                    let response = try await self.send(request, to: .coordinator(group: name))
                    let code = response.results.first?.errorCode ?? .none
                    guard code == .none else {
                        var error = self.error(.broker(code, message: nil), during: .request(.deleteGroups))
                        error.group = name
                        throw error
                    }
                }
                outcomes[name] = .success(())
            } catch {
                outcomes[name] = .failure(error)
            }
        }
        return outcomes
    }
}
