import ArgumentParser
import HostSystem
import PortPicker

/// `portpicker return`: gives ports back.
struct ReturnCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "return",
    abstract: "Give ports back before their process has ended.",
    discussion: """
      Whoever uses them should have stopped, for others may get them at once.

      A port server takes back what you leased, or what your own processes have.

      Exit status: 0, or 1 if nobody had one of the ports or it could not be \
      given back, or 64 if an argument makes no sense.
      """)

  @Argument(
    help: "The ports.", transform: ArgumentText.port)
  var port: [UInt16]

  @OptionGroup var source: SourceOptions

  func run() throws {
    let unknown = try Picker.shared.giveBackLeases(
      of: port, source.pickOptions())
    if unknown.isEmpty { return }
    complain(
      (unknown.count == 1 ? "port " : "ports ")
        + unknown.map { "\($0)" }.joined(separator: ", ")
        + (unknown.count == 1 ? " is" : " are")
        + " not leased; portpicker status lists what is",
      as: "portpicker")
    throw ExitCode(1)
  }
}
