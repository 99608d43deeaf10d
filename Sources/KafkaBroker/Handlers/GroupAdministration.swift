import KafkaWire

// ListGroups: 0-5. DescribeGroups: 0-6. DeleteGroups: 0-2.
//
// - A node lists the groups that it coordinates, filtered by state (version 4) and type (version 5).
// - An unknown group is described as Dead, from version 6 on as GROUP_ID_NOT_FOUND (KIP-1043); so is one of another type.
// - Only a group without members can be deleted; its offsets go with it.
// - Authorized operations: see GroupPermissions.swift.

extension ListGroupsRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> ListGroupsResponse {
        var response = ListGroupsResponse()
        response.errorCode = error
        return response
    }
}

extension DescribeGroupsRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> DescribeGroupsResponse {
        var response = DescribeGroupsResponse()
        response.groups = groups.map { id in
            var group = DescribeGroupsResponse.DescribedGroup()
            group.groupID = id
            group.errorCode = error
            return group
        }
        return response
    }
}

extension DeleteGroupsRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> DeleteGroupsResponse {
        answered { _ in error }
    }

    fileprivate func answered(_ error: (String) -> ErrorCode) -> DeleteGroupsResponse {
        var response = DeleteGroupsResponse()
        response.results = groupsNames.map { id in
            var result = DeleteGroupsResponse.DeletableGroupResult()
            result.groupID = id
            result.errorCode = error(id)
            return result
        }
        return response
    }
}

extension ListGroupsResponse.ListedGroup {
    fileprivate init(_ id: String, type: String, protocolType: String, state: String) {
        self.init()
        groupID = id
        self.protocolType = protocolType
        groupState = state
        groupType = type
    }
}

extension Cluster {
    func listGroups(_ request: ListGroupsRequest, _ context: RequestContext) -> ListGroupsResponse {
        var response = ListGroupsResponse()
        let states = Set(request.statesFilter.map { $0.lowercased() })
        let types = Set(request.typesFilter.map { $0.lowercased() })
        var listed = groups.groups.values.map { entry in
            let type = groups.listedTypes[ExactName(entry.id)]
            return ListGroupsResponse.ListedGroup(
                entry.id, type: type ?? entry.state.type.rawValue,
                protocolType: type ?? entry.state.protocolType ?? "", state: entry.state.stateName)
        }
        for (id, type) in groups.listedTypes where groups.groups[id] == nil {
            listed.append(ListGroupsResponse.ListedGroup(id.text, type: type, protocolType: type, state: "Stable"))
        }
        response.groups =
            listed
            .filter { coordinatorFault($0.groupID, at: context.node) == nil }
            .filter { states.isEmpty || states.contains($0.groupState.lowercased()) }
            .filter { types.isEmpty || types.contains($0.groupType) }
            .sorted { $0.groupID < $1.groupID }
        return response
    }

    func describeGroups(_ request: DescribeGroupsRequest, _ context: RequestContext) -> DescribeGroupsResponse {
        var response = DescribeGroupsResponse()
        response.groups = request.groups.uniqued { Array($0.utf8) }.map { id in
            var group = DescribeGroupsResponse.DescribedGroup()
            group.groupID = id
            if let error = groupFault(id, at: context.node) {
                group.errorCode = error
                return group
            }
            guard let machine = groups.groups[id]?.state.classic else {
                group.groupState = "Dead"
                if context.version >= 6 {
                    group.errorCode = .groupIDNotFound
                    group.errorMessage =
                        groups.groups[id] == nil ? "Group \(id) not found." : "Group \(id) is not a classic group."
                }
                return group
            }
            group.groupState = machine.stateName
            group.protocolType = machine.protocolType ?? ""
            let isSettled = machine.stateName == "Stable"
            group.protocolData = isSettled ? machine.protocolName ?? "" : ""
            group.members = machine.members.values.sorted { $0.id < $1.id }.map { member in
                var description = DescribeGroupsResponse.DescribedGroupMember()
                description.memberID = member.id
                description.groupInstanceID = member.instanceID
                description.clientID = member.clientID
                description.clientHost = member.clientHost
                if isSettled {
                    description.memberMetadata = member.metadata(of: machine.protocolName)
                    description.memberAssignment = member.assignment
                }
                return description
            }
            return group
        }
        return response
    }

    func deleteGroups(_ request: DeleteGroupsRequest, _ context: RequestContext) -> DeleteGroupsResponse {
        request.answered { id in
            if let error = groupFault(id, at: context.node) { return error }
            guard let entry = groups.groups[id] else { return .groupIDNotFound }
            guard entry.state.isEmpty else { return .nonEmptyGroup }
            do throws(AdminRefusal) {
                try deleteGroup(entry)
                return .none
            } catch {
                return error.code
            }
        }
    }
}
