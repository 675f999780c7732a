/// Whether `/proc` hides processes from users that may not inspect them
/// (`hidepid`, proc(5)).
///
/// If it does, command lines must not be shown to other users.
///
/// - Returns: `true` also if it cannot be determined.
package func procHidesProcesses() -> Bool {
  guard
    let mounts = try? readFile("/proc/self/mountinfo", limit: 1 << 20),
    let hides = procHidesProcesses(mounts: mounts)
  else { return true }
  return hides
}

/// Whether `/proc` hides processes, by the text of `/proc/self/mountinfo`
/// (proc_pid_mountinfo(5)).
///
/// - Returns: `nil` if nothing is mounted on `/proc`.
func procHidesProcesses(mounts: [UInt8]) -> Bool? {
  var hides: Bool?
  for line in mounts.split(separator: UInt8(ascii: "\n")) {
    let fields = String(decoding: line, as: UTF8.self).split(separator: " ")
    // Of several mounts, the last one is visible.
    guard fields.count > 4, fields[4] == "/proc", let options = fields.last
    else { continue }
    hides = options.split(separator: ",").contains {
      $0.hasPrefix("hidepid=") && $0 != "hidepid=0" && $0 != "hidepid=off"
    }
  }
  return hides
}
