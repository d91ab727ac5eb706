import Foundation
import IKEVocabulary

// The checks every mapping from the wire uses. Nothing here can trap on any message.

func checkedText(
    _ text: String, _ field: String, atMost limit: Int = Limits.nameOctets
) throws(ContractError) -> String {
    guard text.utf8.count <= limit else { throw ContractError(field, .tooLong(limit: limit)) }
    return text
}

func checkedOctets(
    _ data: Data, _ field: String, atMost limit: Int = Limits.octetsPerField
) throws(ContractError) -> [UInt8] {
    guard data.count <= limit else { throw ContractError(field, .tooLong(limit: limit)) }
    return [UInt8](data)
}

/// The same number in the width the model has.
func narrowed<Narrow: FixedWidthInteger>(_ number: some FixedWidthInteger, _ field: String) throws(ContractError)
    -> Narrow
{
    guard let narrow = Narrow(exactly: number) else { throw ContractError(field, .outOfRange) }
    return narrow
}

func checkedList<Wire, Value>(
    _ items: [Wire], _ field: String, atMost limit: Int, _ map: (Wire) throws(ContractError) -> Value
) throws(ContractError) -> [Value] {
    guard items.count <= limit else { throw ContractError(field, .tooLong(limit: limit)) }
    var values: [Value] = []
    values.reserveCapacity(items.count)
    for item in items { values.append(try map(item)) }
    return values
}

func required<Value>(_ value: Value?, _ field: String, _ problem: ContractError.Problem = .outOfRange)
    throws(ContractError) -> Value
{
    guard let value else { throw ContractError(field, problem) }
    return value
}

/// The model's case whose wire form is `wire`; the unspecified zero and numbers of a newer contract match none.
func closedEnum<Wire: Equatable, Value>(
    _ wire: Wire, _ field: String, among values: [Value], _ encode: (Value) -> Wire
) throws(ContractError) -> Value {
    try required(values.first { encode($0) == wire }, field, .unknownValue)
}

/// 1970 … 9999, so that no arithmetic on it can overflow.
func checkedTime(_ milliseconds: Int64, _ field: String) throws(ContractError) -> WallTime {
    guard (0...253_402_300_799_999).contains(milliseconds) else { throw ContractError(field, .outOfRange) }
    return WallTime(milliseconds: milliseconds)
}

/// 0 … one day.
func checkedDelay(nanoseconds: Int64, _ field: String) throws(ContractError) -> Duration {
    guard (0...86_400_000_000_000).contains(nanoseconds) else { throw ContractError(field, .outOfRange) }
    return .nanoseconds(nanoseconds)
}

/// Whole nanoseconds, rounded down; saturates.
func wireNanoseconds(_ duration: Duration) -> Int64 {
    let (seconds, attoseconds) = duration.components
    let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, carry) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
    return overflow || carry ? .max : sum
}

func checkedCounters(_ counters: [String: Int64], _ field: String) throws(ContractError) -> [String: Int64] {
    guard counters.count <= Limits.counters else { throw ContractError(field, .tooLong(limit: Limits.counters)) }
    for name in counters.keys { _ = try checkedText(name, field) }
    return counters
}
