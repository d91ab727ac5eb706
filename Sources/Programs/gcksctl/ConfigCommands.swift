import ArgumentParser
import AuthorityRPC
import Foundation
import Settings

struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Checks settings files and shows what is in force here.",
        discussion: "Example: gcksctl config validate /etc/gcks/*.yaml",
        subcommands: [ConfigShow.self, ConfigValidate.self])
}

/// Which program, or command, reads a file.
enum SettingsKind: String, ExpressibleByArgument, CaseIterable {
    case authority, frontend, broadcaster, member, gcksctl, group

    /// From the keys at the left margin; nil when they are of none or of several.
    init?(file: String) {
        guard let data = FileManager.default.contents(atPath: file), data.count <= 1 << 20 else { return nil }
        let lines = String(decoding: data, as: UTF8.self).split(separator: "\n")
        let keys = Set(lines.compactMap { line in line.firstIndex(of: ":").map { String(line[..<$0]) } })
        let marks: [(SettingsKind, Set<String>)] = [
            (.group, ["group"]), (.authority, ["root_key"]), (.broadcaster, ["multicast"]),
            (.member, ["groups", "sinks"]),
            (.frontend, ["listen"]), (.gcksctl, ["contexts", "use"]),
        ]
        let found = marks.filter { !$0.1.isDisjoint(with: keys) }.map(\.0)
        switch found.count {
        case 1: self = found[0]
        // What names authorities and nothing else is an operator's.
        case 0 where keys.contains("authorities") && !keys.contains("name"): self = .gcksctl
        default: return nil
        }
    }

    /// One line for each fault, by the code that the program itself uses.
    func faults(_ file: String) -> [String] {
        do throws(SettingsFaults) {
            switch self {
            case .authority: _ = try AuthoritySettings.load(file: file)
            case .frontend: _ = try FrontendSettings.load(file: file)
            case .broadcaster: _ = try BroadcasterSettings.load(file: file)
            case .member: _ = try MemberSettings.load(file: file)
            case .gcksctl: if try ControlContexts.load(file: file) == nil { _ = try ControlSettings.load(file: file) }
            case .group: _ = try GroupFile.load(file)
            }
            return []
        } catch {
            return error.faults.map(\.description)
        }
    }
}

struct ConfigValidate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate", abstract: "Checks settings files and group files as their programs do.",
        discussion: """
            Ends with 2 when no file is valid, with 8 when some are and some are not.

            Example: gcksctl config validate frontend.yaml market-data.yaml
            """)

    @Argument(help: "The files.", completion: .file(extensions: ["yaml"])) var files: [String]
    @Option(name: .customLong("as"), help: "Whose files they are, when their keys do not tell.") var kind: SettingsKind?
    @OptionGroup var output: OutputOptions

    func run() throws {
        var (table, items, faults) = (TextTable(["FILE", "PROGRAM", "RESULT"]), [JSONValue](), [String]())
        var bad = 0
        for file in files {
            let program = kind ?? SettingsKind(file: file)
            let found =
                program.map { $0.faults(file) }
                ?? [
                    "\(file):1: whose file this is cannot be told; valid: --as \(SettingsKind.allCases.map(\.rawValue))"
                ]
            if !found.isEmpty { bad += 1 }
            faults += found
            table.add([file, program?.rawValue ?? "unknown", found.isEmpty ? "ok" : "fail, \(found.count) faults"])
            items.append(
                .object([
                    ("file", .text(file)), ("program", .text(program?.rawValue ?? "unknown")),
                    ("valid", .bool(found.isEmpty)), ("faults", .list(found.map(JSONValue.text))),
                ]))
        }
        output.show(table.rendered(), .document(kind: "Validation", items: items))
        guard bad > 0 else { return Terminal.next("gcksctl config show --effective") }
        throw CommandEnd(bad == files.count ? .usage : .partial, faults, next: "mend them, then the same command again")
    }
}

struct ConfigShow: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Shows how gcksctl reaches the cluster, each value with where it comes from.",
        discussion: "Example: gcksctl config show --effective")

    @Flag(help: "With what the command line and the defaults say, as commands use it.") var effective = false
    @OptionGroup var connection: ConnectionOptions

    func run() throws {
        var rows: [(String, String, String)] = []
        let file = ControlFile.path(connection.config)
        let origin = file.map { "\($0)" } ?? "built in"
        let reach = try connection.reach()
        rows.append(("file", file ?? "none", connection.config != nil ? "--config" : ControlFile.origin(of: file)))
        if let context = reach.context {
            rows.append(("context", context, connection.context != nil ? "--context" : origin))
        }
        for target in reach.link.targets {
            let address =
                switch target.address {
                case .unix(path: let path): "unix:\(path)"
                case .tcp(host: let host, port: let port): "\(host):\(port)"
                }
            rows.append(("authority \(target.name)", address, connection.authority.isEmpty ? origin : "--authority"))
        }
        if let credentials = reach.link.credentials {
            rows.append(("certificate", credentials.certificateChainFile, origin))
            rows.append(("key", credentials.privateKeyFile, origin))
            rows.append(("ca", credentials.trustRootsFile, origin))
            rows.append(("trust_domain", credentials.trustDomain, origin))
        }
        let timeout = TimeText.span(milliseconds: Doctor.milliseconds(reach.timeout))
        rows.append(("timeout", timeout, connection.timeout != nil ? "--timeout" : origin))
        var table = TextTable(["SETTING", "VALUE", "ORIGIN"])
        for row in rows { table.add([row.0, row.1, row.2]) }
        let items = rows.map { row in
            JSONValue.object([("name", .text(row.0)), ("value", .text(row.1)), ("origin", .text(row.2))])
        }
        connection.show(table.rendered(), .document(kind: "Setting", items: items))
        Terminal.next("gcksctl doctor")
    }
}
