package import GroupModel

/// Which broadcaster has which unfinished rekey order.
///
/// All unfinished orders of a group are with one broadcaster, so that they leave from one place in their order; a group without
/// any goes to the broadcaster that its name chooses among those that are there.
package struct OrderAssignments {
    private var places: [Int64: (session: Int, group: GroupName)] = [:]
    private var groups: [GroupName: (session: Int, orders: Int)] = [:]

    package init() {}

    package func has(_ number: Int64) -> Bool { places[number] != nil }

    /// - Returns: the session that is to send it; nil while there is no broadcaster.
    package mutating func assign(_ order: RekeyOrder, among sessions: some Collection<Int>) -> Int? {
        let inUse = groups[order.group]
        guard let session = inUse?.session ?? Self.choice(of: order.group, among: sessions) else { return nil }
        places[order.number] = (session, order.group)
        groups[order.group] = (session, (inUse?.orders ?? 0) + 1)
        return session
    }

    package mutating func finish(_ number: Int64) {
        guard let place = places.removeValue(forKey: number), let held = groups[place.group] else { return }
        groups[place.group] = held.orders > 1 ? (held.session, held.orders - 1) : nil
    }

    /// The session is gone: its orders are to be assigned anew.
    package mutating func forget(session: Int) {
        for (number, place) in places where place.session == session { finish(number) }
    }

    private static func choice(of group: GroupName, among sessions: some Collection<Int>) -> Int? {
        guard !sessions.isEmpty else { return nil }
        return sessions.sorted()[Int(group.stableHash % UInt64(sessions.count))]
    }
}

extension GroupName {
    /// FNV-1a: equal on every host and run.
    fileprivate var stableHash: UInt64 {
        text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}
