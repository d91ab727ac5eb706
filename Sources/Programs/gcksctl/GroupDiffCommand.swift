import ArgumentParser
import AuthorityRPC
import GroupModel
import IKEVocabulary

struct GroupDiff: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "Tells what applying a file would change. Ends with 10 when it would.",
        discussion: "Example: gcksctl group diff -f market-data.yaml")

    @Option(
        name: [.customShort("f"), .customLong("file")], help: "The group file.", completion: .file(extensions: ["yaml"])
    )
    var file: String
    @OptionGroup var request: RequestOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let definition = try GroupFiles.load(file)
        let mandate = Mandate(operation: try request.operation(), isDryRun: true)
        guard case .done(let lines) = try await connection.perform(.groupApply(definition, mandate), file: file) else {
            throw CommandEnd.odd
        }
        let view = ChangeView(lines: lines, operation: mandate.operation, isDryRun: true)
        connection.show(view.text(), view.json())
        guard lines == ["group \(definition.name) unchanged"] else {
            throw CommandEnd(
                .differences, ["the group differs from \(file)"], next: "gcksctl group apply -f \(file)")
        }
        Terminal.next("gcksctl group show \(definition.name)")
    }
}
