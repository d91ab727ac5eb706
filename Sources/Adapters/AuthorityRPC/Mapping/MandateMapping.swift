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
}

extension Gcks_V1_Mandate {
    package init(_ mandate: Mandate) {
        self.init()
        operation = Data(mandate.operation.octets)
        if let text = mandate.reason?.text { reason = text }
        dryRun = mandate.isDryRun
    }
}
