// picks PROCESSES THREADS PICKS: that many embedded picks in each of so many threads
// of so many processes that share the ledger which PORTPICKER_LEDGER names. Prints
// the microseconds for a pick, all of them together.

import Glibc
import PortPicker

guard CommandLine.arguments.count == 4,
  let processes = Int(CommandLine.arguments[1]),
  let threads = Int(CommandLine.arguments[2]),
  let picks = Int(CommandLine.arguments[3])
else { exit(64) }
let options = PickOptions(source: .ledger, pool: [10000...60000])

/// Runs this program again as one of the processes, which begins when its standard
/// input ends: a child made by fork(2) alone is no place for a Swift runtime.
func startPicker(_ gate: Int32) -> pid_t {
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  posix_spawn_file_actions_adddup2(&actions, gate, 0)
  var child: pid_t = 0
  let arguments = [CommandLine.arguments[0], "0", "\(threads)", "\(picks)"]
  var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
  pointers.append(nil)
  posix_spawn(&child, "/proc/self/exe", &actions, nil, pointers, environ)
  return child
}

if processes == 0 {
  // Its own start is not measured: it is ready when it waits.
  _ = try pickUnusedPort(options: options)
  _ = write(1, "ready\n", 6)
  var byte: UInt8 = 0
  while read(0, &byte, 1) == 1 {}
  onThreads(threads) { [picks, options] in
    for _ in 0..<picks where (try? pickUnusedPort(options: options)) == nil {
      exit(1)
    }
  }
  exit(0)
}

var gate: [Int32] = [0, 0]
var ready: [Int32] = [0, 0]
guard pipe(&gate) == 0, pipe(&ready) == 0 else { exit(1) }
for number in gate + ready { _ = fcntl(number, F_SETFD, FD_CLOEXEC) }
let standardOutput = dup(1)
_ = fcntl(standardOutput, F_SETFD, FD_CLOEXEC)
dup2(ready[1], 1)
for _ in 0..<processes where startPicker(gate[0]) == 0 { exit(1) }
dup2(standardOutput, 1)
close(ready[1])
var lines = 0
var byte: UInt8 = 0
while lines < processes, read(ready[0], &byte, 1) == 1 {
  if byte == UInt8(ascii: "\n") { lines += 1 }
}
let clock = ContinuousClock()
var failures = 0
let time = clock.measure {
  close(gate[0])
  close(gate[1])
  var status: Int32 = 0
  while wait(&status) > 0 { if status != 0 { failures += 1 } }
}
print(time / .microseconds(1) / Double(processes * threads * picks))
exit(failures == 0 ? 0 : 1)
