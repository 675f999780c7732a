/// Whether `/proc` hides processes from users who have no right to look into them
/// (`hidepid`, proc(5)), so that their command lines are nobody else's business.
///
/// - Returns: `true` also where that cannot be told.
package func procHidesProcesses() -> Bool {
  guard
    let mounts = try? readFile("/proc/self/mountinfo", limit: 1 << 20),
    let hides = procHidesProcesses(mounts: mounts)
  else { return true }
  return hides
}

/// Reads that from the text of `/proc/self/mountinfo` (proc_pid_mountinfo(5)).
///
/// - Returns: `nil` where nothing is mounted on `/proc`.
func procHidesProcesses(mounts: [UInt8]) -> Bool? {
  var hides: Bool?
  for line in mounts.split(separator: UInt8(ascii: "\n")) {
    let fields = String(decoding: line, as: UTF8.self).split(separator: " ")
    // The last of several that are mounted there counts.
    guard fields.count > 4, fields[4] == "/proc", let options = fields.last
    else { continue }
    hides = options.split(separator: ",").contains {
      $0.hasPrefix("hidepid=") && $0 != "hidepid=0" && $0 != "hidepid=off"
    }
  }
  return hides
}
