/// What one frontend holds and how long. Everything a stranger can make grow has its bound here.
package struct RegistrationLimits: Hashable, Sendable {
    /// Above this many half-open SAs every IKE_SA_INIT must bring a cookie first (RFC 7296 2.6).
    package var cookieThreshold = 100
    package var halfOpen = 10_000
    /// From this many half-open SAs of one address on, that address must bring cookies.
    package var halfOpenPerAddress = 20
    package var establishedSAs = 200_000
    package var halfOpenLife: Duration = .seconds(30)
    /// An SA is deleted this long after its establishment, whatever goes over it.
    package var saLife: Duration = .seconds(86_400)
    /// A request to the authority that is not answered by then gets TEMPORARY_FAILURE.
    package var authorityWait: Duration = .seconds(10)
    package var cookieSecretLife: Duration = .seconds(120)
    /// An answered request is answered again after the end of its SA.
    package var linger: Duration = .seconds(10)

    package init() {}
}
