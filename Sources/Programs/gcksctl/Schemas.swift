import GroupModel

/// What `-o json` prints, by kind. A kind that is printed and not here fails a test.
enum Schemas {
    static let shapes: [String: Shape] = [
        "AuditKey": auditKey, "AuditRecord": auditRecord, "AuditVerification": auditVerification,
        "Backup": backup, "Change": change,
        "CheckResult": checkResult, "ClusterStatus": clusterStatus, "Context": context,
        "Frontend": frontend, "Group": group, "JoinToken": joinToken, "Leader": leader, "Member": member, "Node": node,
        "Peer": peer, "PolicyVerdict": policyVerdict, "Rekey": rekeyRow, "RekeySchedule": rekeySchedule,
        "Request": request, "Role": role, "RootKeys": rootKey, "Sender": sender, "SenderSequence": senderSequence,
        "Setting": setting,
        "Traffic": traffic, "UpgradeStatus": upgradeStatus, "Validation": validation,
        "Version": version, "WhoAmI": whoAmI,
    ]

    static var kinds: [String] { shapes.keys.sorted() }

    private static let change = Shape.object([("request_id", .text), ("dry_run", .bool), ("effects", .list(.text))])

    private static let member = Shape.object([
        ("group", .text), ("identity", .text), ("state", .text), ("reason", .text), ("role", .text),
        ("sender_ids", .list(.integer)), ("since", .time), ("remote", .text), ("frontend", .text),
        ("authentication", .word(["shared-key", "signature", "nothing"])),
    ])

    private static let sender = Shape.object([("sender_id", .integer), ("member", .text), ("given_at", .time)])
    private static let senderSequence = Shape.object([
        ("data_sa", .text), ("spi", .text), ("sender", .optional(.text)), ("next", .optional(.integer)),
        ("report", .optional(.integer)), ("packets_per_second", .optional(.integer)), ("reported_at", .optional(.time)),
    ])
    private static let role = Shape.object([("name", .text), ("purpose", .text)])
    private static let version = Shape.object([("program", .text), ("version", .text)])

    // MARK: Groups

    private static let association = Shape.object([
        ("name", .text), ("spi", .text), ("key_check_value", .text), ("expires_at", .time),
        ("next_message_id", .optional(.integer)),
    ])

    private static let rekey = Shape.object([
        ("destination", .text), ("suite", .text), ("key_wrap", .integer), ("authentication", .text),
        ("lifetime_seconds", .integer), ("copies", .integer), ("spacing_milliseconds", .integer),
        ("pace_milliseconds", .integer),
        ("fragment_octets", .integer), ("time_to_live", .integer),
    ])

    private static let definition = Shape.object([
        ("identification", .text), ("mode", .word(["tunnel", "transport"])), ("member_limit", .integer),
        ("sender_id_bits", .integer), ("activation_time_delay_seconds", .integer),
        ("deactivation_time_delay_seconds", .integer), ("rekey", rekey),
        (
            "data",
            .list(
                .object([
                    ("name", .text), ("source", .text), ("destination", .text), ("suite", .text),
                    ("senders", .word(["single", "shared"])), ("lifetime_seconds", .integer),
                ]))
        ),
        (
            "rules",
            .list(
                .object([
                    ("pattern", .text), ("permission", .word(["sender", "receiver", "deny"])),
                    ("sender_id_limit", .integer),
                ]))
        ),
        (
            "key_tree",
            .optional(.object([("degree", .integer), ("on_leave", .word(LeaveRule.allCases.map(\.rawValue)))]))
        ),
    ])

    private static let group = Shape.object([
        ("name", .text), ("generation", .integer), ("members", .integer), ("senders", .integer),
        ("sender_ids_given", .integer), ("sender_ids_capacity", .integer), ("rekey_sa", .optional(association)),
        ("data_sas", .list(association)), ("next_rekey_at", .optional(.time)), ("next_expiry_at", .optional(.time)),
        ("state", .text),
        ("definition", definition),
    ])

    // MARK: The cluster

    private static let link = Shape.object([
        ("name", .text), ("connected", .bool), ("since", .time), ("counters", .map(.integer)),
    ])

    private static let frontend = Shape.object([
        ("name", .text), ("number", .integer), ("state", .word(["ready", "draining", "drained", "gone"])),
        ("since", .time), ("relay", .optional(.text)), ("public_address", .optional(.text)),
        ("redirect_to", .optional(.text)), ("deadline", .optional(.time)), ("counters", .map(.integer)),
    ])

    private static let clusterStatus = Shape.object([
        ("health", .word(["healthy", "degraded", "no-leader", "no-answer"])), ("context", .optional(.text)),
        ("leader", .optional(.text)), ("term", .integer), ("leading_since", .optional(.time)), ("commits", .integer),
        ("reachable", .integer), ("quorum", .integer), ("tolerance", .integer),
        ("authorities", .list(.object([("name", .text), ("state", .text), ("detail", .text)]))),
        ("frontends", .list(link)), ("broadcasters", .list(link)), ("groups", .list(group)),
        ("warnings", .list(.object([("text", .text), ("next", .text)]))),
    ])

    private static let joinToken = Shape.object([
        ("token", .text), ("node", .text), ("id", .integer), ("cluster", .text), ("store_ca", .text),
        ("expires_at", .time),
    ])

    private static let rootKey = Shape.object([
        ("root_key", .text), ("seals", .bool), ("held", .bool), ("sealed_keys", .integer), ("percent", .integer),
    ])

    private static let upgradeStatus = Shape.object([
        ("schema", .optional(.integer)), ("cluster", .optional(.text)), ("due", .bool), ("obstacles", .list(.text)),
        (
            "authorities",
            .list(
                .object([
                    ("name", .text), ("version", .optional(.text)), ("schema_known", .optional(.integer)),
                    ("leader", .bool),
                    ("error", .optional(.text)),
                ]))
        ),
    ])

    private static let traffic = Shape.object([
        ("name", .text), ("role", .word(["frontend", "broadcaster", "authority", "group"])), ("connected", .bool),
        ("seconds", .number), ("counters", .map(.integer)), ("per_second", .map(.number)),
    ])

    private static let checkResult = Shape.object([
        ("check", .text), ("result", .word(["ok", "warn", "fail"])), ("detail", .text), ("next", .optional(.text)),
    ])

    private static let whoAmI = Shape.object([
        ("name", .text), ("roles", .list(.text)), ("door", .text), ("authority", .text),
    ])

    private static let leader = Shape.object([
        ("leader", .optional(.text)), ("term", .optional(.integer)), ("since", .optional(.time)), ("stale", .bool),
    ])

    private static let nodeState = Shape.word(["leading", "following", "no-leader", "unreachable"])

    private static let node = Shape.object([
        ("name", .text), ("id", .optional(.integer)), ("role", .text), ("state", nodeState), ("drained", .bool),
        ("leader", .optional(.text)), ("disk_free_octets", .optional(.integer)), ("disk_fault", .optional(.text)),
        ("detail", .text), ("stale", .bool),
    ])

    private static let peer = Shape.object([
        ("name", .text), ("id", .optional(.integer)), ("role", .text), ("state", nodeState),
        ("beat", .optional(.integer)), ("lag_milliseconds", .optional(.integer)),
        ("digest", .optional(.word(["leader", "equal", "differs", "missed"]))), ("checkpoint", .optional(.integer)),
        ("compared_at", .optional(.time)), ("stale", .bool),
    ])

    private static let request = Shape.object([
        ("request_id", .text), ("state", .word(["done", "waiting", "not-done"])), ("at", .optional(.time)),
        ("kind", .optional(.text)), ("effects", .list(.text)),
    ])

    // MARK: Rekeys, policy and the audit trail

    private static let rekeyRow = Shape.object([
        ("number", .integer), ("at", .time), ("group", .text), ("cause", .text), ("by", .text),
        ("generation", .integer),
        ("rekey_spi", .text), ("message_id", .integer), ("new_rekey_spi", .optional(.text)),
        ("new_data_spis", .list(.text)), ("members", .integer),
    ])

    private static let rekeySchedule = Shape.object([
        ("group", .text), ("kek_percent", .integer), ("tek_percent", .integer), ("jitter_percent", .integer),
        ("paused_since", .optional(.time)), ("kek_due_at", .time), ("tek_due_at", .time), ("safe_until", .time),
    ])

    private static let policyVerdict = Shape.object([
        ("identity", .text), ("group", .text), ("allowed", .bool), ("lines", .list(.text)),
    ])

    private static let auditRecord = Shape.object([
        ("kind", .word(["AuditRecord"])), ("seq", .integer), ("at", .time), ("cluster", .text), ("node", .text),
        ("actor", .text), ("actor_role", .text), ("source", .text), ("action", .text), ("object", .text),
        ("reason", .text), ("request_id", .text), ("result", .text), ("generation_before", .optional(.integer)),
        ("generation_after", .optional(.integer)), ("previous_hash", .text), ("hash", .text),
    ])

    private static let backup = Shape.object([
        ("cluster", .text), ("life", .integer), ("made_at", .time), ("authority", .text), ("audit_seq", .integer),
        (
            "groups",
            .list(
                .object([
                    ("group", .text), ("data_sas", .integer), ("exclusions", .list(.text)), ("members", .integer),
                    ("next_sender_id", .integer),
                ]))
        ),
    ])

    private static let auditKey = Shape.object([
        ("kind", .word(["AuditKey"])), ("cluster", .text), ("public_key", .text),
    ])

    private static let auditVerification = Shape.object([
        ("first", .integer), ("last", .integer), ("records", .integer), ("anchors", .integer),
        ("signed_through", .integer), ("signed_at", .optional(.time)), ("key_was_given", .bool),
    ])

    // MARK: This side

    private static let context = Shape.object([
        ("name", .text), ("in_use", .bool), ("authorities", .list(.object([("name", .text), ("address", .text)]))),
        ("certificate", .optional(.text)), ("timeout_seconds", .number),
    ])

    private static let setting = Shape.object([("name", .text), ("value", .text), ("origin", .text)])
    private static let validation = Shape.object([
        ("file", .text), ("program", .text), ("valid", .bool), ("faults", .list(.text)),
    ])
}
