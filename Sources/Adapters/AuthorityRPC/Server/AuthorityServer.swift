import GRPCCore
import GRPCNIOTransportHTTP2Posix
package import IKEVocabulary

/// The sockets of one authority. `run()` serves until `beginGracefulShutdown()` or cancellation; it serves once.
///
/// Each listener has its own copy of the endpoints, so a call always knows by which door it came in.
package final class AuthorityServer: Sendable {
    private struct Door: Sendable {
        let listener: AuthorityListener
        let server: GRPCServer<HTTP2ServerTransport.Posix>
        let certificate: RotatingCertificate
    }

    private let doors: [Door]
    private let stop = StopSignal()

    package init(listeners: [AuthorityListener], service: any AuthorityService) {
        let stop = stop
        doors = listeners.map { listener in
            let services: Set<String> = [
                Gcks_V1_Registration.descriptor.fullyQualifiedService,
                Gcks_V1_Broadcast.descriptor.fullyQualifiedService,
                Gcks_V1_Operator.descriptor.fullyQualifiedService,
                Gcks_V1_GroupControl.descriptor.fullyQualifiedService,
                Gcks_V1_Audit.descriptor.fullyQualifiedService,
                Gcks_V1_Fleet.descriptor.fullyQualifiedService,
                Gcks_V1_Access.descriptor.fullyQualifiedService,
                Gcks_V1_Membership.descriptor.fullyQualifiedService,
                Gcks_V1_Upkeep.descriptor.fullyQualifiedService,
                Gcks_V1_Cluster.descriptor.fullyQualifiedService,
                Gcks_V1_Backup.descriptor.fullyQualifiedService,
            ]
            let certificate = RotatingCertificate()
            let server = GRPCServer(
                transport: listener.makeTransport(certificate),
                services: [
                    RegistrationEndpoint(listener: listener, service: service, stop: stop),
                    BroadcastEndpoint(listener: listener, service: service, stop: stop),
                    OperatorEndpoint(listener: listener, service: service),
                    ControlEndpoint(listener: listener, service: service),
                    AuditEndpoint(listener: listener, service: service),
                    FleetEndpoint(listener: listener, service: service),
                    AccessEndpoint(listener: listener, service: service),
                    MembershipEndpoint(listener: listener, service: service),
                    UpkeepEndpoint(listener: listener, service: service),
                    ClusterEndpoint(listener: listener, service: service),
                    BackupEndpoint(listener: listener, service: service),
                    HealthEndpoint(service: service, services: services),
                ])
            return Door(listener: listener, server: server, certificate: certificate)
        }
    }

    /// Throws when a socket cannot be bound or TLS files cannot be read; then all listeners are closed.
    package func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for door in doors {
                group.addTask { try await door.server.serve() }
                group.addTask {
                    _ = try await door.server.listeningAddress
                    try door.listener.restrictFile()
                }
            }
            do {
                for try await _ in group {}
            } catch {
                beginGracefulShutdown()
                throw error
            }
        }
    }

    /// Shows another certificate to those that connect from now on. Throws, and changes nothing, when the files do not fit.
    package func rotate(_ credentials: TLSCredentials) throws {
        try credentials.check()
        for door in doors { try door.certificate.show(credentials) }
    }

    /// Ends the long streams with `.unavailable`, lets running calls finish, then `run()` returns.
    package func beginGracefulShutdown() {
        stop.stop()
        for door in doors { door.server.beginGracefulShutdown() }
    }

    /// Waits until every socket is bound. The TCP endpoints that were bound, in the order of the listeners.
    package func boundEndpoints() async throws -> [IKEVocabulary.Endpoint] {
        var endpoints: [IKEVocabulary.Endpoint] = []
        for door in doors {
            guard let bound = try await door.server.listeningAddress else { continue }
            if let address = bound.ipv4, let ip = IPAddress(address.host) {
                endpoints.append(IKEVocabulary.Endpoint(ip, port: UInt16(clamping: address.port)))
            } else if let address = bound.ipv6, let ip = IPAddress(address.host) {
                endpoints.append(IKEVocabulary.Endpoint(ip, port: UInt16(clamping: address.port)))
            }
        }
        return endpoints
    }
}
