package import GroupModel
package import IKEVocabulary

/// Which broadcaster has which unfinished rekey order.
///
/// All unfinished orders of a group are with one broadcaster, so that they leave from one place in their order; a group without
/// any goes to the broadcaster that its name chooses among those that are there. One that said it cannot send for a group is
/// passed by for a while, as long as there is another.
package struct OrderAssignments {
    /// How long a broadcaster is passed by for a group it could not send for: short, since asking again costs one attempt.
    package static let passedBy = Duration.seconds(1)

    private struct Inability: Hashable {
        let session: Int
        let group: GroupName
    }

    private var places: [Int64: (session: Int, group: GroupName)] = [:]
    private var groups: [GroupName: (session: Int, orders: Int)] = [:]
    private var unable: [Inability: Moment] = [:]

    package init() {}

    package func has(_ number: Int64) -> Bool { places[number] != nil }

    /// - Returns: the session that is to send it; nil while there is no broadcaster.
    package mutating func assign(_ order: RekeyOrder, among sessions: some Collection<Int>, at now: Moment) -> Int? {
        let inUse = groups[order.group]
        guard let session = inUse?.session ?? choice(of: order.group, among: sessions, at: now) else { return nil }
        places[order.number] = (session, order.group)
        groups[order.group] = (session, (inUse?.orders ?? 0) + 1)
        return session
    }

    package mutating func finish(_ number: Int64) {
        guard let place = places.removeValue(forKey: number), let held = groups[place.group] else { return }
        groups[place.group] = held.orders > 1 ? (held.session, held.orders - 1) : nil
    }

    /// The last copy left: whatever kept this broadcaster from sending for the group is over.
    package mutating func acknowledge(_ number: Int64, by session: Int) {
        if let place = places[number] { unable[Inability(session: session, group: place.group)] = nil }
        finish(number)
    }

    /// The session is gone: its orders are to be assigned anew.
    package mutating func forget(session: Int) {
        for (number, place) in places where place.session == session { finish(number) }
        unable = unable.filter { $0.key.session != session }
    }

    /// The session says that copies of these orders do not leave. Where another one may be able to send, all orders of their groups
    /// are taken from it.
    ///
    /// - Returns: what was taken, to be assigned anew; what is not the session's own is passed over.
    package mutating func handBack(
        _ numbers: [Int64], by session: Int, among sessions: some Collection<Int>, at now: Moment
    ) -> Set<Int64> {
        unable = unable.filter { $0.value > now }
        var taken: Set<Int64> = []
        for group in Set(numbers.compactMap { places[$0] }.filter { $0.session == session }.map(\.group)) {
            unable[Inability(session: session, group: group)] = now + Self.passedBy
            guard !able(for: group, among: sessions, at: now).isEmpty else { continue }
            taken.formUnion(places.filter { $0.value.group == group }.keys)
        }
        for number in taken { finish(number) }
        return taken
    }

    private func able(for group: GroupName, among sessions: some Collection<Int>, at now: Moment) -> [Int] {
        sessions.filter { unable[Inability(session: $0, group: group)].map { $0 <= now } ?? true }
    }

    private func choice(of group: GroupName, among sessions: some Collection<Int>, at now: Moment) -> Int? {
        let able = able(for: group, among: sessions, at: now)
        let candidates = able.isEmpty ? Array(sessions) : able
        guard !candidates.isEmpty else { return nil }
        return candidates.sorted()[Int(group.stableHash % UInt64(candidates.count))]
    }
}

extension GroupName {
    /// FNV-1a: equal on every host and run.
    fileprivate var stableHash: UInt64 {
        text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}
