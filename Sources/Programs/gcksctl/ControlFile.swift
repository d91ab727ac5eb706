import AuthorityRPC
import Glibc
import GroupModel
import Settings

/// The operator's settings: how the authorities of a cluster are reached.
///
/// Looked for in this order: `--config`, `GCKSCTL_CONFIG`, the operator's own file, the machine's. Each may be for one cluster or hold
/// contexts.
enum ControlFile {
    static let usualPath = "/etc/gcks/gcksctl.yaml"
    /// Names the file when the command line does not.
    static let variable = "GCKSCTL_CONFIG"

    /// ~/.config/gcks/gcksctl.yaml, where `gcksctl context` writes.
    static var ownPath: String? {
        let base = environment("XDG_CONFIG_HOME") ?? environment("HOME").map { $0 + "/.config" }
        return base.map { $0 + "/gcks/gcksctl.yaml" }
    }

    private static func environment(_ name: String) -> String? {
        guard let value = getenv(name), value.pointee != 0 else { return nil }
        return String(cString: value)
    }

    /// Why this file and no other.
    static func origin(of file: String?) -> String {
        switch file {
        case nil: "none found"
        case named?: variable
        case ownPath?: "your own"
        default: "this machine's"
        }
    }

    static var named: String? { environment(variable) }
    static func exists(_ file: String) -> Bool { access(file, F_OK) == 0 }

    /// A path that means the same from every folder.
    static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let folder = getcwd(nil, 0) else { return path }
        defer { free(folder) }
        return String(cString: folder) + "/" + path
    }

    static func path(_ named: String?) -> String? {
        named ?? self.named ?? [ownPath, usualPath].compactMap { $0 }.first { access($0, R_OK) == 0 }
    }

    /// `needed`: the command line names no authority.
    static func reach(_ named: String?, context: String?, needed: Bool) throws(CommandEnd) -> Reach {
        guard let file = path(named) else {
            guard !needed, context == nil else {
                let ways = "--authority NAME=ADDRESS, --config FILE, GCKSCTL_CONFIG or a context"
                throw CommandEnd(
                    .usage, ["no authority is named: use \(ways)"],
                    next: "gcksctl context set NAME --authority NAME=HOST:PORT --certificate FILE --key FILE --ca FILE")
            }
            return Reach(
                link: AuthorityLink(targets: [], name: "uid-\(getuid())"), timeout: ControlSettings.usualTimeout)
        }
        let (settings, name) = try settings(file, context: context)
        let targets = settings.authorities.compactMap { AuthorityTarget(name: $0.name, $0.address) }
        guard targets.count == settings.authorities.count else {
            throw CommandEnd(.usage, ["\(file): an authority's address is neither HOST:PORT nor unix:/PATH"])
        }
        let credentials = settings.tls.map { files in
            TLSCredentials(
                certificateChainFile: files.certificate, privateKeyFile: files.key, trustRootsFile: files.authority,
                trustDomain: files.trustDomain)
        }
        let link = AuthorityLink(
            targets: targets, name: credentials == nil ? "uid-\(getuid())" : "", credentials: credentials)
        return Reach(link: link, timeout: settings.timeout, context: name)
    }

    /// The settings of one cluster, and the context they are from.
    static func settings(_ file: String, context: String?) throws(CommandEnd) -> (ControlSettings, String?) {
        guard let known = try contexts(file) else {
            guard context == nil else {
                throw CommandEnd(
                    .usage, ["\(file) is for one cluster and has no contexts"], next: "gcksctl context list")
            }
            do throws(SettingsFaults) {
                return (try ControlSettings.load(file: file), nil)
            } catch {
                throw CommandEnd(.usage, error.faults.map(\.description))
            }
        }
        guard let name = context ?? known.inUse else {
            throw CommandEnd(
                .usage, ["\(file): no context is in use"],
                next: "gcksctl context use \(known.contexts.first?.name ?? "NAME")")
        }
        guard let found = known[name] else {
            let names = known.contexts.map(\.name).joined(separator: ", ")
            throw CommandEnd(.notFound, ["there is no context \(name) (valid: \(names))"], next: "gcksctl context list")
        }
        if let key = found.settings.tls?.key, let fault = SecretFile.fault(key) {
            throw CommandEnd(.usage, ["context \(name): \(fault)"])
        }
        return (found.settings, name)
    }

    /// Nil for a file of one cluster.
    static func contexts(_ file: String) throws(CommandEnd) -> ControlContexts? {
        do throws(SettingsFaults) {
            return try ControlContexts.load(file: file)
        } catch {
            throw CommandEnd(.usage, error.faults.map(\.description))
        }
    }
}

enum GroupFiles {
    /// One file, one group; a fault a line.
    static func load(_ path: String) throws(CommandEnd) -> GroupDefinition {
        let definitions: [GroupDefinition]
        do throws(SettingsFaults) {
            definitions = try GroupFile.load(path)
        } catch {
            throw CommandEnd(.usage, error.faults.map(\.description))
        }
        guard definitions.count == 1, let definition = definitions.first else {
            throw CommandEnd(.usage, ["\(path): \(definitions.count) groups; valid: one for each file"])
        }
        return definition
    }
}
