package import SystemPackage

/// Makes a system call and throws its failure as an `Errno`.
///
/// - Parameters:
///   - retrying: Whether to repeat a call that a signal interrupted (`EINTR`).
///     Pass `false` if the call has a time limit that must be computed anew.
///   - call: The call. A result of -1 means that it failed and set `errno`.
/// - Returns: The call's result.
/// - Throws: The `errno` that the call set.
@discardableResult
package func systemCall<Result: SignedInteger>(
  retrying: Bool = true, _ call: () -> Result
) throws(Errno) -> Result {
  while true {
    let result = call()
    if result != -1 { return result }
    let error = Errno(rawValue: errno)
    if !retrying || error != .interrupted { throw error }
  }
}
