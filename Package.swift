// swift-tools-version:6.2
import PackageDescription

// The floor plan in code. Rooms may import only downward: Programs > Roles | Adapters > Protocol > Base > System.
// Tests/Laws reads the imports and holds these laws; Sources/README.md draws the map.

let house: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]
let pureHouse = house + [.strictMemorySafety()]
let generatedCodeHouse: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

func product(_ name: String, _ package: String) -> Target.Dependency { .product(name: name, package: package) }
let nio = [product("NIOCore", "swift-nio"), product("NIOPosix", "swift-nio")]
let tls = [product("NIOSSL", "swift-nio-ssl"), product("NIOTLS", "swift-nio")]
let swiftCrypto = product("Crypto", "swift-crypto")
let x509 = [product("X509", "swift-certificates"), product("SwiftASN1", "swift-asn1")]
let http2 = [product("NIOHTTP2", "swift-nio-http2"), product("NIOHPACK", "swift-nio-http2")]
let log = product("Logging", "swift-log")
let grpc = [
    product("GRPCCore", "grpc-swift-2"),
    product("GRPCNIOTransportHTTP2", "grpc-swift-nio-transport"),
    product("GRPCProtobuf", "grpc-swift-protobuf"),
    product("SwiftProtobuf", "swift-protobuf"),
]
let arguments = product("ArgumentParser", "swift-argument-parser")
let certificateReloading = product("NIOCertificateReloading", "swift-nio-extras")

func room(_ floor: String, _ name: String, _ needs: [Target.Dependency], _ settings: [SwiftSetting] = house) -> Target {
    .target(name: name, dependencies: needs, path: "Sources/\(floor)/\(name)", swiftSettings: settings)
}
func program(_ name: String, _ needs: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: needs, path: "Sources/Programs/\(name)", swiftSettings: house)
}
func tests(
    _ path: String, _ name: String, _ needs: [Target.Dependency], exclude: [String] = [], resources: [Resource] = []
) -> Target {
    .testTarget(
        name: name, dependencies: needs + ["TestKit"], path: "Tests/\(path)", exclude: exclude, resources: resources,
        swiftSettings: house
    )
}

let base: [Target] = [
    room("Base", "Octets", [], pureHouse),
    room("Base", "KeyMaterial", ["Octets"], pureHouse),
    room("Base", "IKEVocabulary", ["Octets"], pureHouse),
]

let system: [Target] = [
    .target(
        name: "COpenSSL", path: "Sources/System/COpenSSL",
        linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]),
    .target(name: "CCowsql", path: "Sources/System/CCowsql", linkerSettings: [.linkedLibrary("cowsql")]),
    .target(name: "CSystemd", path: "Sources/System/CSystemd", linkerSettings: [.linkedLibrary("systemd")]),
]

let protocolRooms: [Target] = [
    room("Protocol", "IKEWire", ["Octets", "IKEVocabulary"], pureHouse),
    room(
        "Protocol", "IKECrypto", ["Octets", "KeyMaterial", "IKEVocabulary", "COpenSSL", swiftCrypto] + x509),
    room("Protocol", "GroupModel", ["Octets", "KeyMaterial", "IKEVocabulary"], pureHouse),
    room(
        "Protocol", "IKEExchange", ["Octets", "KeyMaterial", "IKEVocabulary", "IKEWire", "IKECrypto", "GroupModel"],
        pureHouse),
    room(
        "Protocol", "AuditTrail", ["Octets", "KeyMaterial", "IKEVocabulary", "IKECrypto", "GroupModel"], pureHouse),
    room(
        "Protocol", "GroupKeying", ["Octets", "KeyMaterial", "IKEVocabulary", "IKEWire", "IKECrypto", "GroupModel"],
        pureHouse),
]

let allProtocol: [Target.Dependency] = [
    "Octets", "KeyMaterial", "IKEVocabulary", "IKEWire", "IKECrypto", "GroupModel", "IKEExchange", "GroupKeying",
    "AuditTrail",
]

let roles: [Target] = [
    room("Roles", "RegistrationCore", allProtocol, pureHouse),
    room("Roles", "AuthorityCore", allProtocol, pureHouse),
    room("Roles", "BroadcastCore", allProtocol, pureHouse),
    room("Roles", "MemberCore", allProtocol, pureHouse),
]

let values: [Target.Dependency] = ["Octets", "KeyMaterial", "IKEVocabulary", "GroupModel"]

let adapters: [Target] = [
    room("Adapters", "DatagramIO", values + nio),
    room("Adapters", "AdminHTTP", values + nio + [product("NIOHTTP1", "swift-nio")]),
    room(
        "Adapters", "AuthorityRPC", values + grpc + nio + http2 + tls + x509 + [certificateReloading],
        generatedCodeHouse),
    room("Adapters", "ReplicatedStore", values + nio + tls + x509 + ["CCowsql", log, swiftCrypto]),
    room("Adapters", "SASinks", values),
    room("Adapters", "RootKey", values + ["IKECrypto"]),
    room("Adapters", "Settings", values + [product("Yams", "Yams")]),
    room("Adapters", "Telemetry", values + [log, "CSystemd"]),
]

let service: [Target.Dependency] = ["Settings", "Telemetry", "AdminHTTP", "AuthorityRPC", log, arguments] + nio
let kit: [Target.Dependency] = ["ProgramKit"] + service

let programs: [Target] = [
    .target(
        name: "ProgramKit", dependencies: allProtocol + service + [product("UnixSignals", "swift-service-lifecycle")],
        path: "Sources/Programs/ProgramKit", swiftSettings: house),
    program("gcks-authority", allProtocol + ["AuthorityCore", "ReplicatedStore", "RootKey"] + kit),
    program("gcks-store", values + ["ReplicatedStore"] + service),
    program("gcks-frontend", allProtocol + ["RegistrationCore", "DatagramIO"] + kit),
    program("gcks-broadcaster", values + ["BroadcastCore", "DatagramIO"] + kit),
    program("gcks-member", allProtocol + ["MemberCore", "DatagramIO", "SASinks"] + kit),
    program("gcksctl", values + ["IKECrypto", "AuditTrail", "RootKey"] + service + [product("Yams", "Yams")]),
    .executableTarget(
        name: "gcks-loadgen",
        dependencies: allProtocol + ["DatagramIO", "AuthorityCore", "RootKey", swiftCrypto, arguments] + x509 + nio,
        path: "Tools/LoadGenerator", swiftSettings: house),
    .executableTarget(
        name: "gcks-chaos", dependencies: allProtocol + [arguments], path: "Tools/Chaos", swiftSettings: house),
]

let testTargets: [Target] = [
    .target(name: "TestKit", dependencies: allProtocol, path: "Tests/TestKit", swiftSettings: house),
    tests("Laws", "LawTests", []),
    tests("Base/Octets", "OctetsTests", ["Octets"]),
    tests("Base/KeyMaterial", "KeyMaterialTests", ["Octets", "KeyMaterial"]),
    tests("Base/IKEVocabulary", "IKEVocabularyTests", ["IKEVocabulary"]),
    tests("Protocol/IKEWire", "IKEWireTests", ["Octets", "IKEVocabulary", "IKEWire"]),
    tests(
        "Protocol/IKECrypto", "IKECryptoTests",
        ["Octets", "KeyMaterial", "IKEVocabulary", "IKECrypto", "COpenSSL", swiftCrypto] + x509),
    tests("Protocol/GroupModel", "GroupModelTests", ["IKEVocabulary", "GroupModel"]),
    tests("Protocol/IKEExchange", "IKEExchangeTests", allProtocol),
    tests("Protocol/AuditTrail", "AuditTrailTests", allProtocol),
    tests("Protocol/GroupKeying", "GroupKeyingTests", allProtocol),
    tests("Roles/RegistrationCore", "RegistrationCoreTests", allProtocol + ["RegistrationCore"]),
    tests("Roles/AuthorityCore", "AuthorityCoreTests", allProtocol + ["AuthorityCore", "RootKey"]),
    tests("Roles/BroadcastCore", "BroadcastCoreTests", values + ["BroadcastCore"]),
    tests("Roles/MemberCore", "MemberCoreTests", allProtocol + ["MemberCore"]),
    tests("Adapters/DatagramIO", "DatagramIOTests", values + ["DatagramIO"] + nio),
    tests(
        "Adapters/AuthorityRPC", "AuthorityRPCTests",
        values + ["AuthorityRPC", "ProgramKit", "Settings", "gcksctl"] + grpc + nio + tls + x509),
    tests("Adapters/ReplicatedStore", "ReplicatedStoreTests", values + ["ReplicatedStore", "gcks-store"] + nio),
    tests("Adapters/AdminHTTP", "AdminHTTPTests", values + ["AdminHTTP"] + nio),
    tests("Adapters/SASinks", "SASinksTests", values + ["SASinks"]),
    tests("Adapters/RootKey", "RootKeyTests", values + ["RootKey"]),
    tests("Adapters/Settings", "SettingsTests", values + ["Settings"]),
    tests("Adapters/Telemetry", "TelemetryTests", values + ["Telemetry", log]),
    tests(
        "Programs", "ProgramTests",
        allProtocol + [
            "ProgramKit", "gcks-member", "gcks-authority", "AuthorityCore", "AuthorityRPC", "ReplicatedStore",
            "RootKey",
            "SASinks", "Settings", "Telemetry",
        ] + nio),
    tests("Scenarios", "ScenarioTests", allProtocol, exclude: ["Transcripts"]),
    tests("Chaos", "ChaosTests", allProtocol + ["gcks-chaos"]),
    tests("Interop", "InteropTests", allProtocol),
    tests("Fuzz", "FuzzTests", allProtocol + ["RegistrationCore", "MemberCore"]),
]

let package = Package(
    name: "gcks",
    products: [],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
        .package(url: "https://github.com/apple/swift-nio-http2", exact: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", exact: "1.35.2"),
        .package(url: "https://github.com/apple/swift-protobuf", exact: "1.39.0", traits: []),
        .package(url: "https://github.com/grpc/grpc-swift-2", exact: "2.4.3"),
        .package(url: "https://github.com/grpc/grpc-swift-nio-transport", exact: "2.9.2"),
        .package(url: "https://github.com/grpc/grpc-swift-protobuf", exact: "2.4.1"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-certificates", exact: "1.21.1"),
        .package(url: "https://github.com/apple/swift-asn1", exact: "1.7.4"),
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
    ],
    targets: base + system + protocolRooms + roles + adapters + programs + testTargets
)
