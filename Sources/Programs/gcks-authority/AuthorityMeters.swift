import GroupModel
import IKEVocabulary
import Telemetry

/// What the authority counts while it works: a few words for each thing that happens.
struct AuthorityMeters {
    private(set) var registrations = LabelledCounter()
    private(set) var rekeys = LabelledCounter()
    private(set) var reports = LabelledCounter()
    private(set) var commits = Histogram(bounds: Histogram.latencies)
    private(set) var inputs: Int64 = 0
    private(set) var failedCommits: Int64 = 0
    private(set) var leaderChanges: Int64 = 0
    private var lastLeader: String?

    /// An event the core let out with its commit.
    mutating func note(_ event: Event) {
        switch event.name {
        case "registration-granted": registrations.add(event["group"], "granted", "")
        case "registration-refused":
            let kind = event["kind"]
            // What a stranger calls a group is no label.
            let group = kind == RegistrationRefusal.Kind.unknownGroup.rawValue ? "" : event["group"]
            registrations.add(group, "refused", kind)
        case "member-left": registrations.add(event["group"], "left", "")
        case "rekey-committed": rekeys.add(event["group"], event["cause"], "multicast")
        case "sequence-reported": reports.add(event["group"], "stored", "")
        case "sequence-report-refused": reports.add(event["group"], "refused", event["kind"])
        default: break
        }
    }

    mutating func committed(_ inputs: Int, in time: Duration) {
        commits.observe(time)
        self.inputs += Int64(inputs)
    }

    mutating func commitFailed() { failedCommits += 1 }

    mutating func leads(_ name: String?) {
        guard let name, name != lastLeader else { return }
        if lastLeader != nil { leaderChanges += 1 }
        lastLeader = name
    }
}

extension Event {
    fileprivate subscript(_ key: String) -> String { fields.first { $0.key == key }?.value ?? "" }
}
