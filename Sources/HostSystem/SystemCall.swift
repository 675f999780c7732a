package import SystemPackage

/// Makes a system call and turns its failure into an `Errno`.
///
/// - Parameters:
///   - retrying: Whether a call that a signal interrupted (`EINTR`) is made
///     again. Switch it off where the call has a time limit of its own that
///     has to be worked out anew.
///   - call: The call; -1 means that it failed and set `errno`.
/// - Returns: What the call returned.
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
