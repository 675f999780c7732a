/// Whether this host lets tests make namespaces with unshare(1): as root, or
/// with user namespaces.
package let canUnshare: Bool = {
  let result = try? Command(
    "/usr/bin/env",
    ["unshare", "--pid", "--fork", "--mount-proc", "--net", "true"]
  ).run()
  return result?.status == 0
}()
