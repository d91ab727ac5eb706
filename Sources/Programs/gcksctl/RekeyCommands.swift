import ArgumentParser
import GroupModel
import IKEVocabulary
import Octets

struct RekeyEmergency: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "emergency", abstract: "New keys at once that do not travel under the old ones (L2).",
        discussion: """
            For keys that leaked: the old SAs are deleted and every member registers again within seconds. Nobody is barred.

            Example: gcksctl rekey emergency market-data --reason "laptop lost" --dry-run
            """)

    @Argument(help: "The group.") var group: GroupName
    @OptionGroup var mandate: MandateOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await connection.change(mandate, of: group.text, next: "gcksctl member list \(group)") {
            .control(.emergency(group, $0))
        }
    }
}

struct RekeyPause: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Holds scheduled rekeys of a group.",
        discussion: """
            Keys never expire in a pause: it says how long it is safe, and ends by itself before.

            Example: gcksctl rekey pause market-data
            """)

    @Argument(help: "The group.") var group: GroupName
    @OptionGroup var mandate: MandateOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await connection.change(mandate, of: group.text, next: "gcksctl rekey resume \(group)") {
            .control(.pause(group, true, $0))
        }
    }
}

struct RekeyResume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Ends a pause: the schedule decides again.",
        discussion: "Example: gcksctl rekey resume market-data")

    @Argument(help: "The group.") var group: GroupName
    @OptionGroup var mandate: MandateOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await connection.change(mandate, of: group.text, next: "gcksctl rekey schedule show \(group)") {
            .control(.pause(group, false, $0))
        }
    }
}

struct RekeyScheduleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schedule", abstract: "Shows and sets when keys are replaced.",
        discussion: "Example: gcksctl rekey schedule show",
        subcommands: [RekeyScheduleShow.self, RekeyScheduleSet.self])
}

struct RekeyScheduleShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Shows the schedule of a group, or of all, and when the next rekeys come.",
        discussion: "Example: gcksctl rekey schedule show market-data")

    @Argument(help: "The group; all when absent.") var group: GroupName?
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        guard case .schedules(let schedules) = try await connection.perform(.control(.schedules(group))) else { return }
        let now = TimeText.now()
        var table = TextTable(["GROUP", "KEK AT", "TEK AT", "JITTER", "STATE", "NEXT KEK", "NEXT TEK", "SAFE UNTIL"])
        for status in schedules {
            table.add([
                status.group.text, "\(status.schedule.kekPercent)%", "\(status.schedule.tekPercent)%",
                "\(status.schedule.jitterPercent)%", status.pausedSince == nil ? "running" : "paused",
                Self.next(status.kekDueAt, now), Self.next(status.tekDueAt, now), TimeText.rfc3339(status.safeUntil),
            ])
        }
        let items = schedules.map { status in
            JSONValue.object([
                ("group", .text(status.group.text)), ("kek_percent", .integer(Int64(status.schedule.kekPercent))),
                ("tek_percent", .integer(Int64(status.schedule.tekPercent))),
                ("jitter_percent", .integer(Int64(status.schedule.jitterPercent))),
                ("paused_since", .optional(status.pausedSince.map(TimeText.rfc3339))),
                ("kek_due_at", .text(TimeText.rfc3339(status.kekDueAt))),
                ("tek_due_at", .text(TimeText.rfc3339(status.tekDueAt))),
                ("safe_until", .text(TimeText.rfc3339(status.safeUntil))),
            ])
        }
        connection.show(table.rendered(), .document(kind: "RekeySchedule", items: items))
        Terminal.next("gcksctl rekey history\(group.map { " \($0)" } ?? "")")
    }

    private static func next(_ due: WallTime, _ now: WallTime) -> String {
        due > now ? TimeText.until(due, from: now) : "now"
    }
}

struct RekeyScheduleSet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Sets after which part of their lifetime keys are replaced.",
        discussion: """
            Percents of the lifetime in the group's file; what is not named stays. The jitter moves each rekey earlier by up to
            that much, differently for each SA.

            Example: gcksctl rekey schedule set market-data --tek 80 --jitter 10
            """)

    @Argument(help: "The group.") var group: GroupName
    @Option(help: ArgumentHelp("Of the Rekey SA: 10 to 95.", valueName: "percent")) var kek: UInt8?
    @Option(help: ArgumentHelp("Of the Data-Security SAs: 10 to 95.", valueName: "percent")) var tek: UInt8?
    @Option(help: ArgumentHelp("At most so much earlier: 0 to 50.", valueName: "percent")) var jitter: UInt8?
    @OptionGroup var mandate: MandateOptions
    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if kek == nil, tek == nil, jitter == nil { throw ValidationError("name --kek, --tek or --jitter") }
    }

    func run() async throws {
        guard case .schedules(let known) = try await connection.perform(.control(.schedules(group))),
            var schedule = known.first?.schedule
        else { throw CommandEnd(.notFound, ["there is no group \(group)"]) }
        schedule.kekPercent = kek ?? schedule.kekPercent
        schedule.tekPercent = tek ?? schedule.tekPercent
        schedule.jitterPercent = jitter ?? schedule.jitterPercent
        let wanted = schedule
        try await connection.change(mandate, of: group.text, next: "gcksctl rekey schedule show \(group)") {
            .control(.setSchedule(group, wanted, $0))
        }
    }
}

struct RekeyHistory: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "Lists the last rekeys of a group, or of all.",
        discussion: "Example: gcksctl rekey history market-data")

    @Argument(help: "The group; all when absent.") var group: GroupName?
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        guard case .history(let rows) = try await connection.perform(.control(.history(group, after: 0))) else {
            return
        }
        var table = TextTable([
            "TIME", "GROUP", "CAUSE", "BY", "GENERATION", "REKEY SA", "MESSAGE ID", "NEW REKEY SA", "NEW DATA SAS",
            "MEMBERS",
        ])
        for row in rows {
            table.add([
                TimeText.rfc3339(row.at), row.group.text, row.cause, row.by, String(row.generation.rawValue),
                row.spi.description, row.messageID.description, row.newRekeySPI?.description ?? "-",
                row.newDataSPIs.map(\.description).joined(separator: ","), String(row.members),
            ])
        }
        connection.show(table.rendered(), .document(kind: "Rekey", items: rows.map(RekeyView.json)))
        Terminal.next("gcksctl rekey schedule show\(group.map { " \($0)" } ?? "")")
    }
}

struct RekeyWatch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "Follows rekeys as they are committed, as NDJSON.",
        discussion: "Example: gcksctl rekey watch market-data | jq .cause")

    @Argument(help: "The group; all when absent.") var group: GroupName?
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        var after = try await newest(after: 0).map(\.number).max() ?? 0
        var isWaiting = false
        while true {
            try await Task.sleep(for: .milliseconds(500))
            do {
                for row in try await newest(after: after) {
                    Terminal.output(RekeyView.json(row).line())
                    after = max(after, row.number)
                }
                isWaiting = false
            } catch let end as CommandEnd where end.code == .unavailable {
                if !isWaiting { for line in end.lines { Terminal.error("waiting: \(line)") } }
                isWaiting = true
            }
        }
    }

    private func newest(after: Int64) async throws -> [RekeyHistoryRow] {
        guard case .history(let rows) = try await connection.perform(.control(.history(group, after: after))) else {
            return []
        }
        return rows
    }
}

enum RekeyView {
    static func json(_ row: RekeyHistoryRow) -> JSONValue {
        .object([
            ("number", .integer(row.number)), ("at", .text(TimeText.rfc3339(row.at))), ("group", .text(row.group.text)),
            ("cause", .text(row.cause)), ("by", .text(row.by)), ("generation", .integer(row.generation.rawValue)),
            ("rekey_spi", .text(row.spi.description)), ("message_id", .integer(Int64(row.messageID.rawValue))),
            ("new_rekey_spi", .optional(row.newRekeySPI?.description)),
            ("new_data_spis", .list(row.newDataSPIs.map { .text($0.description) })),
            ("members", .integer(Int64(row.members))),
        ])
    }
}
