import ArgumentParser
import AuthorityRPC
import GroupModel
import IKEVocabulary

struct RoleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "role", abstract: "Shows who you are to the cluster and what that allows.",
        discussion: """
            A role comes from the certificate: spiffe://DOMAIN/gcks/ROLE/NAME with the role auditor, viewer, operator or
            crypto-officer. Each may do what those before it may. Over an authority's Unix socket the socket decides.

            Example: gcksctl role whoami
            """,
        subcommands: [RoleList.self, RoleWhoAmI.self])
}

struct RoleWhoAmI: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "whoami", abstract: "Shows your name and roles as an authority sees them.",
        discussion: "Example: gcksctl role whoami -o json")

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let reach = try connection.reach()
        let identity: OperatorIdentity
        do {
            identity = try await OperatorClient(link: reach.link, timeout: reach.timeout).whoAmI()
        } catch {
            throw CommandEnd(error)
        }
        let roles = identity.roles.sorted().map(\.rawValue)
        let target = reach.link.targets.first { $0.name == identity.authority }
        let isUnix = if case .unix? = target?.address { true } else { false }
        let door = isUnix ? "unix" : "tls"
        var table = TextTable(["NAME", "ROLES", "DOOR", "AUTHORITY"])
        table.add([identity.name, roles.joined(separator: ", "), door, identity.authority])
        let item = JSONValue.object([
            ("name", .text(identity.name)), ("roles", .list(roles.map(JSONValue.text))), ("door", .text(door)),
            ("authority", .text(identity.authority)),
        ])
        connection.show(table.rendered(), .document(kind: "WhoAmI", items: [item]))
        Terminal.next("gcksctl role list")
    }
}

struct RoleList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Lists the roles there are and what each is for.",
        discussion: "Example: gcksctl role list")

    @OptionGroup var output: OutputOptions

    private static let purposes: [(OperatorRole, String)] = [
        (.auditor, "reads the audit trail"), (.viewer, "reads everything"),
        (.operator, "planned rekeys, pauses, drains, failover: what costs nobody his keys"),
        (.cryptoOfficer, "policy, exclusion, emergency rekeys, keys of groups and of the cluster"),
    ]

    func run() {
        var table = TextTable(["ROLE", "FOR"])
        for (role, purpose) in Self.purposes { table.add([role.rawValue, purpose]) }
        let items = Self.purposes.map { role, purpose in
            JSONValue.object([("name", .text(role.rawValue)), ("purpose", .text(purpose))])
        }
        output.show(table.rendered(), .document(kind: "Role", items: items))
        Terminal.next("gcksctl role whoami")
    }
}
