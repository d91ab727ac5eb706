package import GroupModel
package import IKEVocabulary
import IKEWire

/// What a frontend's IKE SAs share.
package struct ResponderConfiguration {
    package let frontend: String
    package let own: OwnCredentials
    package let trust: any PeerTrust
    package let policy: IKEPolicy
    /// Largest IKE message in one datagram before it is fragmented.
    package let fragmentOctets: Int
    /// Of our own requests: probes and Deletes.
    package let retransmission: Retransmission
    /// Emits key-log records: for the lab only.
    package let logsKeys: Bool
    /// Nil: rekeys of IKE SAs carry the SA payload.
    package let optimizedRekey: OptimizedRekeyNumbers?
    /// What stands in every IKE_SA_INIT answer, whoever asks, and its size.
    let announcements: [Payload]
    let announcementOctets: Int

    package init(
        frontend: String, own: OwnCredentials, trust: any PeerTrust, policy: IKEPolicy = .standard,
        fragmentOctets: Int = 1228, retransmission: Retransmission = Retransmission(), logsKeys: Bool = false,
        optimizedRekey: OptimizedRekeyNumbers? = nil
    ) {
        self.frontend = frontend
        self.own = own
        self.trust = trust
        self.policy = policy
        self.fragmentOctets = fragmentOctets
        self.retransmission = retransmission
        self.logsKeys = logsKeys
        self.optimizedRekey = optimizedRekey
        let authorities = trust.authorityKeyIDs
        announcements =
            (authorities.isEmpty ? [] : [.certificateRequest(CertificatePayload(octets: authorities))]) + [
                .notify(NotifyPayload(.ikev2FragmentationSupported)), InitNotifies.signatureHashes,
                .notify(NotifyPayload(.childlessIKEv2Supported)), .vendorID(ExtensionVendorID.octets),
            ]
        announcementOctets = PayloadChain(announcements).encode().count
    }
}

/// Where a datagram came from and where it arrived.
package struct DatagramPath: Hashable, Sendable {
    package let local: Endpoint
    package let remote: Endpoint
    /// On this port IKE messages follow a non-ESP marker (4500, RFC 3948).
    package let isEncapsulated: Bool
    /// The frontend that received it and handed it on: answers leave there. Nil: it arrived here.
    package let via: FrontendNumber?

    package init(local: Endpoint, remote: Endpoint, isEncapsulated: Bool, via: FrontendNumber? = nil) {
        self.local = local
        self.remote = remote
        self.isEncapsulated = isEncapsulated
        self.via = via
    }
}
