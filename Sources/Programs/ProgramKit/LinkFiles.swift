package import Settings

/// What a link to the authorities is made from. Equal to an earlier one: nothing to connect anew for.
package struct LinkFiles: Equatable, Sendable {
    private let authorities: [AuthorityAddress]
    private let tls: TLSFiles?
    private let stamps: [FileStamp?]

    package init(_ authorities: [AuthorityAddress], _ tls: TLSFiles?) {
        self.authorities = authorities
        self.tls = tls
        stamps = tls.map { [$0.authority, $0.certificate, $0.key].map { FileStamp($0) } } ?? []
    }
}
