/// Whether the kernel has IPv6: a socket of that family can be made.
package func hasIPv6() -> Bool {
  (try? readFile("/proc/net/if_inet6", limit: 1)) != nil
}
