import Foundation
package import IKECrypto
import KeyMaterial

/// A certificate authority for group members, made once per test run with the openssl program.
package struct MemberPKI: Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        case ecdsaP256, ecdsaP384, ed25519, rsa, rsaPSS

        fileprivate var options: [String] {
            switch self {
            case .ecdsaP256: ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
            case .ecdsaP384: ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"]
            case .ed25519: ["ed25519"]
            case .rsa: ["rsa:2048"]
            case .rsaPSS: ["rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048"]
            }
        }
    }

    package struct Holder: Sendable {
        package let key: SigningKey
        /// Leaf first, DER.
        package let chain: [[UInt8]]
    }

    package let authorityPEM: [UInt8]
    private let holders: [String: Holder]

    private static let made = Result { try MemberPKI() }
    package static func shared() throws -> MemberPKI { try made.get() }

    /// The holder of a certificate for the DNS name `KIND.members.test`, or the frontend's `KIND.gcks.test`.
    package func member(_ kind: Kind) throws -> Holder { try holder("\(kind.rawValue).members.test") }
    package func frontend(_ kind: Kind) throws -> Holder { try holder("\(kind.rawValue).gcks.test") }

    private func holder(_ name: String) throws -> Holder {
        guard let holder = holders[name] else { throw TestPKI.Failed(arguments: [name], said: "no such holder") }
        return holder
    }

    private init() throws {
        let folder = FileManager.default.temporaryDirectory.appending(
            path: "gcks-members-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        func path(_ name: String) -> String { folder.appending(path: name).path }
        func read(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: folder.appending(path: name))) }
        try Self.openssl(
            ["req", "-x509", "-newkey"] + Kind.ecdsaP256.options + [
                "-nodes", "-days", "2", "-subj", "/CN=members test CA", "-addext",
                "keyUsage=critical,keyCertSign,cRLSign", "-keyout", path("ca.key"), "-out", path("ca.pem"),
            ])
        var holders: [String: Holder] = [:]
        for kind in Kind.allCases {
            for name in ["\(kind.rawValue).members.test", "\(kind.rawValue).gcks.test"] {
                let extensions =
                    "subjectAltName=DNS:\(name)\nbasicConstraints=critical,CA:FALSE\n"
                    + "keyUsage=critical,digitalSignature\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
                try extensions.write(toFile: path("ext"), atomically: true, encoding: .utf8)
                try Self.openssl(
                    ["req", "-new", "-newkey"] + kind.options + [
                        "-nodes", "-subj", "/CN=\(name)", "-keyout", path("key"), "-out", path("csr"),
                    ])
                try Self.openssl([
                    "x509", "-req", "-in", path("csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"),
                    "-CAcreateserial", "-days", "2", "-extfile", path("ext"), "-out", path("pem"),
                ])
                holders[name] = Holder(
                    key: try SigningKey(pem: SecretOctets(copying: try read("key"))),
                    chain: PEM.certificates(try read("pem")))
            }
        }
        authorityPEM = try read("ca.pem")
        self.holders = holders
    }

    private static func openssl(_ arguments: [String]) throws {
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
            throw TestPKI.Failed(arguments: arguments, said: String(decoding: said, as: UTF8.self))
        }
    }
}
