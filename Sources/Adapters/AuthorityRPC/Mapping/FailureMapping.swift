import Foundation
import GRPCCore
package import GroupModel
import SwiftProtobuf

/// The key of the trailing metadata that carries a serialised gcks.v1.Failure.
let failureMetadataKey = "gcks-failure-bin"

extension OperatorFailure {
    package init(_ wire: Gcks_V1_Failure) throws(ContractError) {
        switch wire.kind {
        case .notFound(let text): self = .notFound(try Self.text(text, "Failure.not_found"))
        case .invalid(let list):
            self = .invalid(
                try checkedList(
                    list.faults, "Failure.faults", atMost: Limits.faults
                ) { fault throws(ContractError) in
                    DefinitionFault(
                        path: try Self.text(fault.path, "Fault.path"),
                        problem: try Self.text(fault.problem, "Fault.problem"),
                        valid: try Self.text(fault.valid, "Fault.valid"))
                })
        case .conflict(let text): self = .conflict(try Self.text(text, "Failure.conflict"))
        case .notAuthorised(let text): self = .notAuthorised(try Self.text(text, "Failure.not_authorised"))
        case .notLeader(let hint):
            let leader = try checkedText(hint.leader, "NotLeader.leader")
            self = .notLeader(leader.isEmpty ? nil : leader)
        case .unavailable(let text): self = .unavailable(try Self.text(text, "Failure.unavailable"))
        case .unknownOutcome(let id):
            self = .unknownOutcome(try OperationID(wire: id, "Failure.unknown_outcome"))
        case nil: throw ContractError("Failure.kind", .missing)
        }
    }

    private static func text(_ text: String, _ field: String) throws(ContractError) -> String {
        try checkedText(text, field, atMost: Limits.textOctets)
    }
}

extension Gcks_V1_Failure {
    package init(_ failure: OperatorFailure) {
        self.init()
        switch failure {
        case .notFound(let text): notFound = text
        case .invalid(let faults):
            invalid.faults = faults.map { fault in
                var wire = Fault()
                wire.path = fault.path
                wire.problem = fault.problem
                wire.valid = fault.valid
                return wire
            }
        case .conflict(let text): conflict = text
        case .notAuthorised(let text): notAuthorised = text
        case .notLeader(let leader): notLeader.leader = leader ?? ""
        case .unavailable(let text): unavailable = text
        case .unknownOutcome(let operation): unknownOutcome = Data(operation.octets)
        }
    }
}

extension OperatorFailure {
    /// The gRPC status code that generic tools understand; the detail beside it is what our clients read.
    private var statusCode: RPCError.Code {
        switch self {
        case .notFound: .notFound
        case .invalid: .invalidArgument
        case .conflict: .aborted
        case .notAuthorised: .permissionDenied
        case .notLeader: .failedPrecondition
        case .unavailable: .unavailable
        case .unknownOutcome: .unknown
        }
    }

    private var statusText: String {
        switch self {
        case .notFound(let text), .conflict(let text), .notAuthorised(let text), .unavailable(let text): text
        case .invalid(let faults): "\(faults.count) faults"
        case .notLeader(let leader): leader.map { "the leader is \($0)" } ?? "no leader is known"
        case .unknownOutcome(let operation): "the outcome of \(operation) is not known"
        }
    }

    var rpcError: RPCError {
        var metadata: Metadata = [:]
        let detail: [UInt8]? = try? Gcks_V1_Failure(self).serializedBytes()
        if let detail { metadata.addBinary(detail, forKey: failureMetadataKey) }
        return RPCError(code: statusCode, message: statusText, metadata: metadata)
    }

    /// The failure a server attached; nil when the error carries none (the connection broke, or it is not our server).
    init?(attachedTo error: RPCError) {
        for detail in error.metadata[binaryValues: failureMetadataKey] {
            guard let wire = try? Gcks_V1_Failure(serializedBytes: detail), let failure = try? OperatorFailure(wire)
            else { continue }
            self = failure
            return
        }
        return nil
    }
}

extension StreamRefusal {
    var rpcError: RPCError {
        switch self {
        case .notLeader(let leader): OperatorFailure.notLeader(leader).rpcError
        case .unavailable(let reason): OperatorFailure.unavailable(reason).rpcError
        }
    }
}

extension ContractError {
    var rpcError: RPCError { RPCError(code: .invalidArgument, message: description) }
}

extension RekeyScope {
    package init(_ wire: Gcks_V1_RekeyNowRequest.Scope) throws(ContractError) {
        self = try closedEnum(
            wire, "RekeyNowRequest.scope", among: Self.allCases, Gcks_V1_RekeyNowRequest.Scope.init)
    }
}

extension Gcks_V1_RekeyNowRequest.Scope {
    package init(_ scope: RekeyScope) {
        switch scope {
        case .tek: self = .tek
        case .kek: self = .kek
        case .all: self = .all
        case .authKey: self = .authKey
        }
    }
}
