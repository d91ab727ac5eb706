package import IKEExchange

extension RegistrationCore {
    /// Other credentials, proposals and limits from now on. SAs that stand go on; what the new limits do not allow is not taken
    /// away from them.
    package func use(_ configuration: ResponderConfiguration, _ limits: RegistrationLimits) {
        self.configuration = configuration
        self.limits = limits
    }
}
