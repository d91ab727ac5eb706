package import Foundation

/// A certificate authority in a temporary folder, made with the openssl program. Names are SPIFFE URIs of the trust domain
/// `gcks.test`: `spiffe://gcks.test/gcks/ROLE/NAME`. Keys are ECDSA P-256; everything is valid for two days.
package struct TestPKI: Sendable {
    package enum Role: String, Sendable, CaseIterable {
        case authority, store, frontend, broadcaster
        case `operator`
    }

    /// PEM files of one holder, and the CA it trusts.
    package struct Credentials: Sendable {
        package let certificate: String
        package let key: String
        package let authority: String
    }

    package struct Failed: Error {
        package let arguments: [String]
        package let said: String
    }

    package static let trustDomain = "gcks.test"
    package let folder: URL

    package init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "gcks-pki-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try openssl([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
            "/CN=gcks test CA", "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", path("ca.key"), "-out",
            authority,
        ])
    }

    /// The CA's certificate.
    package var authority: String { path("ca.pem") }
    package func path(_ name: String) -> String { folder.appending(path: name).path }
    package func remove() { try? FileManager.default.removeItem(at: folder) }

    package static func uri(_ role: Role, _ name: String) -> String {
        "spiffe://\(trustDomain)/gcks/\(role.rawValue)/\(name)"
    }

    package func credentials(_ role: Role, _ name: String) throws -> Credentials {
        try credentials("\(role.rawValue)-\(name)", uris: [Self.uri(role, name)])
    }

    /// Any set of URI SANs, for refusals; `file` names the files.
    package func credentials(_ file: String, uris: [String], extra: [String] = []) throws -> Credentials {
        let names = uris.map { "URI:\($0)" } + extra
        let subject = names.isEmpty ? "" : "subjectAltName=\(names.joined(separator: ","))\n"
        let extensions = subject + "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
        try extensions.write(toFile: path("\(file).ext"), atomically: true, encoding: .utf8)
        try openssl([
            "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=\(file)",
            "-keyout", path("\(file).key"), "-out", path("\(file).csr"),
        ])
        try openssl([
            "x509", "-req", "-in", path("\(file).csr"), "-CA", authority, "-CAkey", path("ca.key"), "-CAcreateserial",
            "-days", "2", "-extfile", path("\(file).ext"), "-out", path("\(file).pem"),
        ])
        return Credentials(certificate: path("\(file).pem"), key: path("\(file).key"), authority: authority)
    }

    private func openssl(_ arguments: [String]) throws {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let said = (try output.fileHandleForReading.readToEnd()) ?? Data()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failed(arguments: arguments, said: String(decoding: said, as: UTF8.self))
        }
    }
}
