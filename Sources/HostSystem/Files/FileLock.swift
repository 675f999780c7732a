package import SystemPackage

/// The process that has a file locked with flock(2), as `/proc/locks` says
/// (proc_locks(5)); `nil` where it does not.
package func lockHolder(of file: Stat) -> Int32? {
  guard let locks = try? readTextFile("/proc/locks", limit: 1 << 20) else {
    return nil
  }
  let device = file.deviceID.rawValue
  // makedev(3): how the kernel's major and minor numbers make up `st_dev`.
  let major = (device >> 8 & 0xFFF) | (device >> 32 & ~0xFFF)
  let minor = (device & 0xFF) | (device >> 12 & ~0xFF)
  for line in locks.split(separator: "\n") {
    // 1: FLOCK  ADVISORY  WRITE 4242 00:1b:5 0 EOF
    let fields = line.split(separator: " ")
    guard fields.count >= 6, fields[1] == "FLOCK" else { continue }
    let place = fields[5].split(separator: ":")
    guard
      place.count == 3, UInt64(place[0], radix: 16) == UInt64(major),
      UInt64(place[1], radix: 16) == UInt64(minor),
      UInt64(place[2]) == UInt64(file.inode.rawValue)
    else { continue }
    return Int32(fields[4])
  }
  return nil
}
