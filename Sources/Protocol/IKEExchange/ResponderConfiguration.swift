package import IKEVocabulary

/// What a frontend's IKE SAs share.
package struct ResponderConfiguration {
    package let frontend: String
    package let own: OwnCredentials
    package let trust: any PeerTrust
    package let policy: IKEPolicy
    /// Largest IKE message in one datagram before it is fragmented.
    package let fragmentOctets: Int
    /// Emits key-log records: for the lab only.
    package let logsKeys: Bool

    package init(
        frontend: String, own: OwnCredentials, trust: any PeerTrust, policy: IKEPolicy = .standard,
        fragmentOctets: Int = 1280, logsKeys: Bool = false
    ) {
        self.frontend = frontend
        self.own = own
        self.trust = trust
        self.policy = policy
        self.fragmentOctets = fragmentOctets
        self.logsKeys = logsKeys
    }
}

/// Where a datagram came from and where it arrived.
package struct DatagramPath: Hashable, Sendable {
    package let local: Endpoint
    package let remote: Endpoint
    /// On this port IKE messages follow a non-ESP marker (4500, RFC 3948).
    package let isEncapsulated: Bool

    package init(local: Endpoint, remote: Endpoint, isEncapsulated: Bool) {
        self.local = local
        self.remote = remote
        self.isEncapsulated = isEncapsulated
    }
}
