/// The signals that a thread blocks.
package struct SignalMask: @unchecked Sendable {
  let set: sigset_t
}
