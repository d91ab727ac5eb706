/// What one frontend holds and how long. Everything a stranger can make grow has its bound here.
package struct RegistrationLimits: Hashable, Sendable {
    /// Above this many half-open SAs every IKE_SA_INIT must bring a cookie first (RFC 7296 2.6).
    package var cookieThreshold = 100
    package var halfOpen = 10_000
    /// From this many half-open SAs of one address or /64 on, it must bring cookies.
    package var halfOpenPerAddress = 20
    /// IKE_SA_INIT requests above this are not read: ours have some 500 octets, ML-KEM adds 1,600.
    package var initialOctets = 4096
    /// Key exchanges a second for one address or /64, after a burst. Generous: a whole fleet may share an address.
    package var exchangesPerSource = 1000
    package var exchangeBurst = 10_000
    /// Addresses and /64s whose key exchanges are counted apart.
    package var sources = 65_536
    /// Datagrams of one address or /64 that are handed to other frontends, a second, after a burst; and of all together.
    package var relayedPerSource = 2000
    package var relayBurst = 10_000
    package var relayedInAll = 50_000
    /// Of those, datagrams of one SPI, a second, after a burst: a source that is made up cannot be counted, an SPI cannot be
    /// made up. And IKE_SA_INIT requests, which have no SPI of ours: of all together.
    package var relayedPerSPI = 100
    package var relayedPerSPIBurst = 500
    package var relayedInitials = 10_000
    /// Of a frontend that drains: members spoken to at once, the pause between, and between one round of all and the next.
    package var drainedAtOnce = 20
    package var drainPause: Duration = .milliseconds(200)
    package var drainRound: Duration = .seconds(20)
    package var establishedSAs = 200_000
    /// Of one identity; above it its oldest SA is deleted.
    package var sasPerIdentity = 4
    package var halfOpenLife: Duration = .seconds(30)
    /// The keys of an SA live no longer: until then it is rekeyed, or deleted.
    package var saLife: Duration = .seconds(86_400)
    /// After that the peer proves anew who it is: an SA with all that followed it by rekeys is deleted.
    package var authenticationLife: Duration = .seconds(7 * 86_400)
    /// Between two rekeys of an SA that the peer asks for, and after a refusal until we ask again.
    package var rekeyPause: Duration = .seconds(5)
    package var rekeyRetry: Duration = .seconds(10)
    /// Rekeys that we begin, a second.
    package var ownRekeys = 100
    /// An SA that was rekeyed and that the other end does not delete is deleted by us.
    package var replacedLife: Duration = .seconds(30)
    /// A member that said nothing for so long is asked whether it lives; without an answer its SA ends.
    package var idleLimit: Duration = .seconds(3600)
    /// A request to the authority that is not answered by then gets TEMPORARY_FAILURE: while the member still waits.
    package var authorityWait: Duration = .seconds(4)
    /// After a loss of the authority requests wait for the next leader; beyond this they are refused at once.
    package var authorityGrace: Duration = .seconds(2)
    package var cookieSecretLife: Duration = .seconds(120)
    /// An answered request is answered again after the end of its SA.
    package var linger: Duration = .seconds(10)
    /// The answer to our Delete is waited for no longer than its retransmissions take.
    package var deletionWait: Duration = .seconds(32)

    package init() {}
}
