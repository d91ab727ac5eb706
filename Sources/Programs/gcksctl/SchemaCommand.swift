import ArgumentParser

struct SchemaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema", abstract: "Prints the JSON Schema of what -o json prints.",
        discussion: """
            Without KIND: the kinds there are.

            Example: gcksctl schema Group
            """)

    @Argument(help: "The kind, as in the field kind.", completion: .custom(Completions.kinds)) var kind: String?

    func run() throws {
        guard let kind else {
            for kind in Schemas.kinds { Terminal.output(kind) }
            return Terminal.next("gcksctl schema ClusterStatus")
        }
        guard let (name, shape) = Schemas.shapes.first(where: { $0.key.lowercased() == kind.lowercased() }) else {
            throw CommandEnd(
                .notFound, ["there is no kind \(kind) (valid: \(Schemas.kinds.joined(separator: ", ")))"],
                next: "gcksctl schema")
        }
        Terminal.output(shape.document(kind: name).rendered())
        Terminal.next("gcksctl \(Self.sample[name] ?? "status") -o json")
    }

    private static let sample = [
        "Group": "group list", "Member": "member list", "Sender": "sender list GROUP",
        "SenderSequence": "sender seq GROUP", "Version": "version",
        "Context": "context list", "CheckResult": "doctor", "WhoAmI": "role whoami", "Traffic": "top --once",
    ]
}
