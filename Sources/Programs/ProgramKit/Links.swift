package import AuthorityRPC
import Glibc
import GroupModel
package import Settings

extension TLSCredentials {
    package init(_ files: TLSFiles) {
        self.init(
            certificateChainFile: files.certificate, privateKeyFile: files.key, trustRootsFile: files.authority,
            trustDomain: files.trustDomain)
    }
}

extension AuthorityListener {
    /// A listener for each socket, for the roles that may come in there.
    package static func make(_ doors: UnixDoors) -> [AuthorityListener] {
        let roles: [(UnixDoors.Door?, Set<PeerRole>)] = [
            (doors.operators, operators(doors.operatorRoles)), (doors.frontends, [.frontend]),
            (doors.broadcasters, [.broadcaster]),
        ]
        return roles.compactMap { door, roles in
            guard let door else { return nil }
            let users = Set(door.users.isEmpty ? [getuid()] : door.users)
            return AuthorityListener(.unix(path: door.path, users: users, roles: roles))
        }
    }
}

/// The local operators' door gives every role unless the settings name some.
private func operators(_ named: [OperatorRole]) -> Set<PeerRole> {
    named.isEmpty ? PeerRole.operators : PeerRole.operators.filter { $0.operatorRole.map(named.contains) ?? false }
}

extension AuthorityLink {
    /// Nil names the address that is neither HOST:PORT nor a Unix socket.
    package static func make(
        _ addresses: [AuthorityAddress], tls: TLSFiles?, name: String
    ) -> Result<AuthorityLink, LinkFault> {
        var targets: [AuthorityTarget] = []
        for address in addresses {
            guard let target = AuthorityTarget(name: address.name, address.address) else {
                return .failure(LinkFault(description: "\(address.address) is not HOST:PORT or unix:/PATH"))
            }
            targets.append(target)
        }
        return .success(AuthorityLink(targets: targets, name: name, credentials: tls.map { TLSCredentials($0) }))
    }
}

package struct LinkFault: Error, CustomStringConvertible {
    package let description: String
    package init(description: String) { self.description = description }
}
