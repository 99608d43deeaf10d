/// A release of Apache Kafka, for whose broker a cluster passes in what it tells clients that it speaks.
public enum BrokerRelease: String, CaseIterable, Sendable {
    case kafka38 = "3.8"
    case kafka40 = "4.0"
    case kafka41 = "4.1"
    case kafka42 = "4.2"
    case kafka43 = "4.3"

    public static let newest = BrokerRelease.kafka43
}

extension BrokerRelease: Comparable {
    public static func < (left: BrokerRelease, right: BrokerRelease) -> Bool { left.order < right.order }

    private var order: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
