import GroupModel
import IKEVocabulary
import KeyMaterial
import Octets

/// The tables that hold `StoredState`.
enum Tables {
    static let groups = Table<GroupRow>(
        name: "group_state", columns: ["name", "definition", "generation", "next_sender_id", "changed_at"],
        key: ["name"],
        encode: { (row) throws(StoreFailure) in
            [
                .name(row.name), .text(try StoredDefinition.text(of: row.definition)),
                .integer(row.generation.rawValue), .number(row.nextSenderID), .time(row.changedAt),
            ]
        },
        decode: { (reader) throws(StoreFailure) in
            let name = try reader.groupName()
            let definition = try StoredDefinition.definition(from: try reader.text("definition"), of: name)
            return GroupRow(
                name: name, definition: definition,
                generation: GSAGeneration(rawValue: try reader.integer("generation")),
                nextSenderID: try reader.number("next_sender_id"), changedAt: try reader.time("changed_at"))
        })

    static let nextSenderIDStatement = "UPDATE group_state SET next_sender_id = ? WHERE name = ?"

    static let rekeySAs = Table<RekeySARow>(
        name: "rekey_sa",
        columns: [
            "spi", "group_name", "sealed_keymat", "auth_key", "sealed_signing_key", "next_message_id", "created_at",
            "expires_at", "retired_at",
        ],
        key: ["spi"],
        encode: { (row) in
            [
                .blob(row.spi.octets), .name(row.group), .blob(row.sealedKeymat.octets), .blob(row.authKey),
                .blob(row.sealedSigningKey?.octets), .number(row.nextMessageID.rawValue), .time(row.createdAt),
                .time(row.expiresAt), .time(row.retiredAt),
            ]
        },
        decode: { (reader) throws(StoreFailure) in
            let spi = try reader.rekeySPI()
            let group = try reader.groupName()
            return RekeySARow(
                group: group, spi: spi, sealedKeymat: SealedKey(octets: try reader.blob("sealed_keymat")),
                authKey: try reader.optionalBlob("auth_key"),
                sealedSigningKey: try reader.optionalBlob("sealed_signing_key").map { SealedKey(octets: $0) },
                nextMessageID: MessageID(rawValue: try reader.number("next_message_id")),
                createdAt: try reader.time("created_at"), expiresAt: try reader.time("expires_at"),
                retiredAt: try reader.optionalTime("retired_at"))
        })

    static let dataSAs = Table<DataSARow>(
        name: "data_sa",
        columns: ["group_name", "spi", "name", "sealed_key", "created_at", "expires_at", "retired_at"],
        key: ["group_name", "spi"],
        encode: { (row) in
            [
                .name(row.group), .number(row.spi.rawValue), .text(row.name), .blob(row.sealedKey.octets),
                .time(row.createdAt), .time(row.expiresAt), .time(row.retiredAt),
            ]
        },
        decode: { (reader) throws(StoreFailure) in
            let group = try reader.groupName()
            let spi = ESPSPI(rawValue: try reader.number("spi"))
            return DataSARow(
                group: group, name: try reader.text("name"), spi: spi,
                sealedKey: SealedKey(octets: try reader.blob("sealed_key")), createdAt: try reader.time("created_at"),
                expiresAt: try reader.time("expires_at"), retiredAt: try reader.optionalTime("retired_at"))
        })

    static let members = Table<MemberRow>(
        name: "member",
        columns: [
            "group_name", "identity_type", "identity", "is_sender", "sender_ids", "supports_fragmentation",
            "authentication", "registered_at", "remote", "frontend", "operation",
        ],
        key: ["group_name", "identity_type", "identity"],
        encode: { (row) in
            [
                .name(row.group), .number(row.identity.type.rawValue), .blob(row.identity.octets),
                .bool(row.isSender), .senderIDs(row.senderIDs), .bool(row.supportsFragmentation),
                .text(row.authentication.rawValue), .time(row.registeredAt), .text(row.remote.description),
                .text(row.frontend), .blob(row.operation.octets),
            ]
        },
        decode: { (reader) throws(StoreFailure) in
            let group = try reader.groupName()
            let type = IDType(rawValue: try reader.number("identity_type"))
            let identity = Identity(type: type, octets: try reader.blob("identity"))
            return MemberRow(
                group: group, identity: identity, isSender: try reader.bool("is_sender"),
                senderIDs: try reader.senderIDs(), supportsFragmentation: try reader.bool("supports_fragmentation"),
                authentication: try reader.parsed("authentication") { MemberAuthentication(rawValue: $0) },
                registeredAt: try reader.time("registered_at"),
                remote: try reader.parsed("remote") { Endpoint($0) }, frontend: try reader.text("frontend"),
                operation: try reader.operation())
        })

    static let operations = Table<OperationRow>(
        name: "operation", columns: ["operation", "at", "kind", "group_name", "sender_ids", "summary"],
        key: ["operation"],
        encode: { (row) in
            [
                .blob(row.operation.octets), .time(row.at), .text(row.kind), .text(row.group?.text ?? ""),
                .senderIDs(row.senderIDs), .text(row.summary),
            ]
        },
        decode: { (reader) throws(StoreFailure) in
            let operation = try reader.operation()
            return OperationRow(
                operation: operation, at: try reader.time("at"), kind: try reader.text("kind"),
                group: try reader.optionalGroupName(), senderIDs: try reader.senderIDs(),
                summary: try reader.text("summary"))
        })

    /// A Sender-ID that was given: guards that nobody is given it again.
    struct GivenSenderID: Sendable {
        let group: GroupName
        let id: SenderID
        let operation: OperationID
        let at: WallTime
    }

    static let senderIDs = Table<GivenSenderID>(
        name: "sender_id", columns: ["group_name", "id", "operation", "given_at"], key: ["group_name", "id"],
        encode: { (row) in
            [.name(row.group), .number(row.id.rawValue), .blob(row.operation.octets), .time(row.at)]
        },
        decode: { (reader) throws(StoreFailure) in
            let group = try reader.groupName()
            let id = SenderID(rawValue: try reader.number("id"))
            return GivenSenderID(
                group: group, id: id, operation: try reader.operation(), at: try reader.time("given_at"))
        })
}
