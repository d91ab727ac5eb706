// The plugins of the dependencies are the product of this package; SwiftPM wants one target that names them.
