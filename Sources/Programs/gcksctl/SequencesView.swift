import ArgumentParser
import GroupModel
import IKEVocabulary

struct SenderSequences: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "seq", abstract: "Shows how far the sender of each single-sender SA is.",
        discussion: """
            What senders reported last, and how fast they went between their last two reports.

            Example: gcksctl sender seq market-data
            """)

    @Argument(help: "The group.") var group: GroupName
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        guard case .sequences(let sequences) = try await connection.perform(.senderSequences(group)) else { return }
        let view = SequencesView(sequences: sequences, now: TimeText.now())
        connection.show(view.table(), view.json())
        Terminal.next("gcksctl sender list \(group)")
    }
}

/// `gcksctl sender seq`.
struct SequencesView {
    let sequences: [SequenceStatus]
    let now: WallTime

    func table() -> String {
        var table = TextTable(["DATA SA", "SPI", "SENDER", "NEXT", "PER SECOND", "REPORTED"])
        for status in sequences {
            let report = status.report
            table.add([
                status.dataSA, status.spi, status.sender?.description ?? "-", report.map { String($0.next) } ?? "-",
                report.map { String(Int64($0.rate)) } ?? "-",
                report.map { "\(TimeText.since($0.at, at: now)) ago" } ?? "never",
            ])
        }
        return table.rendered()
    }

    func json() -> JSONValue {
        .document(
            kind: "SenderSequence",
            items: sequences.map { status in
                .object([
                    ("data_sa", .text(status.dataSA)), ("spi", .text(status.spi)),
                    ("sender", status.sender.map { .text($0.description) } ?? .null),
                    ("next", status.report.map { .integer(Int64(clamping: $0.next)) } ?? .null),
                    ("report", status.report.map { .integer(Int64($0.counter)) } ?? .null),
                    ("packets_per_second", status.report.map { .integer(Int64($0.rate)) } ?? .null),
                    ("reported_at", status.report.map { .text(TimeText.rfc3339($0.at)) } ?? .null),
                ])
            })
    }
}
