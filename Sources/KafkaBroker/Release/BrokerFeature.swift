/// A feature of which the brokers of a cluster agree on a level (KIP-584, KIP-1022), under Kafka's name.
enum BrokerFeature: String, CaseIterable {
    case metadata = "metadata.version"
    case kraft = "kraft.version"
    case transactions = "transaction.version"
    case groups = "group.version"
    case eligibleLeaderReplicas = "eligible.leader.replicas.version"
    case shareGroups = "share.version"
    case streamsGroups = "streams.version"
}

extension BrokerRelease {
    /// The levels of a feature that brokers of the release know; nil where they do not know the feature.
    func supported(_ feature: BrokerFeature) -> ClosedRange<Int16>? {
        switch feature {
        case .metadata: self >= .kafka40 ? 7...newestMetadata : 1...newestMetadata
        case .kraft: self >= .kafka40 ? 0...1 : nil
        case .transactions: self >= .kafka40 ? 0...2 : nil
        case .groups: self >= .kafka40 ? 0...1 : nil
        case .eligibleLeaderReplicas: self >= .kafka40 ? 0...1 : nil
        case .shareGroups: self >= .kafka41 ? 0...1 : nil
        case .streamsGroups: self >= .kafka42 ? 0...1 : nil
        }
    }

    /// The level that the cluster runs at; 0 where the feature is not in use.
    ///
    /// A new cluster of the release would run at the newest level of each. What is not implemented here is not in use, as in
    /// a cluster whose operator has not turned it on: the voters of KRaft, replicas that are eligible as leaders, share
    /// groups and Streams groups.
    func level(of feature: BrokerFeature) -> Int16 {
        switch feature {
        case .metadata: newestMetadata
        case .transactions: self >= .kafka40 ? 2 : 0
        case .groups: self >= .kafka40 ? 1 : 0
        case .kraft, .eligibleLeaderReplicas, .shareGroups, .streamsGroups: 0
        }
    }

    /// From 3.8-IV0 to 4.3-IV0.
    private var newestMetadata: Int16 {
        switch self {
        case .kafka38: 20
        case .kafka40: 25
        case .kafka41: 27
        case .kafka42: 29
        case .kafka43: 30
        }
    }
}
