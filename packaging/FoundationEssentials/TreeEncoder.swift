/// Encodes a value into a node.
struct TreeEncoder: Encoder {
  let node: Node
  let codingPath: [any CodingKey]
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func container<Key: CodingKey>(
    keyedBy type: Key.Type
  ) -> KeyedEncodingContainer<Key> {
    node.content = .object([:])
    return KeyedEncodingContainer(Members(node: node, codingPath: codingPath))
  }

  func unkeyedContainer() -> any UnkeyedEncodingContainer {
    node.content = .array([])
    return Elements(node: node, codingPath: codingPath)
  }

  func singleValueContainer() -> any SingleValueEncodingContainer {
    Single(node: node, codingPath: codingPath)
  }
}

/// The one value of a node.
struct Single: SingleValueEncodingContainer {
  let node: Node
  let codingPath: [any CodingKey]

  func encodeNil() { node.content = .null }
  func encode(_ value: Bool) { node.content = .literal("\(value)") }
  func encode(_ value: String) { node.content = .string(value) }
  func encode<T: Encodable>(_ value: T) throws {
    switch value {
    case let value as any BinaryInteger: node.content = .literal("\(value)")
    case is any BinaryFloatingPoint:
      throw EncodingError.invalidValue(
        value, .init(codingPath: codingPath, debugDescription: "has a fraction")
      )
    case let value as [String: String]:
      // A dictionary encodes itself with keys of its own type.
      node.content = .object([:])
      for (key, member) in value { node.member(key).content = .string(member) }
    default:
      try value.encode(to: TreeEncoder(node: node, codingPath: codingPath))
    }
  }
}

/// The members of an object.
struct Members<Key: CodingKey>: KeyedEncodingContainerProtocol {
  let node: Node
  let codingPath: [any CodingKey]

  private func single(_ key: Key) -> Single {
    Single(node: node.member(key.stringValue), codingPath: codingPath + [key])
  }

  func encodeNil(forKey key: Key) { single(key).encodeNil() }
  func encode<T: Encodable>(_ value: T, forKey key: Key) throws {
    try single(key).encode(value)
  }

  func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type, forKey key: Key
  ) -> KeyedEncodingContainer<Nested> {
    TreeEncoder(
      node: node.member(key.stringValue), codingPath: codingPath + [key]
    )
    .container(keyedBy: type)
  }

  func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
    TreeEncoder(
      node: node.member(key.stringValue), codingPath: codingPath + [key]
    )
    .unkeyedContainer()
  }

  func superEncoder() -> any Encoder {
    TreeEncoder(node: node.member("super"), codingPath: codingPath)
  }

  func superEncoder(forKey key: Key) -> any Encoder {
    TreeEncoder(
      node: node.member(key.stringValue), codingPath: codingPath + [key])
  }
}

/// The elements of an array.
struct Elements: UnkeyedEncodingContainer {
  let node: Node
  let codingPath: [any CodingKey]

  var count: Int {
    guard case .array(let elements) = node.content else { return 0 }
    return elements.count
  }

  func encodeNil() { node.element().content = .null }
  func encode<T: Encodable>(_ value: T) throws {
    try Single(node: node.element(), codingPath: codingPath).encode(value)
  }

  func nestedContainer<Key: CodingKey>(
    keyedBy type: Key.Type
  ) -> KeyedEncodingContainer<Key> {
    TreeEncoder(node: node.element(), codingPath: codingPath)
      .container(keyedBy: type)
  }

  func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
    TreeEncoder(node: node.element(), codingPath: codingPath).unkeyedContainer()
  }

  func superEncoder() -> any Encoder {
    TreeEncoder(node: node.element(), codingPath: codingPath)
  }
}
