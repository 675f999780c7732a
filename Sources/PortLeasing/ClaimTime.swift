/// The time of a claim as its file has it: `2026-11-28T14:31:00Z`.
enum ClaimTime {
  private static let length = 20
  private static let secondsPerDay: Int64 = 86_400
  private static let zero = UInt8(ascii: "0")

  /// Parses a time.
  ///
  /// - Returns: Seconds since 1970; `nil` if it is not a time from 1970 to 9999 in
  ///   this format.
  static func seconds(_ text: ArraySlice<UInt8>) -> Int64? {
    let text = Array(text)
    guard text.count == length, text[4] == UInt8(ascii: "-"),
      text[7] == UInt8(ascii: "-"), text[10] == UInt8(ascii: "T"),
      text[13] == UInt8(ascii: ":"), text[16] == UInt8(ascii: ":"),
      text[19] == UInt8(ascii: "Z"),
      let year = number(text[0..<4]), let month = number(text[5..<7]),
      let day = number(text[8..<10]), let hour = number(text[11..<13]),
      let minute = number(text[14..<16]), let second = number(text[17..<19]),
      year >= 1970, (1...12).contains(month), day >= 1,
      hour < 24, minute < 60, second < 60
    else { return nil }
    let days = days(toYear: year, month, day)
    // A day that the month does not have is one of the next month.
    guard date(ofDay: days) == (year, month, day) else { return nil }
    return days * secondsPerDay + hour * 3600 + minute * 60 + second
  }

  /// The text of a time.
  ///
  /// - Parameter seconds: Seconds since 1970; clamped to the years 1970 to 9999.
  /// - Returns: The text.
  static func text(_ seconds: Int64) -> String {
    let seconds = min(max(seconds, 0), 253_402_300_799)
    let (year, month, day) = date(ofDay: seconds / secondsPerDay)
    let rest = seconds % secondsPerDay
    return padded(year, 4) + "-" + padded(month, 2) + "-" + padded(day, 2) + "T"
      + padded(rest / 3600, 2) + ":" + padded(rest / 60 % 60, 2) + ":"
      + padded(rest % 60, 2) + "Z"
  }

  private static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
    var number: Int64 = 0
    for digit in digits {
      guard (zero...zero + 9).contains(digit) else { return nil }
      number = number * 10 + Int64(digit - zero)
    }
    return number
  }

  private static func padded(_ number: Int64, _ length: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(length - digits.count, 0)) + digits
  }

  // The Gregorian calendar repeats every 400 years. Years that begin in March have
  // their leap day at the end.

  private static let daysPerEra: Int64 = 146_097
  /// From the first of March of year 0 to 1970.
  private static let daysToEpoch: Int64 = 719_468

  private static func days(
    toYear year: Int64, _ month: Int64, _ day: Int64
  ) -> Int64 {
    let year = month <= 2 ? year - 1 : year
    let yearOfEra = year % 400
    let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return year / 400 * daysPerEra + dayOfEra - daysToEpoch
  }

  private static func date(
    ofDay day: Int64
  ) -> (year: Int64, month: Int64, day: Int64) {
    let day = day + daysToEpoch
    let dayOfEra = day % daysPerEra
    let yearOfEra =
      (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096)
      / 365
    let dayOfYear =
      dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let month = (5 * dayOfYear + 2) / 153
    let year = day / daysPerEra * 400 + yearOfEra + (month >= 10 ? 1 : 0)
    return (
      year, month < 10 ? month + 3 : month - 9,
      dayOfYear - (153 * month + 2) / 5 + 1
    )
  }
}
