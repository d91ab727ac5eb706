/// What is running here.
package enum Build {
    package static let version = "0.1.0"
}
