package import IKEVocabulary

/// What an operator asks of the audit trail.
package enum AuditRequest: Hashable, Sendable {
    case read(AuditQuery)
    /// Sign the head of the chain now.
    case anchor(Mandate)

    package var mandate: Mandate? { if case .anchor(let mandate) = self { mandate } else { nil } }
    /// An anchor changes nothing that anybody holds.
    package var dangerLevel: DangerLevel { .read }
    package var action: String { if case .anchor = self { "audit-anchor" } else { "audit-read" } }
}

/// Which records, a page at a time: a filter leaves records out of the answer, not out of the page.
package struct AuditQuery: Hashable, Sendable {
    package enum Start: Hashable, Sendable {
        /// Those after this number, oldest first.
        case after(Int64)
        /// The newest so many.
        case newest(Int)
    }

    /// Records that one page looks at.
    package static let pageRecords = 4096

    package var start: Start
    package var atMost: Int
    package var filter: AuditFilter

    package init(start: Start, atMost: Int = pageRecords, filter: AuditFilter = AuditFilter()) {
        self.start = start
        self.atMost = min(max(atMost, 1), Self.pageRecords)
        self.filter = filter
    }
}

/// Everything that is set must hold. Texts match whole, or a part when they begin or end with '*'.
package struct AuditFilter: Hashable, Sendable {
    package var since: WallTime?
    package var until: WallTime?
    package var actor: String?
    package var action: String?
    package var object: String?

    package init(
        since: WallTime? = nil, until: WallTime? = nil, actor: String? = nil, action: String? = nil,
        object: String? = nil
    ) {
        self.since = since
        self.until = until
        self.actor = actor
        self.action = action
        self.object = object
    }

    package func matches(_ record: AuditRecord) -> Bool {
        if let since, record.at < since { return false }
        if let until, record.at > until { return false }
        return Self.fits(actor, record.entry.actor) && Self.fits(action, record.entry.action)
            && Self.fits(object, record.entry.object)
    }

    private static func fits(_ pattern: String?, _ text: String) -> Bool {
        guard let pattern else { return true }
        switch (pattern.hasPrefix("*"), pattern.hasSuffix("*")) {
        case (true, true): return pattern.utf8.count < 3 || text.contains(pattern.dropFirst().dropLast())
        case (true, false): return text.hasSuffix(pattern.dropFirst())
        case (false, true): return text.hasPrefix(pattern.dropLast())
        case (false, false): return text == pattern
        }
    }
}

/// Part of the trail, oldest first.
package struct AuditPage: Hashable, Sendable {
    /// Nil while nothing was ever recorded.
    package var key: AuditKey?
    package var records: [AuditRecord]
    /// Of the records that were looked at, and the floor's when the page begins there.
    package var anchors: [AuditAnchor]
    package var lookedThrough: Int64
    package var head: Int64
    package var floor: Int64

    package init(
        key: AuditKey?, records: [AuditRecord], anchors: [AuditAnchor], lookedThrough: Int64, head: Int64, floor: Int64
    ) {
        self.key = key
        self.records = records
        self.anchors = anchors
        self.lookedThrough = lookedThrough
        self.head = head
        self.floor = floor
    }
}
