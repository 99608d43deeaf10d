import KafkaWire

// ConsumerGroupDescribe, ShareGroupDescribe and StreamsGroupDescribe are one form: groups by name, each with its error.

/// A request that describes groups of one type.
protocol GroupDescribeRequest: RefusableRequest, AuthorizedRequest where Response: GroupDescribeResponse {
    var groupIDs: [String] { get set }
    var includeAuthorizedOperations: Bool { get }
}

protocol GroupDescribeResponse: KafkaResponse {
    associatedtype Group: DescribedGroup
    var groups: [Group] { get set }
    init()
}

/// One group in an answer.
protocol DescribedGroup {
    var errorCode: ErrorCode { get set }
    var errorMessage: String? { get set }
    var groupID: String { get set }
    var authorizedOperations: Int32 { get set }
    init()
}

extension GroupDescribeRequest {
    func refused(_ error: ErrorCode) -> Response {
        answered { _ throws(AdminRefusal) in throw AdminRefusal(error, "") }
    }

    /// An answer with each group once, as `describe` fills it in.
    func answered(_ describe: (inout Response.Group) throws(AdminRefusal) -> Void) -> Response {
        var response = Response()
        response.groups = groupIDs.uniqued { Array($0.utf8) }.map { id in
            var group = Response.Group()
            group.groupID = id
            do throws(AdminRefusal) {
                try describe(&group)
            } catch {
                group = Response.Group()
                group.groupID = id
                group.errorCode = error.code
                group.errorMessage = error.message.isEmpty ? nil : error.message
            }
            return group
        }
        return response
    }
}

extension ConsumerGroupDescribeRequest: GroupDescribeRequest {}
extension ConsumerGroupDescribeResponse: GroupDescribeResponse {}
extension ConsumerGroupDescribeResponse.DescribedGroup: DescribedGroup {}
extension ShareGroupDescribeRequest: GroupDescribeRequest {}
extension ShareGroupDescribeResponse: GroupDescribeResponse {}
extension ShareGroupDescribeResponse.DescribedGroup: DescribedGroup {}
extension StreamsGroupDescribeRequest: GroupDescribeRequest {}
extension StreamsGroupDescribeResponse: GroupDescribeResponse {}
extension StreamsGroupDescribeResponse.DescribedGroup: DescribedGroup {}
