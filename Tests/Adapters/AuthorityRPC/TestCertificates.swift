import AuthorityRPC
import Foundation
import Testing

/// A certificate authority in a folder of its own, made with the openssl program.
struct TestCertificates {
    let folder: URL
    static let trustDomain = "lab.example"

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "rpc-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
            "/CN=test CA", "-keyout", path("ca.key"), "-out", path("ca.pem"))
    }

    func path(_ name: String) -> String { folder.appending(path: name).path }

    /// Credentials whose leaf has the given SANs, in openssl's notation, and whose trust is this CA.
    func credentials(_ name: String, sans: [String], trusting other: TestCertificates? = nil) throws -> TLSCredentials {
        let extensions = sans.isEmpty ? "" : "subjectAltName=\(sans.joined(separator: ","))\n"
        let text = extensions + "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
        try text.write(toFile: path("\(name).ext"), atomically: true, encoding: .utf8)
        try openssl(
            "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=\(name)",
            "-keyout", path("\(name).key"), "-out", path("\(name).csr"))
        try openssl(
            "x509", "-req", "-in", path("\(name).csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"), "-days", "2",
            "-extfile", path("\(name).ext"), "-out", path("\(name).pem"))
        return TLSCredentials(
            certificateChainFile: path("\(name).pem"), privateKeyFile: path("\(name).key"),
            trustRootsFile: (other ?? self).path("ca.pem"), trustDomain: Self.trustDomain)
    }

    func credentials(_ role: PeerRole, _ name: String) throws -> TLSCredentials {
        try credentials("\(role.rawValue)-\(name)", sans: [Self.uri(role, name)])
    }

    static func uri(_ role: PeerRole, _ name: String) -> String {
        "URI:spiffe://\(trustDomain)/gcks/\(role.rawValue)/\(name)"
    }

    private func openssl(_ arguments: String...) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "openssl \(arguments.joined(separator: " "))")
    }
}
