package import GroupModel

/// The Unix sockets of an authority: one for each role, because a call does not know the user behind its connection but knows
/// the socket it came in by.
package struct UnixDoors: Hashable, Sendable {
    package struct Door: Hashable, Sendable {
        package let path: String
        /// Who may use it; empty for our own user.
        package let users: [UInt32]

        package init(path: String, users: [UInt32]) {
            self.path = path
            self.users = users
        }
    }

    package private(set) var operators: Door?
    /// In which roles an operator acts who comes by this socket; empty for all of them.
    package private(set) var operatorRoles: [OperatorRole] = []
    package private(set) var frontends: Door?
    package private(set) var broadcasters: Door?

    init() {}

    init(_ rpc: Section) {
        var paths: Set<String> = []
        operators = Self.read(rpc, "unix", &paths)
        operatorRoles =
            rpc.list("unix_roles", Forms.named(OperatorRole.self), { OperatorRole(rawValue: $0) }) ?? []
        if rpc.has("unix_roles"), operatorRoles.isEmpty || operators == nil {
            rpc.file.fault(
                rpc.line(of: "unix_roles"), rpc.place("unix_roles"), "no role, or no socket",
                "some of \(Forms.named(OperatorRole.self)), beside unix")
        }
        frontends = Self.read(rpc, "unix_frontend", &paths)
        broadcasters = Self.read(rpc, "unix_broadcaster", &paths)
    }

    private static func read(_ rpc: Section, _ key: String, _ paths: inout Set<String>) -> Door? {
        let path = rpc.optional(key, Forms.socketPath, Forms.socketPath)
        let usersKey = key + "_uids"
        let users = rpc.list(usersKey, "a user id", Forms.number(UInt32(0)...UInt32.max))
        guard let path else {
            // A list for a socket that is not there would let its author believe that those users come in.
            if users != nil, !rpc.has(key) {
                rpc.file.fault(rpc.line(of: usersKey), rpc.place(key), "missing", "a path, because \(usersKey) is set")
            }
            return nil
        }
        if !paths.insert(path).inserted {
            rpc.file.fault(rpc.line(of: key), rpc.place(key), "\(path) stands twice", "a socket for each role")
        }
        return Door(path: path, users: users ?? [])
    }
}
