package import IKEExchange
package import IKEVocabulary

/// A registration frontend as a member knows it.
package struct KnownFrontend: Sendable {
    /// IDr must be this one; nil takes any that the trust vouches for.
    package let identity: Identity?
    /// Where the member sends from, for NAT detection.
    package var local: Endpoint
    /// Port 500, 848 or the one for encapsulated IKE.
    package let remote: Endpoint
    package let natTraversalPort: UInt16

    package init(identity: Identity?, local: Endpoint, remote: Endpoint, natTraversalPort: UInt16 = 4500) {
        self.identity = identity
        self.local = local
        self.remote = remote
        self.natTraversalPort = natTraversalPort
    }
}

extension KnownFrontend {
    /// The same GCKS at another address.
    func moved(to gateway: RedirectGateway) -> KnownFrontend {
        KnownFrontend(
            identity: identity, local: local, remote: Endpoint(gateway.address, port: remote.port),
            natTraversalPort: natTraversalPort)
    }
}

/// Who a member is, what it wants and whom it asks.
package struct MemberConfiguration {
    /// What holds for every frontend; the responder and the port of each are put in.
    package var ike: InitiatorConfiguration
    /// At most `MemberLimits.groups`; more are not followed.
    package var memberships: [Membership]
    /// In the order of preference; any of them serves any member.
    package var frontends: [KnownFrontend]
    /// Silence of the IKE SA after which the frontend is asked whether it lives; nil: never.
    package var livenessAfter: Duration?
    /// How long the keys of the IKE SA live at most: new ones are asked for in time; nil: the frontend's word alone counts.
    package var ikeLifetime: Duration?
    /// IKE_AUTH without a group first; the groups follow by GSA_REGISTRATION. Without any group the bare IKE SA is held.
    package var isChildless: Bool

    package init(
        ike: InitiatorConfiguration, memberships: [Membership], frontends: [KnownFrontend],
        livenessAfter: Duration? = nil, ikeLifetime: Duration? = nil, isChildless: Bool = false
    ) {
        self.ike = ike
        self.memberships = memberships
        self.frontends = frontends
        self.livenessAfter = livenessAfter
        self.ikeLifetime = ikeLifetime
        self.isChildless = isChildless
    }

    var holdsBareSA: Bool { isChildless && memberships.isEmpty }

    func ike(with frontend: KnownFrontend) -> InitiatorConfiguration {
        var configuration = ike
        configuration.expectedResponder = frontend.identity ?? ike.expectedResponder
        configuration.natTraversalPort = frontend.natTraversalPort
        configuration.policy.offersPlainIKE = holdsBareSA
        if frontends.count > 1 { configuration.retransmission = MemberLimits.patienceAmongSeveral }
        return configuration
    }
}
