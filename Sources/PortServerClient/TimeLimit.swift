package import HostSystem

/// How long an operation may take, from the moment at which this is made.
package struct TimeLimit: Sendable {
  package let duration: Duration
  package let deadline: Deadline

  package init(_ duration: Duration) {
    self.duration = duration
    deadline = Deadline(after: duration)
  }
}
