/// The version of this package (https://semver.org).
package let portPickerVersion = "0.1.0"
