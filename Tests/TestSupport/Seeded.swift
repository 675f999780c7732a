/// Random numbers that are the same in every run (xorshift64*).
package struct Seeded: RandomNumberGenerator {
  private var state: UInt64

  package init(seed: Int) {
    // The state must not be 0 for any seed.
    state = UInt64(truncatingIfNeeded: seed) &* 2 &+ 0x9E37_79B9_7F4A_7C15
  }

  package mutating func next() -> UInt64 {
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    return state &* 0x2545_F491_4F6C_DD1D
  }
}
