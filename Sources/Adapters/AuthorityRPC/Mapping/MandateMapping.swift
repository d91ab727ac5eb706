import Foundation
package import GroupModel

extension Mandate {
    package init(_ wire: Gcks_V1_Mandate) throws(ContractError) {
        var reason: Reason?
        if wire.hasReason {
            let text = try checkedText(wire.reason, "Mandate.reason", atMost: Reason.octets)
            reason = try required(Reason(text), "Mandate.reason")
        }
        self.init(
            operation: try OperationID(wire: wire.operation, "Mandate.operation"), reason: reason,
            isDryRun: wire.dryRun)
    }

    /// Of a field that a change must have: `field` names it when it is not there.
    init(_ isPresent: Bool, _ wire: Gcks_V1_Mandate, _ field: String) throws(ContractError) {
        guard isPresent else { throw ContractError(field, .missing) }
        try self.init(wire)
    }
}

extension Gcks_V1_Mandate {
    package init(_ mandate: Mandate) {
        self.init()
        operation = Data(mandate.operation.octets)
        if let text = mandate.reason?.text { reason = text }
        dryRun = mandate.isDryRun
    }
}
