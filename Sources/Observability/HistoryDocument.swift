internal import FoundationEssentials

/// The part of the history that is wanted.
struct HistoryQuery {
    /// Nil for all flows.
    var flow: String?
    /// Nil for the flow as a whole.
    var topic: String?
    /// Every topic of the flow instead of the flow as a whole.
    var allTopics = false
    /// About how many samples to return.
    var points: Int?
}

/// Answer of `/api/history`.
struct HistoryDocument: Codable {
    struct Series: Codable {
        var flow: String
        var topic: String?
        var samples: [History.Sample]
    }

    /// Milliseconds.
    var span = History.span
    var series: [Series]

    init(series: [Series]) {
        self.series = series
    }

    init(_ history: History, _ query: HistoryQuery) {
        let points = max(2, min(query.points ?? 360, 2_000))
        var subjects: [History.Subject] = []
        for flow in query.flow.map({ [$0] }) ?? history.flows {
            if query.allTopics {
                subjects += history.topics(of: flow).map { History.Subject(flow: flow, topic: $0) }
            } else {
                subjects.append(History.Subject(flow: flow, topic: query.topic))
            }
        }
        series = subjects.map {
            Series(flow: $0.flow, topic: $0.topic, samples: history.samples(of: $0, points: points))
        }
    }

    /// Nil for a text of another form.
    init?(json: String) {
        guard let found = try? JSONDecoder().decode(Self.self, from: Data(json.utf8)) else { return nil }
        self = found
    }

    var json: String { jsonText(self) }
}

/// Answer of `/api/events`, oldest first.
struct EventsDocument: Codable {
    var events: [EventLog.Event]

    var json: String { jsonText(self) }
}

private func jsonText(_ document: some Encodable) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Cannot fail: these documents hold text and finite numbers.
    guard let data = try? encoder.encode(document) else { return "{}" }
    return String(decoding: data, as: UTF8.self)
}
