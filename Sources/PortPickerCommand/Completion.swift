import ArgumentParser
import PortPicker
import PortProtocol

/// Completes leased ports, in shells that support custom completions.
///
/// It offers nothing if the leases cannot be read within 300 ms.
var leasedPorts: CompletionKind {
  .custom { _, _, _ in
    Picker.shared.leasedPorts(within: .milliseconds(300)).map { "\($0)" }
  }
}

/// Completes leased ports and claimed names.
var leasedPortsAndNames: CompletionKind {
  .custom { words, _, _ in
    Picker.shared.leasedPorts(within: .milliseconds(300)).map { "\($0)" }
      + names(in: words, withManifest: false)
  }
}

/// Completes the names that a place has claimed, and those of its manifest.
var portNames: CompletionKind {
  .custom { words, _, _ in names(in: words, withManifest: true) }
}

/// Completes the names that a place has claimed.
var claimedNames: CompletionKind {
  .custom { words, _, _ in names(in: words, withManifest: false) }
}

/// The names of the place that a command line is about, as far as they can be read.
private func names(in words: [String], withManifest: Bool) -> [String] {
  // A warning would be written over the command line.
  PortPickerWarnings.handler = { _ in }
  var directory: String?
  for (option, value) in zip(words, words.dropFirst()) where option == "--at" {
    directory = value
  }
  for word in words where word.hasPrefix("--at=") {
    directory = String(word.dropFirst(5))
  }
  var names = (try? namedPorts(at: directory).map(\.name)) ?? []
  if withManifest, let place = try? Place(at: directory) {
    let manifest = try? Manifest.read(at: place.path)
    names += manifest?.entries.map(\.name) ?? []
  }
  return Set(names).sorted()
}

/// Makes a completion script complete the program after `run --` and `with --` as the
/// shell would by itself.
///
/// ArgumentParser cannot express that.
func completingPrograms(_ script: String) -> String {
  var lines = script.split(
    separator: "\n", omittingEmptySubsequences: false
  ).map { String($0) }
  switch lines.first ?? "" {
  case "#!/bin/bash":
    // A function around the generated one, which declares names read-only that
    // other programs' completions use.
    guard let last = lines.lastIndex(where: { $0.hasPrefix("complete ") })
    else { return script }
    lines[last] = """
      _portpicker_or_program() {
          local -i _portpicker_index
          if [[ ${COMP_WORDS[1]} == run || ${COMP_WORDS[1]} == with ]]; then
              for ((_portpicker_index = 2; _portpicker_index < COMP_CWORD; _portpicker_index++)); do
                  [[ ${COMP_WORDS[_portpicker_index]} == -- ]] || continue
                  ((_portpicker_index++))
                  if declare -F _comp_command_offset >/dev/null; then
                      _comp_command_offset "${_portpicker_index}"
                  elif declare -F _command_offset >/dev/null; then
                      _command_offset "${_portpicker_index}"
                  elif ((_portpicker_index == COMP_CWORD)); then
                      COMPREPLY=($(compgen -c -- "${2}"))
                  else
                      COMPREPLY=($(compgen -f -- "${2}"))
                  fi
                  return
              done
          fi
          _portpicker "${@}"
      }

      complete -o filenames -F _portpicker_or_program portpicker
      """
  case "#compdef portpicker":
    lines = lines.map {
      $0.range(ofFirst: "'*:command:") != nil
        ? "        '*::command:_portpicker_program'" : $0
    }
    lines[0] += """


      _portpicker_program() {
          [[ ${words[1]} == -- ]] && shift words && ((CURRENT--))
          _normal
      }
      """
  default:
    // The position of the cursor within a word is not used, and only an interactive
    // shell knows it.
    lines = lines.map {
      guard let cursor = $0.range(ofFirst: "(__portpicker_tokens -tC)")
      else { return $0 }
      return $0[..<cursor.lowerBound] + "0" + $0[cursor.upperBound...]
    }
    lines.append(
      """

      function __portpicker_program
          set -l words (commandline -opc)
          contains -- "$words[2]" run with; or return 1
          set -l index (contains -i -- -- $words); or return 1
          string escape -- $words[(math $index + 1)..]
          return 0
      end

      function __portpicker_complete_program
          complete -C (string join ' ' -- (__portpicker_program) (commandline -ct))
      end

      complete -c 'portpicker' -n '__portpicker_program >/dev/null' -xa '(__portpicker_complete_program)'
      """)
  }
  return lines.joined(separator: "\n")
}
