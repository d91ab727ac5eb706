import Octets

/// Octets from hex in a test vector; white space is skipped. A slip in a vector must fail the test, so it gives nothing.
package func hex(_ text: String) -> [UInt8] { Hex.decode(text) ?? [] }
