import ArgumentParser
import GroupModel
import IKEVocabulary

struct FrontendCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "frontend", abstract: "Shows frontends, and empties them without losing members.",
        discussion: "Example: gcksctl frontend drain frontend-1 --deadline 10m",
        subcommands: [FrontendList.self, FrontendShow.self, FrontendDrain.self, FrontendUndrain.self])
}

struct FrontendList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Lists the frontends, also those that are gone.",
        discussion: "Example: gcksctl frontend list -o json")

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        guard case .frontends(let frontends) = try await connection.perform(.fleet(.list(nil))) else { return }
        let view = FrontendsView(frontends: frontends, now: TimeText.now())
        connection.show(view.table(), view.json())
        Terminal.next(frontends.first.map { "gcksctl frontend show \($0.name)" } ?? "gcksctl status")
    }
}

struct FrontendShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Shows one frontend with all its counters.",
        discussion: "Example: gcksctl frontend show frontend-1")

    @Argument(help: "The frontend.", completion: .custom(Completions.frontends)) var name: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        guard case .frontends(let frontends) = try await connection.perform(.fleet(.list(name))) else { return }
        guard let frontend = frontends.first else { throw CommandEnd(.notFound, ["there is no frontend \(name)"]) }
        let view = FrontendsView(frontends: frontends, now: TimeText.now())
        connection.show(view.detail(), view.json())
        Terminal.next("gcksctl frontend \(frontend.drain == nil ? "drain" : "undrain") \(TextTable.printable(name))")
    }
}

struct FrontendDrain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain", abstract: "Lets a frontend take no new members and send those it has to others.",
        discussion: """
            Members that follow REDIRECT (RFC 5685) move and keep their group SAs, a few at a time. The others stay until they \
            leave by themselves, or until the deadline, when they are told Delete. Behind one shared address, where \
            public_address is not set, new members are handed to the other frontends.

            Example: gcksctl frontend drain frontend-1 --redirect-to frontend-2 --deadline 10m
            """)

    @Argument(help: "The frontend.", completion: .custom(Completions.frontends)) var name: String
    @Option(help: ArgumentHelp("Where its members go; any that is ready when absent.", valueName: "name"))
    var redirectTo: String?
    @Option(help: ArgumentHelp("How long members may stay, such as 30s, 10m or 24h.", valueName: "duration"))
    var deadline: DeadlineArgument?
    @OptionGroup var mandate: MandateOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await connection.change(mandate, of: name, next: "gcksctl frontend show \(TextTable.printable(name))") {
            .fleet(.drain(name, redirectTo: redirectTo, deadline: deadline?.lifetime, $0))
        }
    }
}

struct FrontendUndrain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "undrain", abstract: "Lets a frontend take members again.",
        discussion: "Example: gcksctl frontend undrain frontend-1")

    @Argument(help: "The frontend.", completion: .custom(Completions.frontends)) var name: String
    @OptionGroup var mandate: MandateOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await connection.change(mandate, of: name, next: "gcksctl frontend list") { .fleet(.undrain(name, $0)) }
    }
}

/// A number with s, m, h or d, 1 s to 30 d.
struct DeadlineArgument: ExpressibleByArgument {
    let lifetime: Lifetime

    init?(argument: String) {
        let units: [Character: UInt32] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        guard let unit = argument.last.flatMap({ units[$0] }), let count = UInt32(argument.dropLast()) else {
            return nil
        }
        let (seconds, overflow) = count.multipliedReportingOverflow(by: unit)
        guard !overflow, (1...FleetLimits.deadlineSecondsMost).contains(seconds) else { return nil }
        lifetime = Lifetime(seconds: seconds)
    }
}

struct FrontendsView {
    let frontends: [FrontendStatus]
    let now: WallTime

    func table() -> String {
        var table = TextTable([
            "NAME", "NUMBER", "STATE", "IKE SAS", "HALF-OPEN", "REGISTRATIONS", "RELAYED", "SINCE",
        ])
        for frontend in frontends {
            table.add([
                frontend.name, "\(frontend.number)", frontend.state.rawValue, count(frontend, "ike-sas"),
                count(frontend, "half-open"), count(frontend, "registrations"),
                "\(count(frontend, "relayed-out"))/\(count(frontend, "relayed-in"))",
                TimeText.since(frontend.since, at: now),
            ])
        }
        return table.rendered()
    }

    func detail() -> String {
        frontends.map { frontend in
            var table = TextTable(["FRONTEND", TextTable.printable(frontend.name)])
            table.add(["number", "\(frontend.number)"])
            table.add(["state", frontend.state.rawValue])
            table.add(["since", TimeText.since(frontend.since, at: now)])
            table.add(["relay", frontend.relay.map(\.description) ?? "-"])
            table.add(["public address", frontend.publicAddress.map(\.description) ?? "-"])
            if let drain = frontend.drain {
                table.add(["redirect to", drain.redirectTo ?? "any"])
                table.add(["deadline", drain.deadline.map { TimeText.until($0, from: now) } ?? "-"])
            }
            for (name, value) in frontend.counters.sorted(by: { $0.key < $1.key }) { table.add([name, "\(value)"]) }
            return table.rendered()
        }.joined(separator: "\n\n")
    }

    func json() -> JSONValue {
        .document(
            kind: "Frontend",
            items: frontends.map { frontend in
                .object([
                    ("name", .text(frontend.name)), ("number", .integer(Int64(frontend.number.rawValue))),
                    ("state", .text(frontend.state.rawValue)), ("since", .text(TimeText.rfc3339(frontend.since))),
                    ("relay", frontend.relay.map { .text($0.description) } ?? .null),
                    ("public_address", frontend.publicAddress.map { .text($0.description) } ?? .null),
                    ("redirect_to", frontend.drain.flatMap { $0.redirectTo.map(JSONValue.text) } ?? .null),
                    ("deadline", frontend.drain?.deadline.map { .text(TimeText.rfc3339($0)) } ?? .null),
                    (
                        "counters",
                        .object(
                            frontend.counters.sorted { $0.key < $1.key }.map { ($0.key, .integer($0.value)) })
                    ),
                ])
            })
    }

    private func count(_ frontend: FrontendStatus, _ name: String) -> String {
        frontend.counters[name].map { "\($0)" } ?? "-"
    }
}
