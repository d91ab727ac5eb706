/// Who is excluded opens nothing that is built afterwards, and installs nothing of it.
///
/// A view of the group follows every acknowledged change; what a view shows for the first time after an exclusion was built
/// after it.
enum Exclusions {
    static let promise = "excluded members that hold or open a later key"

    struct Period: Hashable, Sendable {
        let member: String
        /// When the exclusion was acknowledged, and when the member was asked back at the earliest.
        let from: Int
        let to: Int
    }

    static func periods(_ ledger: [LedgerEntry]) -> [Period] {
        var open: [String: Int] = [:]
        var periods: [Period] = []
        for entry in ledger {
            switch entry.change {
            case .evict(_, let member):
                if let time = entry.acknowledgedAt { open[member] = open[member] ?? time }
            case .allow(_, let member):
                // Even an unanswered one may have let it in.
                guard let from = open[member], let first = entry.attempts.first else { continue }
                periods.append(Period(member: member, from: from, to: first.sent))
                open[member] = nil
            default: break
            }
        }
        return periods + open.map { Period(member: $0.key, from: $0.value, to: .max) }.sorted { $0.member < $1.member }
    }

    static func check(_ evidence: Evidence) -> Finding {
        var firstShown: [String: Int] = [:]
        for view in evidence.views {
            for association in view.associations.keys where firstShown[association] == nil {
                firstShown[association] = view.time
            }
        }
        let periods = periods(evidence.ledger)
        var broken: [String] = []
        for period in periods {
            let later = Set(firstShown.filter { $0.value >= period.from && $0.value < period.to }.map(\.key))
            broken += holds(period, later, evidence)
            broken += opens(period, later, evidence)
        }
        return Finding(promise: promise, looked: periods.count, broken: broken)
    }

    private static func holds(_ period: Period, _ later: Set<String>, _ evidence: Evidence) -> [String] {
        evidence.traces.filter { $0.member == period.member }.flatMap { trace in
            trace.records.filter { record in
                guard record.action == "install", later.contains(record.place) else { return false }
                let time = Clock.milliseconds(rfc3339: record.time) ?? period.from
                return time < period.to
            }.map { "\(period.member) was excluded and installed \($0.place) at \($0.time)" }
        }
    }

    /// Tries every key the member logged before it was asked back on every rekey of the time after.
    private static func opens(_ period: Period, _ later: Set<String>, _ evidence: Evidence) -> [String] {
        let laterSPIs = Set(later.compactMap { $0.hasPrefix("rekey ") ? String($0.dropFirst(6)) : nil })
        let keys = (evidence.keyRows[period.member] ?? []).compactMap { RekeyOpener($0) }
        return evidence.rekeys.filter { laterSPIs.contains($0.place.spi) && $0.time < period.to }.compactMap { rekey in
            guard keys.contains(where: { $0.opens(rekey.octets) }) else { return nil }
            return "\(period.member) was excluded and can open \(rekey.place)"
        }
    }
}
